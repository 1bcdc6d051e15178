"""Random numbers by address: a number depends on seed, purpose and place alone, never on what was drawn before.

So chunks of any size, in any order, give the same rows, and a smaller simulation is the beginning of a larger one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date

import numpy as np

from boathouse.errors import OptionError

# Steps and multipliers of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
# A double holds 53 random bits.
_UNUSED_BITS, _SCALE = np.uint64(11), 2.0**-53


@dataclass(frozen=True)
class Draws:
    """The random numbers of one seed.

    Attributes:
        seed: Any whole number.
    """

    seed: int

    def bits(self, purpose: str, places: np.ndarray) -> np.ndarray:
        """Return one random uint64 for each of ``places`` (whole numbers, not negative), in their shape."""
        with np.errstate(over="ignore"):
            mixed = places.astype(np.uint64) * _STEP + self._key(purpose)
            return _mix(_mix(mixed))

    def uniform(self, purpose: str, places: np.ndarray) -> np.ndarray:
        """Return one random double for each place, at least 0 and below 1."""
        return np.asarray((self.bits(purpose, places) >> _UNUSED_BITS).astype(np.float64) * _SCALE)

    def below(self, purpose: str, places: np.ndarray, bound: int) -> np.ndarray:
        """Return one random whole number for each place, at least 0 and below ``bound``."""
        return np.minimum((self.uniform(purpose, places) * bound).astype(np.int64), bound - 1)

    def order(self, purpose: str, size: int) -> np.ndarray:
        """Return the numbers from 0 to ``size`` - 1 in random order."""
        return np.argsort(self.bits(purpose, np.arange(size)), kind="stable")

    def _key(self, purpose: str) -> np.uint64:
        digest = hashlib.sha256(f"{self.seed}/{purpose}".encode()).digest()
        return np.uint64(int.from_bytes(digest[:8], "big"))


def _mix(values: np.ndarray) -> np.ndarray:
    """Return the finalizer of SplitMix64 over ``values``: every input bit changes half of the output bits."""
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed


def draw_originals(draws: Draws, numbers: np.ndarray, *, pool: int) -> np.ndarray:
    """Return for each synthetic entity the real one that it is drawn from.

    The pool is dealt out in random order, again and again, each time in another one: a bootstrap in which
    counts differ by one at most, so that shares of the pool are kept closely in small samples too.

    Args:
        draws: Random numbers.
        numbers: Numbers of the synthetic entities, from 0 on; any of them, in any order.
        pool: Number of real entities.
    """
    rounds, places = np.divmod(numbers, pool)
    originals = np.empty(len(numbers), dtype=np.int64)
    for one in np.unique(rounds):
        chosen = rounds == one
        originals[chosen] = draws.order(f"deal/{one}", pool)[places[chosen]]
    return originals


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
