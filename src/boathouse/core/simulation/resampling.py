"""Which real entity each synthetic one is drawn from: whole histories, every real one as often as any other."""

from __future__ import annotations

import numpy as np

from boathouse.core.simulation.draws import Draws


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
