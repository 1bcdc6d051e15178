"""The binary task: a calibrated probability of label 1, and a decision from a threshold on.

Whatever is measured is seen from the adverse value of the label: a positive row is one to which it happened, its
probability is that of the adverse value, and its decision says whether the adverse value was decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from boathouse.errors import ModelError
from boathouse.modelling import metrics
from boathouse.modelling.calibration import CalibrationOptions, CostOptions, Tuned, choose_threshold, fit_calibration
from boathouse.modelling.intervals import BootstrapOptions, Scored, resample_metrics
from boathouse.scoring.spec import BINARY_OUTPUTS, Calibration

Values = dict[str, float]
Resampled = dict[str, np.ndarray]


def read_label(values: np.ndarray, split: str, label: str) -> np.ndarray:
    """Return the labels as 0 and 1.

    Raises:
        ModelError: If there is one class only.
    """
    labels = values.astype(np.int64)
    if len(np.unique(labels)) < 2:
        raise ModelError.single_class(split, label)
    return labels


def measure_trial(label: np.ndarray, log_odds: np.ndarray) -> Values:
    """Return by what candidates are selected, uncalibrated."""
    probability = Calibration("none").to_probability(log_odds)
    return {
        "log_loss": metrics.log_loss(label, probability),
        "roc_auc": metrics.roc_auc(label, probability),
    }


def tune(
    log_odds: np.ndarray, label: np.ndarray, calibration: CalibrationOptions, costs: CostOptions, adverse: int
) -> Tuned:
    """Return calibration and threshold; the metrics are seen from the adverse value."""
    fitted = fit_calibration(log_odds, label, calibration)
    probability = fitted.to_probability(log_odds)
    happened, foreseen = (label, probability) if adverse == 1 else (1 - label, 1 - probability)
    return Tuned(
        calibration=fitted,
        threshold=choose_threshold(probability, label, costs, adverse=adverse),
        metrics={
            "roc_auc": metrics.roc_auc(happened, foreseen),
            "precision_recall_auc": metrics.pr_auc(happened, foreseen),
            "log_loss": metrics.log_loss(happened, foreseen),
            "brier_score": metrics.brier_score(happened, foreseen),
        },
    )


def rank_alone(label: np.ndarray, values: np.ndarray) -> float:
    """Return the ROC AUC of one feature alone, in the better direction."""
    auc = metrics.roc_auc(label, values)
    return max(auc, 1 - auc)


def pair(label: np.ndarray, answer: Mapping[str, np.ndarray], adverse: int) -> Scored:
    """Return the rows seen from the adverse value: its occurrence, its probability, and whether it was decided."""
    probability, decision = (answer[column.name] for column in BINARY_OUTPUTS.columns)
    if adverse == 1:
        return Scored(label, probability, decision)
    return Scored(1 - label, 1 - probability, 1 - decision)


def gather(scored: Scored, entities: np.ndarray) -> Scored:
    """Return the rows with the number of each one's entity: rows of one entity are resampled together."""
    return replace(scored, entities=entities)


def measure(scored: Scored, costs: CostOptions) -> Values:
    """Return every metric, the cost in currency units per row."""
    prices = {"missed": costs.missed, "false_alarm": costs.false_alarm}
    return metrics.measure(scored.label, scored.probability, scored.decision, **prices)


def resample(scored: Scored, options: BootstrapOptions, costs: CostOptions) -> Resampled:
    """Return the same metrics in every resample."""
    return resample_metrics(scored, options, missed=costs.missed, false_alarm=costs.false_alarm)


def summarise(answer: Mapping[str, np.ndarray], adverse: int) -> Values:
    """Return what is known of a scored cohort before its labels."""
    seen = pair(np.empty(0), answer, adverse)
    return {"mean_probability": float(seen.probability.mean()), "decision_rate": float(seen.decision.mean())}


def measure_cohort(scored: Scored) -> Values:
    """Return the figures of a cohort with labels."""
    # The costs of decisions play no part in what is kept of a cohort.
    measured = measure(scored, CostOptions(missed=0.0, false_alarm=0.0))
    return {**measured, "observed_rate": float(scored.label.mean())}


def find_acted(scored: Scored) -> np.ndarray:
    """Return 1 for each row for which the adverse value was decided, else 0."""
    return scored.decision
