"""Metrics of a binary classifier that gives probabilities.

``label`` holds 0 and 1, ``probability`` 0 to 1, both of one length. A metric that the rows do not
define (one class only, nothing decided) is NaN, never a number that looks like a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

# Probabilities are kept this far from 0 and 1 in logarithms, as scikit-learn does for float64.
_EDGE = float(np.finfo(np.float64).eps)
# What ``mlflow.models.evaluate`` of a classifier calls the metrics that it measures too; the others are ours alone.
MLFLOW_NAMES: Mapping[str, str] = {
    "example_count": "example_count",
    "true_positives": "true_positives",
    "false_positives": "false_positives",
    "true_negatives": "true_negatives",
    "false_negatives": "false_negatives",
    "roc_auc": "roc_auc",
    "precision_recall_auc": "precision_recall_auc",
    "log_loss": "log_loss",
    "precision": "precision_score",
    "recall": "recall_score",
    "f1_score": "f1_score",
    "accuracy_score": "accuracy_score",
}
# Bins of equal numbers of rows: every point then rests on as many.
_BINS = 10


def roc_auc(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the area under the ROC curve: 0.5 is chance, 1 ranks every positive first; ties count half.

    Computed as the Mann-Whitney statistic (Hanley & McNeil 1982).
    """
    _, ranks, counts = np.unique(probability, return_inverse=True, return_counts=True)
    positives = np.bincount(ranks, weights=label, minlength=len(counts))
    negatives = counts - positives
    below = np.cumsum(negatives) - negatives
    pairs = positives.sum() * negatives.sum()
    return float((positives * (below + negatives / 2)).sum() / pairs) if pairs else float("nan")


def pr_auc(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the average precision: the share of positives is chance, 1 ranks every positive first."""
    values, ranks, counts = np.unique(probability, return_inverse=True, return_counts=True)
    positives = np.bincount(ranks, weights=label, minlength=len(values))[::-1]
    if not positives.sum():
        return float("nan")
    precision = np.cumsum(positives) / np.cumsum(counts[::-1])
    return float((precision * positives).sum() / positives.sum())


def log_loss(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean negative log-likelihood in nats; 0 is perfect, lower is better."""
    clipped = np.clip(probability, _EDGE, 1 - _EDGE)
    return float(-np.mean(np.where(label == 1, np.log(clipped), np.log1p(-clipped)))) if len(label) else float("nan")


def brier_score(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean squared distance of probability and label; 0 is perfect, 1 the worst (Brier 1950)."""
    return float(np.mean((probability - label) ** 2)) if len(label) else float("nan")


def ks_statistic(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the largest distance between the score distributions of the classes; 0 none, 1 complete."""
    values, ranks, counts = np.unique(probability, return_inverse=True, return_counts=True)
    positives = np.bincount(ranks, weights=label, minlength=len(values))
    negatives = counts - positives
    if not positives.sum() or not negatives.sum():
        return float("nan")
    distance = np.cumsum(positives) / positives.sum() - np.cumsum(negatives) / negatives.sum()
    return float(np.abs(distance).max())


@dataclass(frozen=True)
class Confusion:
    """Counts of decisions by label; weights other than whole rows are possible.

    Attributes:
        true_positives: Decided 1, label 1.
        false_positives: Decided 1, label 0.
        true_negatives: Decided 0, label 0.
        false_negatives: Decided 0, label 1.
    """

    true_positives: float
    false_positives: float
    true_negatives: float
    false_negatives: float

    @property
    def rows(self) -> float:
        """All rows."""
        return self.true_positives + self.false_positives + self.true_negatives + self.false_negatives

    @property
    def precision(self) -> float:
        """Share of the decided that are positive; NaN if none is decided."""
        return divide(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the positives that are decided; NaN without positives."""
        return divide(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1_score(self) -> float:
        """Harmonic mean of precision and recall; NaN if there is nothing to find and nothing found."""
        wrong = self.false_positives + self.false_negatives
        return divide(2 * self.true_positives, 2 * self.true_positives + wrong)

    @property
    def accuracy_score(self) -> float:
        """Share of right decisions."""
        return divide(self.true_positives + self.true_negatives, self.rows)


def count_decisions(label: np.ndarray, decision: np.ndarray) -> Confusion:
    """Return the four counts of decisions (0 or 1) against labels."""
    cells = np.bincount(label.astype(np.int64) * 2 + decision.astype(np.int64), minlength=4).tolist()
    true_negatives, false_positives, false_negatives, true_positives = cells
    return Confusion(true_positives, false_positives, true_negatives, false_negatives)


def expected_cost(confusion: Confusion, *, missed: float, false_alarm: float) -> float:
    """Return the mean cost of a decision in currency units per row; lower is better."""
    total = confusion.false_negatives * missed + confusion.false_positives * false_alarm
    return divide(total, confusion.rows)


def measure(
    label: np.ndarray, probability: np.ndarray, decision: np.ndarray, *, missed: float, false_alarm: float
) -> dict[str, float]:
    """Return every metric and the cost in currency units per row; :data:`MLFLOW_NAMES` has MLflow's names of them."""
    confusion = count_decisions(label, decision)
    return {
        "example_count": float(len(label)),
        **{name: float(count) for name, count in asdict(confusion).items()},
        "roc_auc": roc_auc(label, probability),
        "precision_recall_auc": pr_auc(label, probability),
        "log_loss": log_loss(label, probability),
        "brier_score": brier_score(label, probability),
        "ks_statistic": ks_statistic(label, probability),
        "precision": confusion.precision,
        "recall": confusion.recall,
        "f1_score": confusion.f1_score,
        "accuracy_score": confusion.accuracy_score,
        "expected_cost": expected_cost(confusion, missed=missed, false_alarm=false_alarm),
    }


@dataclass(frozen=True)
class CalibrationBin:
    """One bin of rows with similar probabilities.

    Attributes:
        rows: Rows in the bin.
        predicted: Mean probability.
        observed: Share of label 1.
    """

    rows: int
    predicted: float
    observed: float


def bin_calibration(label: np.ndarray, probability: np.ndarray) -> list[CalibrationBin]:
    """Return up to ten bins of equally many rows, lowest probability first."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    return [CalibrationBin(len(part), float(probability[part].mean()), float(label[part].mean())) for part in parts]


def calibration_error(bins: list[CalibrationBin]) -> float:
    """Return the mean distance of predicted and observed, weighted by rows: 0 is perfect (Naeini et al. 2015)."""
    rows = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.predicted - each.observed) for each in bins) / rows if rows else float("nan")


def divide(numerator: float, denominator: float) -> float:
    """Return the quotient, NaN where the denominator is 0."""
    return float(numerator / denominator) if denominator else float("nan")
