r"""Keys of an entity: one value for each, however it was written, and one name for each fault.

A key column is a whole number (``bigint``) or a text (``string``), as its contract says. Batch, stream, endpoint,
look-up and experiments read keys by these rules; :func:`boathouse.tables.row_rules.read_key` is the same for columns of
a table.

===========  ==========================================================================================================
type         what is a key of it
===========  ==========================================================================================================
``bigint``   a whole number of 64 bits; its decimal digits (ASCII) as text, with a sign, leading zeros or spaces around
             them (``0017`` is 17); a floating-point number that is whole and below 2^53, from where on neighbouring
             whole numbers share one
``string``   a text, without the spaces around it, that is not empty and has no control characters; letters count as
             they are: upper and lower case, and differently composed ones, are different keys
===========  ==========================================================================================================

Null, NaN and a text of nothing but spaces are no value: ``<column>_not_null``. Anything else, and true and false, is no
key: the rule ``<column>_type`` is broken. Then the contract's own rules count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from boathouse.errors import KeyValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.tables.contract import Column

# As Java, Rust and Python read it: characters that no text key has.
CONTROL_CHARACTERS = r"[\x00-\x1f\x7f]"
# Floating-point numbers from here on stand for more than one whole number.
FLOAT_LIMIT = 2**53
_CONTROL = re.compile(CONTROL_CHARACTERS)
_WHOLE = re.compile(r"([+-]?)0*([0-9]{1,19})")
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_EXPECTED = {"bigint": "a whole number", "string": "text"}
_SHOWN = {bool: "a boolean", str: "text", list: "a list", tuple: "a list", dict: "a dictionary"}

Key = int | str


def read_key(value: object, column: Column) -> Key | None:
    """Return the key that ``value`` is, checked by the column's own rules; None where there is no value.

    Raises:
        KeyValueError: Naming the rule that is broken, never the value.
    """
    if is_missing(value):
        return None
    key = read_typed(value, column.dtype)
    if key is None:
        raise KeyValueError(column.name, "type", f"{_EXPECTED[column.dtype]} is expected, found {_describe(value)}")
    _check_rules(key, column)
    return key


def is_missing(value: object) -> bool:
    """Return whether there is no value: null, NaN, or a text of nothing but spaces."""
    if isinstance(value, str):
        return not value.strip(" ")
    return value is None or value != value  # noqa: PLR0124 - NaN differs from itself


def read_typed(value: object, dtype: str) -> Key | None:
    """Return the key of type ``dtype`` that ``value`` is, or None if it is none."""
    if dtype == "string":
        return _read_text(value)
    if type(value) is int:
        return value if _LOWEST <= value <= _HIGHEST else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < FLOAT_LIMIT else None
    found = _WHOLE.fullmatch(value.strip(" ")) if isinstance(value, str) else None
    if found is None:
        return None
    number = int(found[1] + found[2])
    return number if _LOWEST <= number <= _HIGHEST else None


def read_keys(values: Sequence[Any], column: Column) -> list[Key | None]:
    """Return the keys of one column of several rows.

    Raises:
        KeyValueError: Of the first row that has none, with its number from 0.
    """
    if (
        column.dtype == "bigint"
        and column.allowed is None
        and column.pattern is None
        and set(map(type, values)) == {int}
    ):
        low = _LOWEST if column.minimum is None else max(_LOWEST, column.minimum)
        high = _HIGHEST if column.maximum is None else min(_HIGHEST, column.maximum)
        if low <= min(values) and max(values) <= high:
            return list(values)
    keys = []
    for row, value in enumerate(values):
        try:
            keys.append(read_key(value, column))
        except KeyValueError as error:
            raise KeyValueError(error.column, error.fault, error.reason, row=row) from None
    return keys


def is_writable(text: str) -> bool:
    """Return whether UTF-8 has the text: half of a surrogate pair is no character, and no database holds it."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _read_text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip(" ")
    return text if text and not _CONTROL.search(text) and is_writable(text) else None


def _check_rules(key: Key, column: Column) -> None:
    if column.allowed is not None and key not in column.allowed:
        raise KeyValueError(column.name, "allowed", "it is none of the values allowed")
    if isinstance(key, int):
        low, high = column.minimum, column.maximum
        if (low is not None and key < low) or (high is not None and key > high):
            ends = f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}"
            raise KeyValueError(column.name, "in_range", f"outside of its range, {ends}")
    if column.pattern is not None and not re.search(column.pattern, str(key)):
        raise KeyValueError(column.name, "pattern", f"expected is what matches {column.pattern}")


def _describe(value: object) -> str:
    if isinstance(value, float) and abs(value) >= FLOAT_LIMIT:
        return "a floating-point number that stands for several whole ones: send it as a whole number or as text"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "another number"
    return _SHOWN.get(type(value), "another type")
