"""Columns of a request as the model needs them: numbers within their ranges, and keys of the declared types."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.errors import InvocationError, KeyValueError
from boathouse.scoring.spec import LARGEST
from boathouse.tables.keys import read_keys
from boathouse.tables.text_forms import NUMBER

if TYPE_CHECKING:
    from boathouse.tables.contract import Column

# Rows whose columns are converted together: Python's lock is held meanwhile.
_ROWS_TOGETHER = 1000
_NUMBER = re.compile(rf" *({NUMBER}) *")
# What a refusal calls a value's type.
_WORDS = {bool: "a boolean", str: "text", list: "a list", tuple: "a list", dict: "a dictionary", type(None): "null"}


def to_matrix(columns: Mapping[str, Sequence[Any]], names: Sequence[str], rows: int) -> np.ndarray:
    """Return the columns ``names`` as float64, one row per row of the request; null is NaN.

    Text that writes a number as delivered files do, and true/false are taken for numbers, as by MLflow's server.

    Raises:
        InvocationError: Naming column and row of the first value that is no number, or beyond single precision.
    """
    if not rows or not names:
        return np.empty((rows, len(names)))
    values = [columns[name] for name in names]
    try:
        if rows <= _ROWS_TOGETHER:
            numbers, types = np.array(values, dtype=np.float64), set(map(type, chain.from_iterable(values)))
        else:
            numbers, types = _stack(values, rows), set().union(*(set(map(type, column)) for column in values))
        if str in types:
            _check_texts(values)
    except (ValueError, TypeError, OverflowError):
        numbers = np.empty(0)
    if numbers.shape != (len(names), rows) or is_beyond(numbers).any():
        raise _find_wrong(values, names)
    return np.ascontiguousarray(numbers.T)


def _stack(values: Sequence[Sequence[Any]], rows: int) -> np.ndarray:
    """Return the columns, converted one after the other: other threads come in between."""
    numbers = np.empty((len(values), rows))
    for place, column in enumerate(values):
        converted = np.array(column, dtype=np.float64)
        if converted.shape != (rows,):
            return np.empty(0)
        numbers[place] = converted
        time.sleep(0)
    return numbers


def is_beyond(numbers: np.ndarray) -> np.ndarray:
    """Return where a number is beyond single precision; NaN is not."""
    beyond: np.ndarray = np.abs(numbers) > LARGEST
    return beyond


def normalise_keys(columns: Mapping[str, Sequence[Any]], keys: Mapping[str, Column]) -> dict[str, list[Any]]:
    """Return those of ``columns`` that are keys, in their one spelling, as the contract of ``keys`` has it.

    Null stays null.

    Raises:
        InvocationError: Naming column, row and rule of the first value that is no key.
    """
    try:
        return {name: read_keys(columns[name], column) for name, column in keys.items() if name in columns}
    except KeyValueError as error:
        raise InvocationError.bad_request(str(error)) from None


def to_keys(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> list[tuple[int | str, ...]]:
    """Return the key of each row from columns that are normalised.

    Raises:
        InvocationError: Naming column and row of the first part that is null.
    """
    for name in names:
        if None in columns[name]:
            row = list(columns[name]).index(None)
            raise InvocationError.bad_request(f"Column '{name}', row {row}: the key is null ({name}_not_null).")
    return list(zip(*(columns[name] for name in names), strict=True))


class ValueCheck:
    """The legal values of some columns, laid out once for every request that has these columns."""

    def __init__(
        self, names: Sequence[str], declared: Mapping[str, Column], ranges: Mapping[str, Sequence[float]]
    ) -> None:
        """Lay the legal values beside the columns ``names``; a column that nothing is declared of takes any number.

        Args:
            names: The columns, in the order of the matrix.
            declared: Column of a feature or field, with its legal values, by name.
            ranges: Narrower limits of the endpoint.
        """
        self._names = tuple(names)
        self._rules, lows, highs = [], [], []
        # What may be left of a number after its whole part: nothing where whole numbers are legal.
        self._steps: list[float] = []
        self._lists: list[tuple[int, np.ndarray]] = []
        for place, name in enumerate(names):
            low, high, rule = _limits(declared.get(name))
            own = ranges.get(name, (-np.inf, np.inf))
            lows.append(max(low, own[0]))
            highs.append(min(high, own[1]))
            self._rules.append(rule)
            allowed = declared[name].allowed if name in declared else None
            self._steps.append(np.inf if allowed is None else 0.0)
            if allowed is not None and len(allowed) < high - low + 1:
                self._lists.append((place, np.array(allowed, dtype=np.float64)))
        self._lows, self._highs, self._has_steps = np.array(lows), np.array(highs), 0.0 in self._steps
        self._checks = bool(np.isfinite(self._lows).any() or np.isfinite(self._highs).any())

    def check(self, matrix: np.ndarray) -> None:
        """Check a matrix of these columns; NaN passes.

        Raises:
            InvocationError: Naming column, row and rule of the first value that is not legal.
        """
        if not self._checks:
            return
        outside = (matrix < self._lows) | (matrix > self._highs)
        if self._has_steps:
            # What is left of NaN is NaN, and not above zero.
            outside |= np.mod(matrix, 1) > self._steps
        for place, allowed in self._lists:
            outside[:, place] |= ~np.isin(matrix[:, place], allowed) & ~np.isnan(matrix[:, place])
        if outside.any():
            row, column = (int(each) for each in np.argwhere(outside)[0])
            name, rule = self._names[column], self._rules[column]
            ends = f"{self._lows[column]:g} to {self._highs[column]:g}"
            kind = "its whole numbers" if rule == "allowed" else "its range"
            raise InvocationError.bad_request(f"Column '{name}', row {row}: outside of {kind}, {ends} ({name}_{rule}).")


def _limits(column: Column | None) -> tuple[float, float, str]:
    """Return smallest and largest legal value of a column, and the rule that another value breaks."""
    if column is None:
        return -np.inf, np.inf, "in_range"
    if column.allowed is not None:
        numbers = [float(value) for value in column.allowed]
        return min(numbers), max(numbers), "allowed"
    low, high = column.minimum, column.maximum
    return -np.inf if low is None else low, np.inf if high is None else high, "in_range"


def _find_wrong(values: Sequence[Sequence[Any]], names: Sequence[str]) -> InvocationError:
    for name, column in zip(names, values, strict=True):
        for row, value in enumerate(column):
            if not _is_number(value):
                is_text = isinstance(value, str) and not _NUMBER.fullmatch(value)
                rule = "not_finite" if isinstance(value, int | float | str) and not is_text else "type"
                found = f"found {_describe(0 if rule == 'not_finite' else value)} ({name}_{rule})"
                return InvocationError.bad_request(
                    f"Column '{name}', row {row}: a number or null is expected, {found}."
                )
    return InvocationError.bad_request("The columns cannot be read as numbers.")


def _check_texts(values: Sequence[Sequence[Any]]) -> None:
    """Refuse what Python reads as a number and a delivered file does not: ``1_000``, ``nan``, digits beyond ASCII.

    Raises:
        ValueError: If there is such a text.
    """
    if any(isinstance(value, str) and not _NUMBER.fullmatch(value) for column in values for value in column):
        raise ValueError


def _is_number(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return False
    if not isinstance(value, int | float | str):
        return False
    try:
        return not abs(float(value)) > LARGEST
    except (ValueError, OverflowError):
        return False


def _describe(value: object) -> str:
    return _WORDS.get(type(value), "a number beyond all bounds" if isinstance(value, int | float) else "another type")
