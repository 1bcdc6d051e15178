"""Columns of a request as the model needs them: numbers within their ranges, and keys of the declared types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from boathouse.errors import InvocationError

# Estimators compute in single precision: a larger number would be infinite there.
LARGEST = float(np.finfo(np.float32).max)
# What a refusal calls a value's type.
_WORDS = {bool: "a boolean", str: "text", list: "a list", tuple: "a list", dict: "a dictionary", type(None): "null"}


def to_matrix(columns: Mapping[str, Sequence[Any]], names: Sequence[str], rows: int) -> np.ndarray:
    """Return the columns ``names`` as float64, one row per row of the request; null is NaN.

    Text that writes a number and true/false are taken for numbers, as MLflow's server does.

    Raises:
        InvocationError: Naming column and row of the first value that is no number, or beyond single precision.
    """
    if not rows or not names:
        return np.empty((rows, len(names)))
    values = [columns[name] for name in names]
    try:
        numbers = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        numbers = np.empty(0)
    if numbers.shape != (len(names), rows) or is_beyond(numbers).any():
        raise _find_wrong(values, names)
    return np.ascontiguousarray(numbers.T)


def is_beyond(numbers: np.ndarray) -> np.ndarray:
    """Return where a number is beyond single precision; NaN is not."""
    beyond: np.ndarray = np.abs(numbers) > LARGEST
    return beyond


def to_keys(columns: Mapping[str, Sequence[Any]], keys: Sequence[tuple[str, str]]) -> list[tuple[int | str, ...]]:
    """Return the key of each row, each part of the type of its column, ``bigint`` or ``string``.

    Raises:
        InvocationError: Naming column and row of the first part that is null or of another type.
    """
    parts = [[_to_key(value, name, dtype, row) for row, value in enumerate(columns[name])] for name, dtype in keys]
    return list(zip(*parts, strict=True))


class RangeCheck:
    """The ranges of some columns, laid out once for every request that has these columns."""

    def __init__(self, names: Sequence[str], ranges: Mapping[str, Sequence[float]]) -> None:
        """Lay the ranges beside the columns ``names``; a column without one takes any number."""
        self._names = tuple(names)
        self._lows = np.array([ranges[name][0] if name in ranges else -np.inf for name in names])
        self._highs = np.array([ranges[name][1] if name in ranges else np.inf for name in names])
        self._checks = any(name in ranges for name in names)

    def check(self, matrix: np.ndarray) -> None:
        """Check a matrix of these columns; NaN passes.

        Raises:
            InvocationError: Naming column and row of the first value outside.
        """
        if not self._checks:
            return
        outside = (matrix < self._lows) | (matrix > self._highs)
        if outside.any():
            row, column = (int(each) for each in np.argwhere(outside)[0])
            name, low, high = self._names[column], self._lows[column], self._highs[column]
            message = f"Column '{name}', row {row}: outside of its range, {low:g} to {high:g}."
            raise InvocationError.bad_request(message)


def _find_wrong(values: Sequence[Sequence[Any]], names: Sequence[str]) -> InvocationError:
    for name, column in zip(names, values, strict=True):
        for row, value in enumerate(column):
            if not _is_number(value):
                return InvocationError.wrong_type(name, row, _describe(value))
    return InvocationError.bad_request("The columns cannot be read as numbers.")


def _is_number(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, int | float | str):
        return False
    try:
        return not abs(float(value)) > LARGEST
    except (ValueError, OverflowError):
        return False


def _describe(value: object) -> str:
    return _WORDS.get(type(value), "a number beyond all bounds" if isinstance(value, int | float) else "another type")


def _to_key(value: Any, name: str, dtype: str, row: int) -> int | str:  # noqa: ANN401 - any JSON
    if dtype == "string":
        if isinstance(value, str) and value:
            return value
        raise InvocationError.wrong_type(name, row, _describe(value), "text")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) <= 20:
        value = int(value)
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    raise InvocationError.wrong_type(name, row, _describe(value), "a whole number")
