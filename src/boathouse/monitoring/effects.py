"""By how much two windows of a column differ for sure: the effect, and its bounds with the entity as the unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Column with a hash of the entity of each row.
ENTITY = "_entity"
# Rows of each side from which the design effect is estimated; its standard error is then about 1 %.
SAMPLED_ROWS = 50_000
# Bins by which the design effect of a column of categories is estimated: those of most rows.
BINS_FOR_DESIGN = 10
# Mean of the supremum of a Brownian bridge, sqrt(pi / 2) ln 2 (Kolmogorov, 1933).
MEAN_OF_SUPREMUM = float(np.sqrt(np.pi / 2) * np.log(2))
# Odd, so that multiplying by it permutes 64-bit integers (Knuth, *TAOCP* 3, 6.4).
MIXER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How far apart two windows of one column are.

    Attributes:
        distance: Kolmogorov-Smirnov distance of numbers, total variation distance of values; 0 same, 1 disjoint.
        chance: What that distance is on average between two samples of these sizes when nothing moved.
        low: Lower confidence bound of the distance of the populations; 0 where nothing is proven.
        high: Upper confidence bound, at most 1.
    """

    distance: float
    chance: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The distance beyond what chance gives on average, 0 to 1."""
        return max(0.0, self.distance - self.chance)


NO_EFFECT = Effect(distance=0.0, chance=0.0, low=0.0, high=0.0)


@dataclass(frozen=True)
class Clusters:
    """A sample of entities with all of their rows on both sides.

    Attributes:
        reference: Positions of their rows in the reference.
        current: Positions of their rows in the current window.
        reference_entity: For each of the former the number of its entity.
        current_entity: For each of the latter likewise.
        entities: Number of entities.
    """

    reference: Integers
    current: Integers
    reference_entity: Integers
    current_entity: Integers
    entities: int

    @classmethod
    def of_entities(cls, reference: Integers, current: Integers) -> Clusters:
        """Return the clusters of rows; the arguments are each row's entity, as a whole number.

        Of many rows those of a part of the entities are taken, chosen by a hash: the same in every run.
        """
        share = SAMPLED_ROWS / max(len(reference), len(current), 1)
        rows = [_choose_rows(side, share) for side in (reference, current)]
        chosen = np.concatenate([reference[rows[0]], current[rows[1]]])
        names, numbers = np.unique(chosen, return_inverse=True)
        split = len(rows[0])
        return cls(rows[0], rows[1], numbers[:split], numbers[split:], len(names))

    @property
    def are_independent(self) -> bool:
        """Whether no entity has a second row: rows are then the unit."""
        return self.entities == len(self.reference) + len(self.current)

    def design_effect(self, before: Floats, after: Floats) -> float:
        """Return the variance of a difference of means by entity, in units of that by row.

        Above 1 where rows of one entity are alike, below where the same entities stand on both sides.
        Source: Kish, *Survey Sampling*, 1965; the variance is that of the sandwich by clusters.

        Args:
            before: A value for each sampled row of the reference; NaN for a row that does not count.
            after: Likewise of the current window.
        """
        known = ~np.isnan(before), ~np.isnan(after)
        values = before[known[0]], after[known[1]]
        if min(map(len, values)) < 2 or self.entities < 2:
            return 1.0
        parts = [(side - side.mean()) / len(side) for side in values]
        # Not by a product of vectors: its threads wait busily, longer than the sum takes.
        by_row = sum(float(np.square(part).sum()) for part in parts)
        if by_row <= 0:
            return 1.0
        influence = np.bincount(self.current_entity[known[1]], parts[1], self.entities)
        influence -= np.bincount(self.reference_entity[known[0]], parts[0], self.entities)
        return float(np.square(influence).sum()) * self.entities / (self.entities - 1) / by_row


def _choose_rows(entities: Integers, share: float) -> Integers:
    if share >= 1:
        return np.arange(len(entities))
    mixed = (entities.astype(np.uint64) * MIXER) >> np.uint64(40)
    return np.flatnonzero(mixed < np.uint64(share * 2**24))


@dataclass(frozen=True)
class Certainty:
    """How sure a bound has to be, and what is known of the rows' entities.

    Attributes:
        error: Probability (0 to 1) with which a lower bound may lie above the truth.
        clusters: Rows by entity; None where each row is one of its own.
    """

    error: float = 0.05
    clusters: Clusters | None = field(default=None, repr=False)

    def sample(self, reference: Floats, current: Floats) -> tuple[Floats, Floats] | None:
        """Return the sampled rows of two columns; None where each row is an entity of its own."""
        if self.clusters is None or self.clusters.are_independent:
            return None
        return reference[self.clusters.reference], current[self.clusters.current]

    def design_effects(self, before: Floats, after: Floats, bins: Iterable[float]) -> list[float]:
        """Return the design effects of each of ``bins`` against all others; empty for independent rows.

        Args:
            before: The bin of each sampled row of the reference; NaN for a row without one.
            after: Likewise of the current window.
            bins: The bins.
        """
        if self.clusters is None or self.clusters.are_independent:
            return []
        return [self.clusters.design_effect(_flag(before, each), _flag(after, each)) for each in bins]


def _flag(bins: Floats, chosen: float) -> Floats:
    return np.where(np.isnan(bins), np.nan, bins == chosen)


def measure_curves(distance: float, rows: tuple[int, int], error: float, *, design: float = 1.0) -> Effect:
    """Return the effect of a column of numbers, from its Kolmogorov-Smirnov distance.

    The bounds are the distance less and plus ``sqrt(ln(2 / error) / 2 * design * (1 / n + 1 / m))``, the inequality of
    Dvoretzky, Kiefer and Wolfowitz with Massart's constant for two samples (Wei & Dudley, *Stat. Probab. Lett.* 82,
    2012), on as many rows as the clustered ones are worth.

    Args:
        distance: The distance, 0 to 1.
        rows: Known rows of the reference and of the current window.
        error: Probability that a bound does not hold.
        design: Design effect of the rows' entities.
    """
    if not all(rows):
        return NO_EFFECT
    unit = float(np.sqrt(design * (1 / rows[0] + 1 / rows[1])))
    margin = float(np.sqrt(np.log(2 / error) / 2)) * unit
    return Effect(
        distance=distance,
        chance=min(MEAN_OF_SUPREMUM * unit, 1.0),
        low=max(0.0, distance - margin),
        high=min(1.0, distance + margin),
    )


def measure_shares(counts: Floats, certainty: Certainty, sampled: tuple[Floats, Floats] | None = None) -> Effect:
    """Return the effect of a column of values, from its total variation distance.

    Each value of a column makes the distance of two samples larger, rare ones most: what it is on average when nothing
    moved is taken off (:func:`expect_distance`). The largest difference over all sets of values is the supremum of a
    process that is about Gaussian, and lies above its mean by more than z standard deviations of its most variable set
    no more often than a Gaussian does (Borell, *Invent. Math.* 30, 1975). The change of one value bounds it too.

    Args:
        counts: Known rows by value, reference first.
        certainty: How sure the bounds have to be.
        sampled: The column in ``counts`` of each sampled row of both sides; NaN for none.
    """
    rows = counts.sum(axis=1)
    if not rows.all():
        return NO_EFFECT
    shares = counts / rows[:, None]
    change = shares[1] - shares[0]
    distance = float(np.abs(change).sum() / 2)
    design, widest = _design_of_shares(counts, change, certainty, sampled)
    chance = min(expect_distance(counts) * float(np.sqrt(design)), 1.0)
    smoothed = (counts + 1) / (rows[:, None] + 2)
    largest = smoothed.max(axis=1)
    # The variance of a set is largest for the set nearest to one half.
    spread = np.where(largest > 0.5, largest * (1 - largest), 0.25)
    deviation = float(np.sqrt(widest * (spread / rows).sum()))
    sure = NormalDist().inv_cdf(1 - certainty.error / 2)
    # Half of the error is for all sets, half for single values, in proportion: a new value is proven by itself.
    single = NormalDist().inv_cdf(1 - certainty.error / (4 * len(change)))
    alone = np.abs(change) - single * np.sqrt(widest * (smoothed * (1 - smoothed) / rows[:, None]).sum(axis=0))
    low = max(distance - chance - sure * deviation, float(alone.max()))
    if (counts.sum(axis=0) > 0).sum() == 2:
        # Two values have one difference, which may go either way: nothing was chosen.
        low = distance - sure * deviation
    return Effect(distance=distance, chance=chance, low=max(0.0, low), high=min(1.0, distance + sure * deviation))


def expect_distance(counts: Floats) -> float:
    """Return the mean total variation distance of two samples that together have these rows of each value.

    Given their sum ``t``, the rows of a value on one side are binomial with ``t`` trials; the mean absolute deviation
    of a binomial is de Moivre's ``2 v C(t, v) p^v (1 - p)^(t - v + 1)`` with ``v = floor(t p) + 1`` (Diaconis & Zabell,
    *Stat. Sci.* 6, 1991). That the sides have fixed numbers of rows makes it smaller, by the square root of the share
    of rows with another value, as for a hypergeometric.
    """
    from scipy.special import gammaln

    rows = counts.sum(axis=1)
    share = rows[0] / rows.sum()
    if not 0 < share < 1:
        return 0.0
    totals = np.rint(counts.sum(axis=0))
    totals = totals[totals > 0]
    place = np.minimum(np.floor(totals * share) + 1, totals)
    log_choices = gammaln(totals + 1) - gammaln(place + 1) - gammaln(totals - place + 1)
    logs = np.log(2 * place) + log_choices + place * np.log(share) + (totals - place + 1) * np.log1p(-share)
    fixed = np.sqrt((rows.sum() - totals) / (rows.sum() - 1))
    return float((np.exp(logs) * fixed).sum() * (1 / rows[0] + 1 / rows[1]) / 2)


def _design_of_shares(
    counts: Floats, change: Floats, certainty: Certainty, sampled: tuple[Floats, Floats] | None
) -> tuple[float, float]:
    """Return the mean design effect of the values, and that of the set that grew if it is larger."""
    if sampled is None or certainty.clusters is None or certainty.clusters.are_independent:
        return 1.0, 1.0
    totals = counts.sum(axis=0)
    largest = np.argsort(-totals, kind="stable")[:BINS_FOR_DESIGN]
    shares = totals[largest] / totals.sum()
    weights = shares * (1 - shares)
    if not weights.sum() > 0:
        return 1.0, 1.0
    each = certainty.design_effects(*sampled, largest.astype(np.float64))
    mean = float(np.average(each, weights=weights))
    grew = [np.append(change > 0, False)[np.nan_to_num(side, nan=-1).astype(int)] for side in sampled]
    flags = [np.where(np.isnan(side), np.nan, flag) for side, flag in zip(sampled, grew, strict=True)]
    return mean, max(mean, certainty.clusters.design_effect(*flags))
