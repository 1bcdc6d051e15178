"""Comparing two windows of a numeric column; every statistic from one sort of each side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from boathouse.monitoring.curves import compare_curves, compare_spreads
from boathouse.monitoring.distances import (
    Comparison,
    Shift,
    jensen_shannon_distance,
    kullback_leibler_divergence,
    l_infinity_distance,
    population_stability_index,
    stability_contributions,
    total_variation_distance,
    two_way_chi_squared,
)
from boathouse.monitoring.effects import NO_EFFECT, Certainty, Effect, measure_curves, measure_shares
from boathouse.monitoring.profiles import SortedSide, profile_categories, profile_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from boathouse.monitoring.curves import Curves

    Floats = NDArray[np.float64]
    Pair = tuple[Floats, Floats]


# Deciles are what the rules of thumb for the population stability index were made on.
QUANTILES = 10
# Bins of equal width over the pooled range, behind the Jensen-Shannon distance.
SHARED_BINS = 20
# Bins that are kept for pictures.
MOST_BINS = 20
# Probability up to which an event among the values of a column is not put down to chance.
BY_CHANCE = 0.01


# Sums and differences of numbers beyond it may be infinite; they are computed in this unit.
LARGE = 1e150
_LARGEST = float(np.finfo(np.float64).max)


def compare_numeric(
    reference: Floats, current: Floats, *, discrete_values: int, certainty: Certainty | None = None
) -> Comparison:
    """Return every statistic of two samples of one numeric column; NaN is null.

    A column with at most ``discrete_values`` distinct values on each side is binned by value,
    any other by the reference's deciles; nulls and infinite numbers are counted apart. What does not fit into a double
    is the largest that there is.

    Args:
        reference: Rows compared with, in the order of the entities in ``certainty``.
        current: Rows judged, likewise.
        discrete_values: Most values of a column that is binned by value.
        certainty: How sure the bounds of the effects have to be; without, each row is an entity of its own.
    """
    certainty = certainty or Certainty()
    before, after = SortedSide.from_values(reference), SortedSide.from_values(current)
    distinct = _distinct(before.values), _distinct(after.values)
    by_value = max(map(len, distinct)) <= discrete_values
    labels, counts = _count_bins(before, after, np.union1d(*distinct) if by_value else None)
    unit, rows = _choose_unit(before, after), (before.rows, after.rows)
    scaled = before.divide(unit), after.divide(unit)
    curves = compare_curves(*scaled) if before.known and after.known else None
    values = find_new_values(labels, counts) if by_value else ValueChange()
    sampled = certainty.sample(reference, current)
    effect = (
        measure_shares(counts, certainty, _number_values(np.union1d(*distinct), sampled))
        if by_value
        else _measure_numbers(curves, (before, after), certainty, sampled)
    )
    return Comparison(
        data_type="double",
        reference_rows=before.rows,
        current_rows=after.rows,
        psi=population_stability_index(*counts) if curves else 0.0,
        js_distance=jensen_shannon_distance(*_count_shared(*scaled)) if curves else 0.0,
        kl_divergence=kullback_leibler_divergence(*counts) if curves else 0.0,
        ks=curves.ks if curves else None,
        chi_squared=two_way_chi_squared(*counts) if by_value and curves else None,
        mann_whitney=curves.mann_whitney if curves else None,
        superiority=curves.superiority if curves else None,
        levene=compare_spreads(*scaled) if curves else None,
        reference_nulls=before.nulls,
        current_nulls=after.nulls,
        reference_infinite=before.infinite,
        current_infinite=after.infinite,
        shift=find_shift(labels, counts) if curves else NO_SHIFT,
        bins=list_bins(labels, counts),
        new_values=values.new,
        vanished_values=values.vanished,
        new_share=values.new_share,
        vanished_share=values.vanished_share,
        distinct_delta=len(distinct[1]) / max(after.rows, 1) - len(distinct[0]) / max(before.rows, 1),
        avg_delta=_multiply(_difference_of_means(*scaled), unit),
        zero_delta=_share_of_zeros(after) - _share_of_zeros(before),
        wasserstein=_multiply(curves.wasserstein, unit) if curves else None,
        tv_distance=total_variation_distance(*counts) if by_value and curves else None,
        l_infinity=l_infinity_distance(*counts) if by_value and curves else None,
        effect=effect,
        null_effect=_measure_flagged((before.nulls, after.nulls), rows, certainty, _flag(np.isnan, sampled)),
        infinite_effect=_measure_flagged((before.infinite, after.infinite), rows, certainty, _flag(np.isinf, sampled)),
        before=profile_numbers(before, len(distinct[0]), unit),
        after=profile_numbers(after, len(distinct[1]), unit),
    )


def _measure_numbers(
    curves: Curves | None, sides: tuple[SortedSide, SortedSide], certainty: Certainty, sampled: Pair | None
) -> Effect:
    """Return the effect by the distribution functions; rows are worth the least that they are worth at any decile."""
    if curves is None:
        return NO_EFFECT
    design = 1.0
    if sampled is not None and certainty.clusters is not None:
        edges = _reference_edges(sides[0].values)
        design = max(certainty.clusters.design_effect(*_flag_up_to(sampled, edge)) for edge in edges)
    return measure_curves(curves.ks.statistic, (sides[0].known, sides[1].known), certainty.error, design=design)


def _flag_up_to(sampled: Pair, edge: float) -> Pair:
    first, second = (np.where(np.isfinite(side), side <= edge, np.nan) for side in sampled)
    return first, second


def _number_values(values: Floats, sampled: Pair | None) -> Pair | None:
    """Return the place of each sampled row in ``values``; NaN for nulls and infinite numbers."""
    if sampled is None:
        return None
    first, second = (np.where(np.isfinite(side), np.searchsorted(values, side), np.nan) for side in sampled)
    return first, second


def _flag(is_flagged: Callable[[Floats], NDArray[np.bool_]], sampled: Pair | None) -> Pair | None:
    if sampled is None:
        return None
    return is_flagged(sampled[0]).astype(np.float64), is_flagged(sampled[1]).astype(np.float64)


def _measure_flagged(
    flagged: tuple[int, int], rows: tuple[int, int], certainty: Certainty, sampled: Pair | None
) -> Effect:
    """Return the effect of a share of all rows, as that of nulls."""
    if not any(flagged):
        return NO_EFFECT
    counts = np.array([[total - count, count] for total, count in zip(rows, flagged, strict=True)], dtype=np.float64)
    return measure_shares(counts, certainty, sampled)


def _choose_unit(*sides: SortedSide) -> float:
    """Return 1, or the largest magnitude where sums of the values may not fit into a double."""
    largest = max((float(np.abs(side.values[[0, -1]]).max()) for side in sides if len(side.values)), default=0.0)
    return largest if largest > LARGE else 1.0


def _multiply(value: float | None, unit: float) -> float | None:
    """Return the product, at most the largest double."""
    return None if value is None else float(np.clip(value * unit, -_LARGEST, _LARGEST))


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """Values that one window has and the other has not, those of most rows first, and the share of rows with them.

    Attributes:
        new: Values that the reference does not have.
        vanished: Values that the current window does not have.
        new_share: Share of the current known rows with a new value, 0 to 1.
        vanished_share: Share of the reference's known rows with a vanished value, 0 to 1.
        is_surprising: Whether chance does not explain them.
    """

    new: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    new_share: float = 0.0
    vanished_share: float = 0.0
    is_surprising: bool = False


def find_new_values(labels: Sequence[str], counts: NDArray[np.float64]) -> ValueChange:
    """Return what came and went; ``counts`` are the known rows of each value, reference first.

    Chance explains new values as far as the reference has values that occur once: of the next rows about this share
    is new (Good, *Biometrika* 40, 1953), give or take three standard deviations. It explains that all rows of a value
    are in the reference if that is likelier than 1 % for any of the values. A side without known rows has no values to
    compare.
    """
    rows = counts.sum(axis=1)
    if not rows.all():
        return ValueChange()
    is_new, is_gone = (counts[0] == 0) & (counts[1] > 0), (counts[1] == 0) & (counts[0] > 0)
    new, vanished = counts[1][is_new], counts[0][is_gone]
    ratio = rows[1] / rows[0]
    by_chance = ratio * (counts[0] == 1).sum()
    # The rows of a new value come together: their number varies more than that of independent ones.
    variance = by_chance * (ratio + np.square(new).sum() / max(new.sum(), 1))
    came = new.sum() > by_chance + 3 * np.sqrt(variance)
    went = (vanished * np.log1p(ratio) >= np.log(len(labels) / BY_CHANCE)).any()
    return ValueChange(
        new=_name_values(labels, is_new, counts[1]),
        vanished=_name_values(labels, is_gone, counts[0]),
        new_share=float(new.sum() / rows[1]),
        vanished_share=float(vanished.sum() / rows[0]),
        is_surprising=bool(came or went),
    )


def _name_values(labels: Sequence[str], chosen: NDArray[np.bool_], counts: NDArray[np.float64]) -> tuple[str, ...]:
    places = np.flatnonzero(chosen)
    return tuple(labels[place] for place in places[np.argsort(-counts[places], kind="stable")])


NO_SHIFT = Shift("no value", 0.0, 0.0)


def find_shift(labels: list[str], counts: NDArray[np.float64]) -> Shift:
    """Return the bin that adds most to the population stability index, the first of equals."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    worst = int(np.argmax(stability_contributions(*counts)))
    return Shift(labels[worst], float(shares[0, worst]), float(shares[1, worst]))


def list_bins(labels: Sequence[str], counts: NDArray[np.float64], *, by_share: bool = False) -> tuple[Shift, ...]:
    """Return the shares of each bin, at most :data:`MOST_BINS`: of more, the rest as one.

    Args:
        labels: Names of the bins.
        counts: Known rows of each bin, reference first.
        by_share: Whether the most frequent come first and are the ones kept; else the order stays.
    """
    rows = counts.sum(axis=1, keepdims=True)
    if not rows.all():
        return ()
    shares = counts / rows
    order = np.argsort(-shares.max(axis=0), kind="stable") if by_share else np.arange(len(labels))
    kept = order if len(order) <= MOST_BINS else order[: MOST_BINS - 1]
    bins = [Shift(labels[place], float(shares[0, place]), float(shares[1, place])) for place in kept]
    if len(kept) < len(order):
        others = shares[:, order[len(kept) :]].sum(axis=1)
        bins.append(Shift(f"{len(order) - len(kept):,} others", float(others[0]), float(others[1])))
    return tuple(bins)


def _count_bins(before: SortedSide, after: SortedSide, values: Floats | None) -> tuple[list[str], NDArray[np.float64]]:
    """Known rows per bin: one bin for each of ``values``, or the reference's deciles."""
    edges = _reference_edges(before.values) if values is None else values
    labels = label_intervals(edges) if values is None else [f"{value:.4g}" for value in values]
    rows = [_counts_up_to(side.values, edges)[: len(labels)] for side in (before, after)]
    return labels, np.array(rows, dtype=np.float64)


def _reference_edges(values: Floats) -> Floats:
    """Inner deciles as values that occur, so that ties stay in one bin."""
    if not len(values):
        return np.empty(0)
    positions = np.ceil(np.arange(1, QUANTILES) / QUANTILES * len(values)).astype(int) - 1
    return np.unique(values[positions])


def label_intervals(edges: Floats) -> list[str]:
    """Return the names of the intervals between sorted edges, each with its upper edge, open at both ends."""
    if not len(edges):
        return ["any value"]
    inner = [f"over {low:.4g} up to {high:.4g}" for low, high in pairwise(edges.tolist())]
    return [f"up to {edges[0]:.4g}", *inner, f"over {edges[-1]:.4g}"]


def _counts_up_to(values: Floats, edges: Floats) -> NDArray[np.int64]:
    """Rows of sorted ``values`` in (-inf, e1], (e1, e2] … (ek, inf)."""
    ends = np.searchsorted(values, edges, side="right")
    return np.diff(np.concatenate([[0], ends, [len(values)]]))


def _count_shared(before: Floats, after: Floats) -> NDArray[np.int64]:
    sides = (before, after)
    low, high = min(side[0] for side in sides), max(side[-1] for side in sides)
    edges = np.linspace(low, high, SHARED_BINS + 1)[1:-1]
    # Bins are closed on the left, as numpy.histogram's are.
    return np.array([np.diff([0, *np.searchsorted(side, edges, side="left"), len(side)]) for side in sides])


def _distinct(values: Floats) -> Floats:
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def _difference_of_means(before: Floats, after: Floats) -> float | None:
    return float(after.mean() - before.mean()) if len(before) and len(after) else None


def _share_of_zeros(side: SortedSide) -> float:
    low, high = (np.searchsorted(side.values, 0.0, side=end) for end in ("left", "right"))
    return float(high - low) / max(side.rows, 1)


def compare_categorical(
    reference: Mapping[str | None, int],
    current: Mapping[str | None, int],
    *,
    certainty: Certainty | None = None,
    sampled: tuple[Sequence[str | None], Sequence[str | None]] | None = None,
) -> Comparison:
    """Return every statistic of two samples given as rows per category; the key None holds the nulls, counted apart.

    Args:
        reference: Rows by category, compared with.
        current: Rows by category, judged.
        certainty: How sure the bounds of the effects have to be; without, each row is an entity of its own.
        sampled: Categories of the sampled rows in ``certainty``, of both sides.
    """
    certainty = certainty or Certainty()
    before, after = _known(reference), _known(current)
    names = sorted(before | after)
    counts = np.array([[side.get(name, 0) for name in names] for side in (before, after)], dtype=np.float64)
    nulls = [side.get(None, 0) for side in (reference, current)]
    rows = [int(known + empty) for known, empty in zip(counts.sum(axis=1), nulls, strict=True)]
    has_values, values = bool(before and after), find_new_values(names, counts)
    places = None if sampled is None else _place_names(names, sampled)
    return Comparison(
        data_type="string",
        reference_rows=rows[0],
        current_rows=rows[1],
        psi=population_stability_index(*counts) if has_values else 0.0,
        js_distance=jensen_shannon_distance(*counts) if has_values else 0.0,
        kl_divergence=kullback_leibler_divergence(*counts) if has_values else 0.0,
        ks=None,
        chi_squared=two_way_chi_squared(*counts),
        reference_nulls=nulls[0],
        current_nulls=nulls[1],
        shift=find_shift(names, counts) if has_values else NO_SHIFT,
        bins=list_bins(names, counts, by_share=True),
        distinct_delta=float(len(after) / max(rows[1], 1) - len(before) / max(rows[0], 1)),
        tv_distance=total_variation_distance(*counts) if has_values else 0.0,
        l_infinity=l_infinity_distance(*counts) if has_values else 0.0,
        new_values=values.new,
        vanished_values=values.vanished,
        new_share=values.new_share,
        vanished_share=values.vanished_share,
        is_surprising=values.is_surprising,
        effect=measure_shares(counts, certainty, places) if has_values else NO_EFFECT,
        null_effect=_measure_flagged((nulls[0], nulls[1]), (rows[0], rows[1]), certainty, _flag(np.isnan, places)),
        before=profile_categories(before, nulls[0]),
        after=profile_categories(after, nulls[1]),
    )


def _place_names(names: Sequence[str], sampled: tuple[Sequence[str | None], Sequence[str | None]]) -> Pair:
    places: dict[str | None, float] = {name: float(place) for place, name in enumerate(names)}
    first, second = (np.array([places.get(value, np.nan) for value in side], dtype=np.float64) for side in sampled)
    return first, second


def _known(counts: Mapping[str | None, int]) -> dict[str, int]:
    return {name: rows for name, rows in counts.items() if name is not None and rows > 0}
