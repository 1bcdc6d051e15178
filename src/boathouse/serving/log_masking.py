"""The body of a request as the log may keep it: what no model knows is masked, by its value and by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache, partial
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boathouse.endpoints.log_contract import KnownColumns

MASK = "***"
Hide = Callable[[Any], Any]
_PLAIN = frozenset({bool, float, int, type(None)})
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER, _LARGEST_WHOLE = 40, 2**63
_ROW_FORMS = ("dataframe_records", "instances", "inputs")
_PARAMS = ("details", "explain")
# Names of one body that are compared with the known ones: a body of thousands of names costs no more.
_COMPARED_NAMES = 20
_LONGEST_NAME = 64
# difflib's ratio from which an unknown name counts as a known one misspelt.
_CLOSE = 0.8


class RequestMask:
    """The masking of one body; a body is masked as a whole, or not at all."""

    def __init__(self, hidden: frozenset[str], hide: Hide, known: KnownColumns) -> None:
        """Fix the rules.

        Args:
            hidden: Columns whose values ``hide`` replaces.
            hide: Gives the replacement of a value that is not null.
            known: Further columns; a value of another column is masked, and so is the name of the column unless it
                is a known one misspelt: where a header is missing, values stand in the place of names.
        """
        self._hidden, self._hide, self._known = hidden, hide, known
        self._names = hidden | known.numbers | known.texts
        self._numbers = known.numbers - hidden
        self._shown: dict[str, str] = {}
        self._compared = 0

    def mask(self, document: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return the document with its form kept and nothing in it that could be about a person."""
        if not isinstance(document, dict):
            return _mask_cell(document)
        return {self._show_key(key): self._mask_entry(key, value) for key, value in document.items()}

    def _show_key(self, key: str) -> str:
        is_known = key in _ROW_FORMS or key in {"dataframe_split", "params", "client_request_id"}
        return key if is_known else self._show(key)

    def _mask_entry(self, key: str, value: Any) -> Any:  # noqa: ANN401
        if key == "dataframe_split":
            return self._mask_split(value)
        if key in _ROW_FORMS:
            return self._mask_rows(value)
        if key == "params" and isinstance(value, dict):
            return {self._show_param(name): _mask_param(name, each) for name, each in value.items()}
        if key == "client_request_id" and isinstance(value, str | int | float):
            return value
        return _mask_cell(value)

    def _show_param(self, name: str) -> str:
        return name if name in _PARAMS else self._show(name)

    def _mask_rows(self, value: Any) -> Any:  # noqa: ANN401
        """Mask rows in a list, columns in a dictionary; values without names are masked whole."""
        if isinstance(value, list):
            return [self._mask_record(row) if isinstance(row, dict) else _mask_nameless(row) for row in value]
        if isinstance(value, dict):
            return self.mask_columns(value)
        return _mask_cell(value)

    def _mask_record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        masked = {}
        for name, value in row.items():
            if name in self._numbers and type(value) in _PLAIN:
                masked[name] = value
            else:
                masked[self._show(name)] = self._choose(name)(value)
        return masked

    def mask_columns(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns, each a list of values or a single value, masked value by value."""
        return {self._show(name): _map_values(self._choose(name), values) for name, values in columns.items()}

    def _mask_split(self, split: Any) -> Any:  # noqa: ANN401
        """Mask by position; a body whose shape is not that of the form is masked whole, and an index always."""
        names, rows = (split.get("columns"), split.get("data")) if isinstance(split, dict) else (None, None)
        if not isinstance(names, list) or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            return MASK
        texts = [name if isinstance(name, str) else str(name) for name in names]
        masks = [self._choose(name) for name in texts]
        data = [
            [mask(value) for mask, value in zip(masks, row, strict=False)] + [MASK for _ in row[len(masks) :]]
            for row in rows
        ]
        rest = {"index": _mask_nameless(split["index"])} if "index" in split else {}
        return {"columns": [self._show(name) for name in texts], "data": data, **rest}

    def _choose(self, name: str) -> Hide:
        """Return what becomes of a value of the column ``name``."""
        if name in self._hidden:
            return partial(_hide_cell, hide_column(self._hide, name))
        if name in self._numbers:
            return _mask_text
        return _mask_nested if name in self._known.texts else _mask_cell

    def _show(self, name: str) -> str:
        """Return the name itself if it is known, or a known one misspelt; else a number in its place."""
        if name in self._names:
            return name
        shown = self._shown.get(name)
        if shown is None:
            self._compared += 1
            close = self._compared <= _COMPARED_NAMES and is_misspelling(name, self._names)
            shown = self._shown[name] = name if close else f"{MASK}{len(self._shown) + 1}"
        return shown


@lru_cache(maxsize=1024)
def is_misspelling(name: str, known: frozenset[str]) -> bool:
    """Return whether ``name`` is one of ``known`` but for case, signs and few letters; digits have to be the same."""
    if len(name) > _LONGEST_NAME:
        return False
    candidates = [_letters(each) for each in known if _digits(each) == _digits(name)]
    return bool(_letters(name)) and bool(get_close_matches(_letters(name), candidates, n=1, cutoff=_CLOSE))


def to_document(columns: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return columns as a ``dataframe_split`` of values that JSON has, and records as ``dataframe_records``."""
    if not isinstance(columns, Mapping):
        return {"dataframe_records": [to_standard(record) for record in columns]}
    data = [[_to_json(value) for value in row] for row in zip(*columns.values(), strict=True)]
    return {"dataframe_split": {"columns": list(columns), "data": data}}


def to_standard(value: Any) -> Any:  # noqa: ANN401 - what Python's JSON reader takes beyond the standard
    """Return a document without what JSON does not have: NaN is null, infinite and huge numbers are text."""
    if isinstance(value, dict):
        return {storable(key): to_standard(each) for key, each in value.items()}
    if isinstance(value, list):
        return [to_standard(each) for each in value]
    return storable(value) if isinstance(value, str) else _to_number(value)


def storable(text: str) -> str:
    """Return a text that UTF-8 can hold: half of a surrogate pair is written as its number."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _to_json(value: Any) -> Any:  # noqa: ANN401 - any value of a file
    """Return a value of a CSV or Parquet file; a text is a number if it writes one as JSON does, unlike ``0017``."""
    if _writes_number(value):
        return float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list | dict):
        return MASK
    return value.isoformat() if isinstance(value, date) else _to_number(value)


def _to_number(value: Any) -> Any:  # noqa: ANN401
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value) if abs(int(value)) < _LARGEST_WHOLE else str(value)
    if not isinstance(value, Real | Decimal):
        return MASK
    number = float(value)
    return number if isfinite(number) else None if number != number else str(number)  # noqa: PLR0124 - NaN


def _writes_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and len(value) <= _LONGEST_NUMBER and bool(_NUMBER.fullmatch(value))


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalpha())


def _digits(name: str) -> str:
    return "".join(letter for letter in name if letter.isdigit())


def _map_values(mask: Hide, values: Any) -> Any:  # noqa: ANN401
    return [mask(value) for value in values] if isinstance(values, list | tuple) else mask(values)


def hide_column(hide: Hide, column: str) -> Hide:
    """Return what replaces the values of ``column``: ``hide.of_column`` gives it where ``hide`` has such a method."""
    of_column = getattr(hide, "of_column", None)
    return hide if of_column is None else of_column(column)


def _hide_cell(hide: Hide, value: Any) -> Any:  # noqa: ANN401
    if value is None:
        return None
    return MASK if isinstance(value, dict | list) else hide(value)


def _mask_cell(value: Any) -> Any:  # noqa: ANN401
    return None if value is None else MASK


def _mask_nested(value: Any) -> Any:  # noqa: ANN401
    return MASK if isinstance(value, dict | list) else value


def _mask_text(value: Any) -> Any:  # noqa: ANN401
    """Return a number or a text that writes one; anything else in a column of numbers is masked."""
    return value if type(value) in _PLAIN or _writes_number(value) else MASK


def _mask_nameless(row: Any) -> Any:  # noqa: ANN401
    return [_mask_cell(value) for value in row] if isinstance(row, list) else _mask_cell(row)


def _mask_param(name: str, value: Any) -> Any:  # noqa: ANN401
    return value if name in _PARAMS and isinstance(value, bool) else _mask_cell(value)
