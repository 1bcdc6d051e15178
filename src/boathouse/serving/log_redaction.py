"""The row that is kept of a log entry: personal columns hidden, long bodies cut to whole records."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from boathouse.endpoints.keyed_hash import hash_value
from boathouse.endpoints.log_contract import NOT_READABLE, REQUEST_TOO_LONG, RESPONSE_TOO_LONG
from boathouse.serving.log_masking import MASK, Hide, RequestMask, hide_column, storable, to_document, to_standard
from boathouse.serving.logged_features import encode_features

if TYPE_CHECKING:
    from boathouse.endpoints.log_contract import LogEntry
    from boathouse.endpoints.options import LogOptions


# The key under which each form of a body holds its records, one list entry each.
_RECORD_KEYS = ("dataframe_records", "instances", "predictions")
# Forms without column names: what in them is personal cannot be known.
_NAMELESS = ("instances", "inputs")

_TOO_LONG = {"request": REQUEST_TOO_LONG, "response": RESPONSE_TOO_LONG}
# What Python writes for numbers that JSON does not have.
_NOT_JSON = ("NaN", "Infinity")
# Columns of a row whose text comes from outside, or may.
_TEXTS = ("client_request_id", "request", "response", "served_entity_id", "model_version", "requester", "endpoint")


def hide_columns(document: Any, columns: Collection[str], hide: Hide) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``document`` with the values of ``columns`` replaced by ``hide(value)``; null stays null.

    A column is found as a key at any depth, and by its position in ``dataframe_split``. Where a body carries
    rows without names (``instances`` or ``inputs`` as bare lists), every value is hidden: none is known
    to be harmless.
    """
    if isinstance(document, dict) and columns:
        return {key: _hide_entry(key, value, columns, hide) for key, value in document.items()}
    return document


def _hide_entry(key: str, value: Any, columns: Collection[str], hide: Hide) -> Any:  # noqa: ANN401
    if key in columns:
        return _hide_all(value, hide_column(hide, key))
    if key == "dataframe_split" and isinstance(value, dict):
        return _hide_split(value, columns, hide)
    if key in _NAMELESS and _is_nameless(value):
        return _hide_all(value, hide)
    return _hide_below(value, columns, hide)


def _hide_below(value: Any, columns: Collection[str], hide: Hide) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {
            key: _hide_all(each, hide_column(hide, key)) if key in columns else _hide_below(each, columns, hide)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_hide_below(each, columns, hide) if isinstance(each, dict | list) else each for each in value]
    return value


def _hide_all(value: Any, hide: Hide) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_hide_all(each, hide) for each in value]
    if isinstance(value, dict):
        return {key: _hide_all(each, hide) for key, each in value.items()}
    return None if value is None else hide(value)


def _hide_split(split: dict[str, Any], columns: Collection[str], hide: Hide) -> dict[str, Any]:
    """Hide by position; a body whose shape is not that of the form is hidden whole. An index may be a key: hidden."""
    names, rows = split.get("columns"), split.get("data")
    if not isinstance(names, list) or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        hidden: dict[str, Any] = _hide_all(split, hide)
        return hidden
    hidden_at = {position: hide_column(hide, name) for position, name in enumerate(names) if name in columns}
    # Values beyond the names have no column: hidden as well.
    beyond = range(len(names), max(map(len, rows), default=0))
    hidden_at |= dict.fromkeys(beyond, hide)
    data = [
        [_hide_all(value, hidden_at[place]) if place in hidden_at else value for place, value in enumerate(row)]
        for row in rows
    ]
    rest = {key: _hide_all(value, hide) for key, value in split.items() if key not in {"columns", "data"}}
    return {"columns": names, "data": data, **rest}


def _is_nameless(value: Any) -> bool:  # noqa: ANN401
    """Return whether a value of ``instances`` or ``inputs`` holds anything outside of an object."""
    if isinstance(value, dict):
        return False
    return not (isinstance(value, list) and all(isinstance(each, dict) for each in value))


def find_records(document: Any) -> list[Any] | None:  # noqa: ANN401
    """Return the list that holds one entry per record, or None if the form has none."""
    if not isinstance(document, dict):
        return None
    split = document.get("dataframe_split")
    lists = [split.get("data")] if isinstance(split, dict) else []
    lists += [document.get(key) for key in _RECORD_KEYS]
    return next((each for each in lists if isinstance(each, list)), None)


def keep_first_records(document: Any, count: int) -> Any:  # noqa: ANN401
    """Return ``document`` with its first ``count`` records alone."""
    split = document.get("dataframe_split")
    if isinstance(split, dict) and isinstance(split.get("data"), list):
        cut = {key: value[:count] if key in {"data", "index"} else value for key, value in split.items()}
        return {**document, "dataframe_split": cut}
    key = next(key for key in _RECORD_KEYS if isinstance(document.get(key), list))
    return {**document, key: document[key][:count]}


def shorten(text: str, limit: int, *, load: Callable[[str], Any] = json.loads) -> str | None:
    """Return JSON of the first whole records of ``text`` that fit into ``limit`` bytes, or None if none does.

    The result can be read like any other body: records are dropped from the end, never cut in two.
    """
    document = load(text)
    records = find_records(document)
    if not records:
        return None
    count = len(records)
    size = len(text.encode())
    while count:
        count = min(count - 1, count * limit // size)
        if not count:
            break
        cut = json.dumps(keep_first_records(document, count), separators=(",", ":"), ensure_ascii=False)
        size = len(cut.encode())
        if size <= limit:
            return cut
    return None


def choose_hidden(policy: str, columns: Collection[str], always: Collection[str]) -> frozenset[str]:
    """Return the columns whose values are replaced: those of conf unless it keeps them, and ``always`` these.

    Args:
        policy: ``hash``, ``mask`` or ``keep``.
        columns: The personal columns that conf names; they add to ``always`` and take nothing from it.
        always: The keys of persons, as the use case declares them.
    """
    return frozenset(always) | (frozenset() if policy == "keep" else frozenset(columns))


class SaltedHash:
    """Replaces hidden values by their hash, those of a key by that of its one spelling."""

    def __init__(self, salt: bytes, types: Mapping[str, str]) -> None:
        """Keep the salt, and the type of each key by its column."""
        self._salt, self._types = salt, types

    def __call__(self, value: object) -> str:
        """Return the hash of a value whose column is not known."""
        return hash_value(value, self._salt)

    def of_column(self, column: str) -> Hide:
        """Return what hashes the values of ``column``."""
        dtype = self._types.get(column)
        return self if dtype is None else lambda value: hash_value(value, self._salt, dtype)


def choose_hiding(policy: str, salt: bytes, types: Mapping[str, str] | None = None) -> Hide:
    """Return what replaces a hidden value: a mask for the policy ``mask``, else its salted hash.

    Args:
        policy: ``hash``, ``mask`` or ``keep``.
        salt: Of the hash.
        types: Type of each key of the use case, by its column.
    """
    return (lambda _: MASK) if policy == "mask" else SaltedHash(salt, types or {})


class Redactor:
    """The rules of one endpoint."""

    def __init__(
        self,
        options: LogOptions,
        salt: bytes,
        *,
        always: Collection[str] = (),
        types: Mapping[str, str] | None = None,
    ) -> None:
        """Fix what is personal and what becomes of it.

        Args:
            options: What conf says of personal columns.
            salt: Of the hash.
            always: Columns that are hidden whatever the options.
            types: Type of each key of the use case, by its column: a key has one hash in all spellings.
        """
        self._columns = choose_hidden(options.personal_policy, options.personal_columns, always)
        self._quoted = [json.dumps(name, ensure_ascii=False) for name in self._columns]
        self._hide = choose_hiding(options.personal_policy, salt, types)
        self._limit = options.max_payload_bytes

    def encode(self, entry: LogEntry) -> bytes:
        """Return the row of ``entry`` as a line of JSON; bodies that cannot be written are null, with a code.

        Nothing that a request holds makes this fail: half of a surrogate pair is written as its number, and a body
        that is nested deeper than Python goes is left out.
        """
        try:
            return orjson.dumps(self.redact(entry), option=orjson.OPT_APPEND_NEWLINE)
        except Exception:  # noqa: BLE001 - whatever a body holds, its request is a row
            codes = (*entry.logging_error_codes, NOT_READABLE)
            bare = replace(entry, request=None, response=None, columns=None, looked_up=(), logging_error_codes=codes)
            return orjson.dumps(_make_storable(bare.to_row()), option=orjson.OPT_APPEND_NEWLINE)

    def redact(self, entry: LogEntry) -> dict[str, Any]:
        """Return the row; what could not be kept as it was is null or shorter, and an error code gives the reason.

        A body in which personal columns cannot be found, because it is no JSON, is not kept at all.
        """
        row = entry.to_row()
        row["request"], codes = self._reduce_request(entry)
        row["logging_error_codes"] += codes
        if entry.looked_up:
            row["looked_up"], codes = encode_features(
                entry.looked_up, hidden=self._columns, hide=self._hide, limit=self._limit
            )
            row["logging_error_codes"] += codes
        if entry.response is not None:
            row["response"], codes = self._reduce_response(entry.response)
            row["logging_error_codes"] += codes
        return _make_storable(row)

    def _reduce_request(self, entry: LogEntry) -> tuple[str | None, list[str]]:
        if entry.columns is None and entry.request is None:
            return None, []
        text = entry.request or ""
        if self._columns or entry.columns is not None or any(word in text for word in _NOT_JSON):
            try:
                document = _load(text) if entry.columns is None else to_document(entry.columns)
            except (RecursionError, ValueError):
                return None, [NOT_READABLE]
            text = orjson.dumps(self._hide_request(document, entry)).decode()
        return self._shorten("request", text)

    def _hide_request(self, document: Any, entry: LogEntry) -> Any:  # noqa: ANN401 - any JSON value
        if not self._columns:
            return document
        if entry.known is None:
            return hide_columns(document, self._columns, self._hide)
        return RequestMask(self._columns, self._hide, entry.known).mask(document)

    def _reduce_response(self, text: str) -> tuple[str | None, list[str]]:
        # Scores name no column of a request: most answers need not be read again.
        if any(name in text for name in self._quoted):
            try:
                document = orjson.loads(text)
            except orjson.JSONDecodeError:
                return None, [NOT_READABLE]
            text = orjson.dumps(hide_columns(document, self._columns, self._hide)).decode()
        return self._shorten("response", text)

    def _shorten(self, field: str, text: str) -> tuple[str | None, list[str]]:
        # A character is one to four bytes: most bodies need not be counted.
        if len(text) * 4 <= self._limit or len(text.encode(errors="replace")) <= self._limit:
            return text, []
        try:
            return shorten(text, self._limit, load=orjson.loads), [_TOO_LONG[field]]
        except orjson.JSONDecodeError:
            return None, [_TOO_LONG[field], NOT_READABLE]


def _load(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the document of a body that the endpoint reads: NaN and half surrogate pairs, as Python writes them, too.

    Raises:
        ValueError: If it is no JSON.
        RecursionError: If it is nested too deep.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return to_standard(json.loads(text))


def _make_storable(row: dict[str, Any]) -> dict[str, Any]:
    for name in _TEXTS:
        text = row[name]
        if text is not None and not text.isascii():
            row[name] = storable(text)
    return row
