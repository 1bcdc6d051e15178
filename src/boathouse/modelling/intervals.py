"""Bootstrap intervals, by weights instead of copies, so that a thousand resamples cost seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from boathouse.modelling.metrics import Confusion, expected_cost
from boathouse.options import require_between, require_whole

# Resamples that are computed at once; bounds memory at this many times the rows.
_CHUNK = 20


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
    """

    label: np.ndarray
    probability: np.ndarray
    decision: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """What was predicted: the probability."""
        return self.probability

    def take(self, rows: np.ndarray) -> Scored:
        """Return the rows that ``rows`` selects."""
        return Scored(self.label[rows], self.probability[rows], self.decision[rows])


def draw_weights(rows: int, options: BootstrapOptions) -> Iterator[np.ndarray]:
    """Yield matrices of weights, resamples by rows: how often each row is drawn (Efron 1979)."""
    generator = np.random.default_rng(options.seed)
    for start in range(0, options.samples, _CHUNK):
        count = min(_CHUNK, options.samples - start)
        picks = generator.integers(0, rows, size=(count, rows))
        offsets = np.arange(count)[:, None] * rows
        yield np.bincount((picks + offsets).ravel(), minlength=count * rows).reshape(count, rows).astype(np.float64)


def resample_metrics(
    scored: Scored, options: BootstrapOptions, *, missed: float, false_alarm: float
) -> dict[str, np.ndarray]:
    """Return for each metric its value in every resample; the same resamples for the same seed and rows."""
    ranking = _Ranking(scored.probability)
    parts = [
        _measure_weighted(scored, ranking, weights, missed, false_alarm)
        for weights in draw_weights(len(scored.label), options)
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
