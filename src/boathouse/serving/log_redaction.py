"""The row that is kept of a log entry: personal columns hidden, long bodies cut to whole records."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import orjson

from boathouse.atomic_files import write_once
from boathouse.endpoints.log_contract import NOT_READABLE, REQUEST_TOO_LONG, RESPONSE_TOO_LONG
from boathouse.endpoints.routing import name_unit

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.endpoints.log_contract import LogEntry
    from boathouse.endpoints.options import LogOptions


# The key under which each form of a body holds its records, one list entry each.
_RECORD_KEYS = ("dataframe_records", "instances", "predictions")
# Forms without column names: what in them is personal cannot be known.
_NAMELESS = ("instances", "inputs")

_TOO_LONG = {"request": REQUEST_TOO_LONG, "response": RESPONSE_TOO_LONG}
VARIABLE = "BOATHOUSE_LOG_SALT"
_SALT_FILE = "salt"
MASK = "***"
# 96 bits: no two of a billion keys collide by chance, and the log stays short.
_DIGEST_BYTES = 12
Hide = Callable[[Any], Any]


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
        return _hide_all(value, hide)
    if key == "dataframe_split" and isinstance(value, dict):
        return _hide_split(value, columns, hide)
    if key in _NAMELESS and _is_nameless(value):
        return _hide_all(value, hide)
    return _hide_below(value, columns, hide)


def _hide_below(value: Any, columns: Collection[str], hide: Hide) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {
            key: _hide_all(each, hide) if key in columns else _hide_below(each, columns, hide)
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
    positions = {position for position, name in enumerate(names) if name in columns}
    # Values beyond the names have no column: hidden as well.
    data = [
        [
            _hide_all(value, hide) if position in positions or position >= len(names) else value
            for position, value in enumerate(row)
        ]
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


def hash_value(value: object, salt: bytes) -> str:
    """Return 24 hexadecimal digits that identify a value without revealing it (BLAKE2b keyed with ``salt``).

    17, 17.0 and "17" give the same digits, so that units found elsewhere can be joined. Without the salt
    the digits of a short key could be found by trying all keys.
    """
    text = name_unit(value) or ""
    return hashlib.blake2b(text.encode(), key=salt, digest_size=_DIGEST_BYTES).hexdigest()


def choose_hidden(policy: str, columns: Collection[str], always: Collection[str]) -> frozenset[str]:
    """Return the columns whose values are replaced: those of conf unless it keeps them, and ``always`` these.

    Args:
        policy: ``hash``, ``mask`` or ``keep``.
        columns: The personal columns that conf names; they add to ``always`` and take nothing from it.
        always: The keys of persons, as the use case declares them.
    """
    return frozenset(always) | (frozenset() if policy == "keep" else frozenset(columns))


def choose_hiding(policy: str, salt: bytes) -> Callable[[object], str]:
    """Return what replaces a hidden value: a mask for the policy ``mask``, else its salted hash."""
    if policy == "mask":
        return lambda _: MASK
    return lambda value: hash_value(value, salt)


class Redactor:
    """The rules of one endpoint."""

    def __init__(self, options: LogOptions, salt: bytes, *, always: Collection[str] = ()) -> None:
        """Fix what is personal and what becomes of it; columns of ``always`` are hidden whatever the options."""
        self._columns = choose_hidden(options.personal_policy, options.personal_columns, always)
        self._hide = choose_hiding(options.personal_policy, salt)
        self._limit = options.max_payload_bytes

    def encode(self, entry: LogEntry) -> bytes:
        """Return the row of ``entry`` as a line of JSON; bodies that cannot be written are null, with a code."""
        try:
            return orjson.dumps(self.redact(entry), option=orjson.OPT_APPEND_NEWLINE)
        except (RecursionError, TypeError, ValueError):
            # Half of a surrogate pair, or a body nested deeper than Python goes.
            codes = [*entry.logging_error_codes, NOT_READABLE]
            row = {**entry.to_row(), "request": None, "response": None, "logging_error_codes": codes}
            return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)

    def redact(self, entry: LogEntry) -> dict[str, Any]:
        """Return the row; what could not be kept as it was is null or shorter, and an error code gives the reason.

        A body in which personal columns cannot be found, because it is no JSON, is not kept at all.
        """
        row = entry.to_row()
        for field in ("request", "response"):
            if row[field] is not None:
                row[field], codes = self._reduce(field, row[field])
                row["logging_error_codes"] += codes
        return row

    def _reduce(self, field: str, text: str) -> tuple[str | None, list[str]]:
        if self._columns:
            try:
                document = orjson.loads(text)
            except orjson.JSONDecodeError:
                return None, [NOT_READABLE]
            text = orjson.dumps(hide_columns(document, self._columns, self._hide)).decode()
        # A character is one to four bytes: most bodies need not be counted.
        if len(text) * 4 <= self._limit or len(text.encode()) <= self._limit:
            return text, []
        try:
            return shorten(text, self._limit, load=orjson.loads), [_TOO_LONG[field]]
        except orjson.JSONDecodeError:
            return None, [_TOO_LONG[field], NOT_READABLE]


def read_salt(folder: Path) -> bytes:
    """Return 32 bytes: made from the variable ``BOATHOUSE_LOG_SALT``, else random and kept in ``folder``.

    The file is made once and readable by its owner alone. Endpoints on several machines whose logs are
    read together need the variable: each machine's file would be another salt.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return hashlib.sha256(given.encode()).digest()
    held = write_once(folder / _SALT_FILE, secrets.token_hex(32).encode(), mode=0o600)
    return bytes.fromhex(held.decode())
