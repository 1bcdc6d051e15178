"""Months as numbers, so that histories can be shifted and stretched by adding."""

from __future__ import annotations

import re
from datetime import date

import numpy as np

from boathouse.core.errors import OptionError

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def parse_month(name: str, text: str) -> int:
    """Return the months since January of year 0 of a month written ``YYYY-MM``.

    Raises:
        OptionError: If it is no such month between 1900 and 2999.
    """
    if not _MONTH.fullmatch(text) or not 1900 <= int(text[:4]) <= 2999:
        raise OptionError.out_of_range(name, text, "a month written YYYY-MM, from 1900-01 to 2999-12")
    return int(text[:4]) * 12 + int(text[5:]) - 1


def first_days(last: int, months: int) -> np.ndarray:
    """Return the first days of ``months`` months up to and with ``last``, as days since 1970-01-01, int32."""
    numbers = range(last - months + 1, last + 1)
    epoch = date(1970, 1, 1).toordinal()
    return np.array([date(number // 12, number % 12 + 1, 1).toordinal() - epoch for number in numbers], dtype=np.int32)
