"""Bootstrap intervals of one model's metrics, and of the differences of two models on the same resamples.

A resample is kept as how often each row was drawn (Efron 1979) instead of as a copy of the rows. Rows are sorted once;
a resample's ROC AUC then needs cumulative sums alone, its Brier score and cost a dot product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.metrics import Confusion, brier_score, count_decisions, expected_cost, roc_auc
from boathouse.options import require_between, require_whole

# By what two models of a binary task are compared, and whether more of it is better.
COMPARED = {"roc_auc": True, "brier_score": False, "expected_cost": False}
# Counts held at once; they stay in the processor's cache.
_CHUNK_CELLS = 65_536


@dataclass(frozen=True)
class BootstrapOptions:
    """How sure a number has to be.

    Attributes:
        samples: Resamples, 20 to 100,000.
        confidence: Share of resamples between low and high, 0.5 to 0.999.
        seed: Seed of the resampling.
    """

    samples: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_whole("samples", self.samples, 20, 100_000)
        require_between("confidence", self.confidence, 0.5, 0.999)
        require_whole("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True)
class Scored:
    """The rows of one model of a binary task, seen from the adverse value.

    Attributes:
        label: 1 where the adverse value happened, else 0.
        probability: Of the adverse value, 0 to 1, same length.
        decision: 1 where the adverse value was decided, else 0, same length.
        entities: A number for each row; rows of one entity have the same and are drawn together. Empty if each row is
            of its own.
    """

    label: np.ndarray
    probability: np.ndarray
    decision: np.ndarray
    entities: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    @property
    def predicted(self) -> np.ndarray:
        """What was predicted: the probability."""
        return self.probability

    def take(self, rows: np.ndarray) -> Scored:
        """Return the rows that ``rows`` selects."""
        entities = self.entities[rows] if len(self.entities) else self.entities
        return Scored(self.label[rows], self.probability[rows], self.decision[rows], entities)


def draw_counts(rows: int, options: BootstrapOptions, entities: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yield matrices, resamples by rows: how often each row is drawn.

    Rows of one entity resemble each other: they are drawn together or not at all (cluster bootstrap, Davison and
    Hinkley 1997, section 3.8). With one row an entity, the resamples are those of rows.
    """
    generator = np.random.default_rng(options.seed)
    chunk = max(1, _CHUNK_CELLS // rows)
    units = _number_in_order(entities) if entities is not None and len(entities) else None
    drawn = rows if units is None else int(units.max()) + 1
    for start in range(0, options.samples, chunk):
        count = min(chunk, options.samples - start)
        picks = generator.integers(0, drawn, size=(count, drawn))
        picks += np.arange(count)[:, None] * drawn
        counts = np.bincount(picks.ravel(), minlength=count * drawn).reshape(count, drawn)
        yield counts if units is None else counts[:, units]


def _number_in_order(entities: np.ndarray) -> np.ndarray:
    """Return the entities numbered from 0 in the order in which they first appear."""
    _, first, places = np.unique(entities, return_index=True, return_inverse=True)
    numbers = np.empty(len(first), dtype=np.int64)
    numbers[np.argsort(first)] = np.arange(len(first))
    return numbers[places]


def resample_metrics(
    scored: Scored, options: BootstrapOptions, *, missed: float, false_alarm: float
) -> dict[str, np.ndarray]:
    """Return for each metric its value in every resample; the same resamples for the same seed and rows."""
    ranking = _Ranking(scored.probability)
    parts = [
        _measure_weighted(scored, ranking, counts.astype(np.float64), missed, false_alarm)
        for counts in draw_counts(len(scored.label), options, scored.entities)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def bounds_of(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the percentile interval; resamples in which the metric is undefined do not count."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


class _Ranking:
    """Rows sorted by probability once; each resample then needs cumulative sums alone."""

    def __init__(self, probability: np.ndarray) -> None:
        self.order = np.argsort(probability, kind="stable")
        ranked = probability[self.order]
        self.starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))

    def group(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights summed over rows of equal probability, lowest first."""
        return np.add.reduceat(weights[:, self.order], self.starts, axis=1)


def _measure_weighted(
    scored: Scored, ranking: _Ranking, weights: np.ndarray, missed: float, false_alarm: float
) -> dict[str, np.ndarray]:
    label, decision = scored.label.astype(np.float64), scored.decision.astype(np.float64)
    # True positives, false positives, true negatives, false negatives of each resample.
    cells = np.stack([label * decision, (1 - label) * decision, (1 - label) * (1 - decision), label * (1 - decision)])
    clipped = np.clip(scored.probability, 1e-15, 1 - 1e-15)
    losses = -np.where(scored.label == 1, np.log(clipped), np.log1p(-clipped))
    rows = weights.sum(axis=1)
    confusions = [Confusion(*row) for row in weights @ cells.T]
    return {
        **_rank_metrics(ranking.group(weights * label), ranking.group(weights)),
        "log_loss": weights @ losses / rows,
        "brier_score": weights @ (scored.probability - label) ** 2 / rows,
        **{
            name: np.array([getattr(each, name) for each in confusions])
            for name in ("precision", "recall", "f1_score", "accuracy_score")
        },
        "expected_cost": np.array([expected_cost(each, missed=missed, false_alarm=false_alarm) for each in confusions]),
    }


def _rank_metrics(positives: np.ndarray, totals: np.ndarray) -> dict[str, np.ndarray]:
    """Return ROC AUC, average precision and KS of each resample from weights by rank, lowest first."""
    negatives = totals - positives
    all_positives, all_negatives = positives.sum(axis=1), negatives.sum(axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (positives * (below + negatives / 2)).sum(axis=1) / (all_positives * all_negatives)
        caught = np.cumsum(positives[:, ::-1], axis=1)
        taken = np.cumsum(totals[:, ::-1], axis=1)
        precision = np.where(taken > 0, caught / taken, 0.0)
        average = (precision * positives[:, ::-1]).sum(axis=1) / all_positives
        gap = (
            np.cumsum(positives, axis=1) / all_positives[:, None]
            - np.cumsum(negatives, axis=1) / all_negatives[:, None]
        )
    return {"roc_auc": auc, "precision_recall_auc": average, "ks_statistic": np.abs(gap).max(axis=1)}


def measure_compared(scored: Scored, costs: CostOptions) -> dict[str, float]:
    """Return ROC AUC, Brier score and cost in currency units per row."""
    confusion = count_decisions(scored.label, scored.decision)
    return {
        "roc_auc": roc_auc(scored.label, scored.probability),
        "brier_score": brier_score(scored.label, scored.probability),
        "expected_cost": expected_cost(confusion, missed=costs.missed, false_alarm=costs.false_alarm),
    }


def resample_differences(
    ours: Scored, theirs: Scored, options: BootstrapOptions, costs: CostOptions
) -> dict[str, np.ndarray]:
    """Return ours less theirs of each metric in every resample; the same resamples for the same seed and rows."""
    rankings = [_RankSums(each.label, each.probability) for each in (ours, theirs)]
    losses = _losses(ours, costs) - _losses(theirs, costs)
    parts: list[np.ndarray] = []
    for counts in draw_counts(len(ours.label), options, ours.entities):
        first, second = (each.roc_auc(counts) for each in rankings)
        means = counts.astype(np.float64) @ losses / counts.sum(axis=1)[:, None]
        parts.append(np.column_stack([first - second, means]))
    return dict(zip(COMPARED, np.concatenate(parts).T, strict=True))


def resample_references(
    ours: Scored, options: BootstrapOptions, costs: CostOptions
) -> dict[str, tuple[float, np.ndarray]]:
    """Return what acting on ``nothing`` and on ``everything`` costs, and our cost less it in every resample.

    Both need no model: the cheaper is what a model has to save on. The resamples are those of
    :func:`resample_differences`.
    """
    alike = {"nothing": np.zeros_like(ours.decision), "everything": np.ones_like(ours.decision)}
    theirs = np.column_stack([_losses(replace(ours, decision=each), costs)[:, 1] for each in alike.values()])
    differences = _losses(ours, costs)[:, [1]] - theirs
    resampled = np.concatenate(
        [
            counts.astype(np.float64) @ differences / counts.sum(axis=1)[:, None]
            for counts in draw_counts(len(ours.label), options, ours.entities)
        ]
    )
    means = theirs.mean(axis=0)
    return {name: (float(means[column]), resampled[:, column]) for column, name in enumerate(alike)}


def _losses(scored: Scored, costs: CostOptions) -> np.ndarray:
    """Return squared error and cost of each row, as two columns."""
    missed = (scored.label == 1) & (scored.decision == 0)
    alarm = (scored.label == 0) & (scored.decision == 1)
    cost = missed * costs.missed + alarm * costs.false_alarm
    return np.column_stack([(scored.probability - scored.label) ** 2, cost])


class _RankSums:
    """For each positive, the negatives below it: sorted once, counted in each resample."""

    def __init__(self, label: np.ndarray, probability: np.ndarray) -> None:
        self._positives, negatives = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
        self._negatives = negatives[np.argsort(probability[negatives], kind="stable")]
        ranked = probability[self._negatives]
        self._below = np.searchsorted(ranked, probability[self._positives], side="left")
        self._not_above = np.searchsorted(ranked, probability[self._positives], side="right")

    def roc_auc(self, counts: np.ndarray) -> np.ndarray:
        """Return the Mann-Whitney statistic of each resample, ties half; NaN with one class."""
        upto = np.zeros((len(counts), len(self._negatives) + 1))
        np.cumsum(np.take(counts, self._negatives, axis=1), axis=1, out=upto[:, 1:])
        positives = np.take(counts, self._positives, axis=1).astype(np.float64)
        # Whole numbers below 2^53 throughout: exact, whatever the order of the sum.
        twice = np.einsum(
            "ij,ij->i", positives, np.take(upto, self._below, axis=1) + np.take(upto, self._not_above, axis=1)
        )
        pairs = positives.sum(axis=1) * upto[:, -1]
        areas: np.ndarray = np.divide(twice, 2 * pairs, out=np.full(len(counts), np.nan), where=pairs > 0)
        return areas
