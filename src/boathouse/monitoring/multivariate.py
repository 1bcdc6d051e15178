"""Drift of a table as a whole: what no column shows on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.monitoring.drift import is_number, take_floats
from boathouse.monitoring.effects import ENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Rows of each side that are looked at: enough to see an AUC of 0.52, and a second of work.
MOST_ROWS = 10_000
FOLDS = 3
PERMUTATIONS = 200
# Share of the variance that the principal components keep.
KEPT_VARIANCE = 0.8
# Columns named as those that drive a difference.
NAMED = 3
# Rows on each side below which nothing is fitted.
FEWEST_ROWS = 100
SEED = 20050930


@dataclass(frozen=True, kw_only=True)
class TableFigure:
    """A figure of all columns together.

    Attributes:
        name: Its name, as of a measure.
        value: The figure.
        low: Lower end of its interval.
        high: Upper end.
        rows: Rows of both sides that it is from.
        detail: What drives it, in a sentence.
    """

    name: str
    value: float
    low: float
    high: float
    rows: int
    detail: str


@dataclass(frozen=True)
class _Sample:
    """Rows of both sides as one matrix, nulls and infinite numbers as NaN."""

    names: tuple[str, ...]
    is_category: tuple[bool, ...]
    values: Floats
    is_current: NDArray[np.bool_]
    entity: Integers


def describe_table(
    reference: pa.Table, current: pa.Table, columns: Sequence[str], *, error: float = 0.05
) -> list[TableFigure]:
    """Return the figures of the table as a whole; empty for windows of less than 100 rows, or less than two columns.

    ``domain_auc``: area under the curve of a classifier that separates current rows from the reference's, fitted on
    other entities than it is measured on; 0.5 means that it cannot. Its interval is as wide as chance makes the
    figure, by permutation of the sides of whole entities.
    ``reconstruction_error_change``: how much larger the mean error is with which principal components of the reference
    rebuild the numbers of current rows, as a share of that of reference rows that they were not fitted on.
    ``correlation_change``: the largest change of a correlation of two columns of numbers.

    Args:
        reference: Rows compared with.
        current: Rows judged.
        columns: Columns that both have, of the same kind.
        error: Probability with which an interval may not hold the truth.
    """
    present = [name for name in columns if name in reference.column_names and name in current.column_names]
    if min(reference.num_rows, current.num_rows) < FEWEST_ROWS or len(present) < 2:
        return []
    sample = _draw_sample(reference, current, present)
    figures = [_tell_apart(sample, error)]
    numbers = [place for place, is_category in enumerate(sample.is_category) if not is_category]
    if len(numbers) >= 2:
        names = [sample.names[place] for place in numbers]
        sides = sample.values[~sample.is_current][:, numbers], sample.values[sample.is_current][:, numbers]
        figures += [_rebuild(sample, numbers, error), *_compare_correlations(names, sides, error)]
    return figures


def _draw_sample(reference: pa.Table, current: pa.Table, columns: Sequence[str]) -> _Sample:
    generator = np.random.default_rng(SEED)
    sides = []
    for table in (reference, current):
        rows = np.arange(table.num_rows)
        if len(rows) > MOST_ROWS:
            rows = np.sort(generator.choice(len(rows), MOST_ROWS, replace=False))
        sides.append(table.take(rows))
    kinds = tuple(not all(is_number(side.schema.field(name).type) for side in sides) for name in columns)
    matrix = [
        _encode(sides[0][name], sides[1][name]) if is_category else _join(sides[0][name], sides[1][name])
        for name, is_category in zip(columns, kinds, strict=True)
    ]
    counts = [side.num_rows for side in sides]
    has_entity = all(ENTITY in side.column_names for side in sides)
    entity = (
        np.concatenate([np.asarray(side[ENTITY].to_numpy()) for side in sides])
        if has_entity
        else np.arange(sum(counts), dtype=np.int64)
    )
    return _Sample(
        tuple(columns),
        kinds,
        np.column_stack(matrix),
        np.repeat([False, True], counts),
        np.unique(entity, return_inverse=True)[1],
    )


def _join(before: pa.ChunkedArray, after: pa.ChunkedArray) -> Floats:
    values = np.concatenate([take_floats(before), take_floats(after)])
    return np.where(np.isfinite(values), values, np.nan)


def _encode(before: pa.ChunkedArray, after: pa.ChunkedArray) -> Floats:
    """Return categories as numbers in their order; a null is NaN."""
    words = [*before.cast("string").to_pylist(), *after.cast("string").to_pylist()]
    places = {word: float(place) for place, word in enumerate(sorted({word for word in words if word is not None}))}
    return np.array([places.get(word, np.nan) for word in words], dtype=np.float64)


def _tell_apart(sample: _Sample, error: float) -> TableFigure:
    """Return the domain classifier's figure."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    generator = np.random.default_rng(SEED)
    entities = int(sample.entity.max()) + 1
    fold = generator.integers(0, FOLDS, entities)[sample.entity]
    scores = np.full(len(fold), 0.5)
    weights = np.zeros(len(sample.names))
    for number in range(FOLDS):
        own, others = fold == number, fold != number
        if not own.any() or len(np.unique(sample.is_current[others])) < 2:
            continue
        model = HistGradientBoostingClassifier(
            max_iter=40, max_leaf_nodes=8, learning_rate=0.15, early_stopping=False, random_state=SEED
        )
        # Threads of OpenMP wait busily: beside other programs one is faster than two.
        with threadpool_limits(1):
            model.fit(sample.values[others], sample.is_current[others])
            scores[own] = model.predict_proba(sample.values[own])[:, 1]
            weights += _weigh_columns(model, sample.values[own], sample.is_current[own], generator)
    value = rank_auc(scores, sample.is_current)
    chance = [rank_auc(scores, _permute_sides(sample, generator)) for _ in range(PERMUTATIONS)]
    margin = float(np.quantile(np.abs(np.array(chance) - 0.5), 1 - error))
    driving = [sample.names[place] for place in np.argsort(-weights, kind="stable")[:NAMED] if weights[place] > 0]
    named = f"; it goes by {', '.join(driving)} most" if driving and value - margin > 0.5 else ""
    return TableFigure(
        name="domain_auc",
        value=value,
        low=max(0.0, value - margin),
        high=min(1.0, value + margin),
        rows=len(scores),
        detail=f"A classifier separates current rows from those of the reference with an AUC of {value:.3f} "
        f"(chance gives {0.5 - margin:.3f} to {0.5 + margin:.3f}){named}.",
    )


def _weigh_columns(
    model: object, values: Floats, is_current: NDArray[np.bool_], generator: np.random.Generator
) -> Floats:
    """Return by how much the AUC falls if a column is shuffled, for each column."""
    whole = rank_auc(model.predict_proba(values)[:, 1], is_current)  # type: ignore[attr-defined]
    falls = np.zeros(values.shape[1])
    for place in range(values.shape[1]):
        shuffled = values.copy()
        shuffled[:, place] = generator.permutation(shuffled[:, place])
        falls[place] = whole - rank_auc(model.predict_proba(shuffled)[:, 1], is_current)  # type: ignore[attr-defined]
    return falls


def rank_auc(scores: Floats, is_current: NDArray[np.bool_]) -> float:
    """Return the probability that a current row has the higher score, a tie counting one half; 0.5 for one side."""
    from scipy.stats import rankdata

    current = int(is_current.sum())
    others = len(scores) - current
    if not current or not others:
        return 0.5
    return float((rankdata(scores)[is_current].sum() - current * (current + 1) / 2) / (current * others))


def _permute_sides(sample: _Sample, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return other sides of the rows: those of an entity on both are swapped or not, of any other they are dealt."""
    entities = int(sample.entity.max()) + 1
    current = np.bincount(sample.entity, sample.is_current, entities)
    rows = np.bincount(sample.entity, minlength=entities)
    is_single = (current == 0) | (current == rows)
    singles = np.flatnonzero(is_single)
    dealt = np.zeros(entities, dtype=bool)
    dealt[singles] = generator.permutation(current[singles] > 0)
    swapped = generator.random(entities) < 0.5
    return np.where(is_single[sample.entity], dealt[sample.entity], sample.is_current ^ swapped[sample.entity])


def _rebuild(sample: _Sample, numbers: list[int], error: float) -> TableFigure:
    """Return how much worse the reference's principal components rebuild current rows than its own."""
    from statistics import NormalDist

    values = sample.values[:, numbers]
    generator = np.random.default_rng(SEED)
    fitted = (generator.random(int(sample.entity.max()) + 1) < 0.5)[sample.entity] & ~sample.is_current
    centre, spread = _centre(values[fitted])
    scaled = np.nan_to_num((values - centre) / spread)
    _, sizes, directions = np.linalg.svd(scaled[fitted], full_matrices=False)
    shares = np.cumsum(sizes**2) / max(float((sizes**2).sum()), np.finfo(float).tiny)
    kept = directions[: int(np.searchsorted(shares, KEPT_VARIANCE)) + 1]
    errors = np.sqrt(np.square(scaled - scaled @ kept.T @ kept).sum(axis=1))
    before, after = ~fitted & ~sample.is_current, sample.is_current
    own = float(errors[before].mean()) if before.any() else 0.0
    if own <= 0:
        return TableFigure(
            name="reconstruction_error_change", value=0.0, low=0.0, high=0.0, rows=len(errors), detail=""
        )
    influence = np.bincount(sample.entity[after], (errors[after] - errors[after].mean()) / after.sum())
    other = np.bincount(sample.entity[before], (errors[before] - own) / before.sum())
    length = max(len(influence), len(other))
    parts = np.pad(influence, (0, length - len(influence))) - np.pad(other, (0, length - len(other)))
    margin = NormalDist().inv_cdf(1 - error / 2) * float(np.sqrt(parts @ parts)) / own
    value = float(errors[after].mean()) / own - 1
    return TableFigure(
        name="reconstruction_error_change",
        value=value,
        low=value - margin,
        high=value + margin,
        rows=len(errors),
        detail=f"{len(kept)} of {len(directions)} principal components of the reference rebuild current rows with an "
        f"error {value:+.1%} against its own.",
    )


def _centre(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column's known values; 0 and 1 for a column without any."""
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, values, 0.0).sum(axis=0) / counts
    spread = np.sqrt(np.where(known, np.square(values - centre), 0.0).sum(axis=0) / counts)
    return centre, np.where(spread > 0, spread, 1.0)


def _compare_correlations(names: Sequence[str], sides: tuple[Floats, Floats], error: float) -> list[TableFigure]:
    """Return the largest change of a correlation, with the others that changed most named; empty for none.

    The interval is that of the difference of Fisher's transformed correlations, for all pairs together (Bonferroni).
    """
    from statistics import NormalDist

    before, after = (correlate(side) for side in sides)
    change = np.nan_to_num(np.triu(after - before, 1))
    pairs = np.argsort(-np.abs(change), axis=None, kind="stable")[:NAMED]
    places = [divmod(int(pair), len(names)) for pair in pairs]
    first = places[0]
    value = float(change[first])
    if value == 0:
        return []
    level = NormalDist().inv_cdf(1 - error / (len(names) * (len(names) - 1)))
    deviation = float(np.sqrt(sum(1 / max(len(side) - 3, 1) for side in sides)))
    # By how much a correlation changes where its transform changes by one.
    slope = 1 - min(abs(before[first]), abs(after[first])) ** 2
    margin = level * deviation * float(slope)
    told = "; ".join(
        f"{names[row]} and {names[column]} {before[row, column]:.2f} → {after[row, column]:.2f}"
        for row, column in places
        if change[row, column]
    )
    return [
        TableFigure(
            name="correlation_change",
            value=value,
            low=max(-2.0, value - margin),
            high=min(2.0, value + margin),
            rows=sum(map(len, sides)),
            detail=f"The correlations that changed most: {told}.",
        )
    ]


def correlate(values: Floats) -> Floats:
    """Return Pearson's correlations of the columns over the rows that have both; NaN for a column without spread."""
    known = (~np.isnan(values)).astype(np.float64)
    centre, spread = _centre(values)
    scaled = np.nan_to_num((values - centre) / spread)
    counts = known.T @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        sums, squares, products = scaled.T @ known, np.square(scaled).T @ known, scaled.T @ scaled
        covariance = products / counts - sums * sums.T / counts**2
        variance = squares / counts - (sums / counts) ** 2
        found: Floats = covariance / np.sqrt(variance * variance.T)
    return np.where(np.isfinite(found), np.clip(found, -1, 1), np.nan)
