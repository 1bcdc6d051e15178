"""Random numbers by address: a number depends on seed, purpose and place alone, never on what was drawn before.

So chunks of any size, in any order, give the same rows, and a smaller simulation is the beginning of a larger one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

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
