"""Longer histories from short ones: real pieces put before real pieces, where one fits the other.

The newest piece of each synthetic history is a whole real one, with whatever drift its end has. What came before is
the beginning of another entity's history: of one that was, some periods later, where this one begins.
Chained, this is a Markov chain run backwards whose steps are real transitions of several periods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from boathouse.options import require_choice, require_whole
from boathouse.simulation.draws import Draws, parse_month

if TYPE_CHECKING:
    import pyarrow as pa


# Of the donors nearest by the first trait, those nearest by all traits are kept.
_LOOKED_AT, _KEPT = 256, 8


@dataclass(frozen=True)
class Plan:
    """Where each cell of the synthetic histories comes from.

    Attributes:
        entities: Real entity by synthetic entity and period.
        periods: Period of that entity's history by period; the same for all.
    """

    entities: np.ndarray
    periods: np.ndarray

    def take(self, values: np.ndarray) -> np.ndarray:
        """Return ``values`` (by real entity and period) by synthetic entity and period."""
        taken: np.ndarray = values[self.entities, self.periods]
        return taken


@dataclass(frozen=True)
class Donors:
    """For each real entity those that may come before it.

    Attributes:
        length: Periods of a real history.
        seam: Period in which the donor is as the entity is in its first.
        candidates: Donors by entity, the nearest first; all of them equally likely.
    """

    length: int
    seam: int
    candidates: np.ndarray


def match_donors(states: np.ndarray, traits: np.ndarray, *, seam: int) -> Donors:
    """Return the donors of each entity: equal in state, nearest in traits.

    Args:
        states: Discrete state by entity and period. Where no donor is in an entity's state, those in the
            nearest state serve.
        traits: Numbers of like scale by trait, entity and period; the first decides which donors are looked at.
        seam: Period of the donor, at least 1, that the first period of the entity is matched with.
    """
    begins, ends = states[:, 0], states[:, seam]
    candidates = np.empty((len(states), _KEPT), dtype=np.int64)
    available = np.unique(ends)
    for state in np.unique(begins):
        asking = np.flatnonzero(begins == state)
        nearest = available[np.argmin(np.abs(available - state))]
        pool = np.flatnonzero(ends == nearest)
        candidates[asking] = _nearest(traits[:, asking, 0], pool, traits[:, pool, seam])
    return Donors(states.shape[1], seam, candidates)


def _nearest(asked: np.ndarray, pool: np.ndarray, offered: np.ndarray) -> np.ndarray:
    """Return for each of ``asked`` (traits by entity) the nearest of ``pool``; a small pool repeats itself."""
    order = np.argsort(offered[0], kind="stable")
    width = min(_LOOKED_AT, len(pool))
    first = np.clip(np.searchsorted(offered[0][order], asked[0]) - width // 2, 0, len(pool) - width)
    looked_at = order[first[:, None] + np.arange(width)]
    distance = sum(np.abs(mine[:, None] - theirs[looked_at]) for mine, theirs in zip(asked, offered, strict=True))
    best = np.argsort(distance, axis=1, kind="stable")[:, : min(_KEPT, width)]
    found = pool[np.take_along_axis(looked_at, best, axis=1)]
    return np.asarray(found[:, np.arange(_KEPT) % found.shape[1]])


def plan_histories(draws: Draws, numbers: np.ndarray, originals: np.ndarray, donors: Donors, *, periods: int) -> Plan:
    """Return the plan of histories that end with the whole history of each original.

    Args:
        draws: Random numbers.
        numbers: Numbers of the synthetic entities: what a random number is addressed by.
        originals: The real entity that each ends with.
        donors: Who may come before whom.
        periods: Periods wanted. Fewer than the original has leave out its first ones.
    """
    entities = [np.broadcast_to(originals[:, None], (len(originals), donors.length))]
    own = [np.arange(donors.length)]
    missing, current, link = periods - donors.length, originals, 0
    while missing > 0:
        choice = draws.below(f"donor/{link}", numbers, donors.candidates.shape[1])
        current = donors.candidates[current, choice]
        entities.insert(0, np.broadcast_to(current[:, None], (len(current), donors.seam)))
        own.insert(0, np.arange(donors.seam))
        missing, link = missing - donors.seam, link + 1
    return Plan(np.concatenate(entities, axis=1)[:, -periods:], np.concatenate(own)[-periods:])


FORMATS = ("csv", "parquet")
# Above these nothing was tried; they also keep ids and dates in range.
MOST_ENTITIES, MOST_MONTHS = 100_000_000, 600


@dataclass(frozen=True, kw_only=True)
class SimulationOptions:
    """Size, seed and form; two simulations with equal options from one book are equal byte for byte.

    Attributes:
        entities: Synthetic entities, 1 to 100,000,000.
        months: Months of each, 1 to 600.
        seed: Whole number, 0 to 2**63 - 1; another seed, other entities.
        last_month: Newest month, ``YYYY-MM``; None for that of the book.
        drift_months: Newest months of the book that occur nowhere but at the end, 1 to 600: a break in the data
            stays where it is.
        first_id: Id of the first synthetic entity, 1 to 2**53; above every real one.
        daily: Whether daily transactions are made too.
        file_format: ``csv`` or ``parquet``.
    """

    entities: int
    months: int
    seed: int = 0
    last_month: str | None = None
    drift_months: int = 1
    first_id: int = 10_000_001
    daily: bool = False
    file_format: str = "csv"

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_whole("entities", self.entities, 1, MOST_ENTITIES)
        require_whole("months", self.months, 1, MOST_MONTHS)
        require_whole("seed", self.seed, 0, 2**63 - 1)
        require_whole("drift_months", self.drift_months, 1, MOST_MONTHS)
        require_whole("first_id", self.first_id, 1, 2**53)
        require_choice("format", self.file_format, FORMATS)
        if self.last_month is not None:
            parse_month("last_month", self.last_month)


class Simulated(Protocol):
    """Synthetic entities that are made in chunks."""

    def make_chunk(self, first: int, stop: int) -> dict[str, pa.Table]:
        """Return the extracts of the entities ``first`` to ``stop`` - 1, by name."""


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """What makes synthetic extracts of one use case.

    Attributes:
        reads: Columns and Arrow types of each real extract that it draws from, by the extract's name.
        writes: Names of the extracts it may write.
        prepare: From the real extracts and the options to what makes chunks.
        note: What a person who finds the files has to know of them.
        version: Counted up when the same options give other rows.
    """

    reads: Mapping[str, Mapping[str, pa.DataType]]
    writes: tuple[str, ...]
    prepare: Callable[[Mapping[str, pa.Table], SimulationOptions], Simulated]
    note: str
    version: int
