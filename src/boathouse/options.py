"""Range checks shared by the frozen option classes that Kedro builds from ``params:``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from boathouse.errors import OptionError


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Check ``low <= value <= high``; bounds inclusive.

    Raises:
        OptionError: If the value is not a number or lies outside.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise OptionError.out_of_range(name, value, f"{low} to {high}")


def require_whole(name: str, value: int, low: int, high: int) -> None:
    """Check that ``value`` is a whole number with ``low <= value <= high``.

    Raises:
        OptionError: If it is not whole or lies outside.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError.out_of_range(name, value, f"a whole number from {low} to {high}")


def require_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Check that ``value`` is one of ``choices``.

    Raises:
        OptionError: If it is not.
    """
    if value not in choices:
        raise OptionError.unknown_choice(name, value, choices)


def parse_date(name: str, value: str | date) -> date:
    """Return ``value`` as a date; text must be ISO ``YYYY-MM-DD``.

    Raises:
        OptionError: If the text is no such date.
    """
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise OptionError.out_of_range(name, value, "a date written YYYY-MM-DD") from error
