"""What kind of answer a problem asks for, and everything that follows from it.

The one place that chooses estimators, metrics, calibration, threshold, columns of a prediction, gates, figures of
monitoring and words. Everything else is handed a :class:`Task` and asks it; nothing else asks whether an answer is a
probability.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, Self

import numpy as np

from boathouse.errors import ModelError
from boathouse.modelling import metrics
from boathouse.modelling.calibration import CalibrationOptions, CostOptions, choose_threshold, fit_calibration
from boathouse.modelling.intervals import BootstrapOptions, Scored, resample_metrics
from boathouse.modelling.paired import COMPARED, measure_compared, resample_differences
from boathouse.scoring.spec import BINARY_OUTPUTS, Calibration, Outputs

Values = dict[str, float]
Resampled = dict[str, np.ndarray]


class ScoredRows(Protocol):
    """Rows with what was predicted of them, in whatever form a task keeps them.

    Attributes:
        label: What happened, one number a row.
        predicted: What was predicted of it, in the label's unit.
    """

    label: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Return what was predicted."""

    def take(self, rows: np.ndarray) -> Self:
        """Return the rows that ``rows`` selects."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What is chosen on validation rows.

    Attributes:
        calibration: From the estimator's number to the answer.
        threshold: From which on the decision is 1; NaN for a task without decisions.
        metrics: Of the calibrated answer on these rows.
    """

    calibration: Calibration
    threshold: float
    metrics: Values


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a scored cohort, a column of ``monitoring.performance``.

    Attributes:
        name: Name of the column.
        description: What it means.
        metric: What :attr:`Task.measure_cohort` calls it, if not by its name.
        interval: Whether ``<name>_low`` and ``<name>_high`` stand beside it.
        minimum: Smallest value, inclusive, or None.
        maximum: Largest value, inclusive, or None.
    """

    name: str
    description: str
    metric: str = ""
    interval: bool = False
    minimum: float | None = None
    maximum: float | None = None

    @property
    def source(self) -> str:
        """Name of the metric behind the figure."""
        return self.metric or self.name


@dataclass(frozen=True, kw_only=True)
class Words:
    """How a task's answer is called in reports.

    Attributes:
        answer: What is predicted, without the label: ``probability``.
        observed: What it is held against: ``observed rate``.
        contribution: Unit of a feature's contribution.
        metrics: How the compared metrics are called.
        decision: What the decision that is bad for the entity is called; empty for a task without decisions.
    """

    answer: str
    observed: str
    contribution: str
    metrics: Mapping[str, str]
    decision: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of question. A new one is a new instance; nothing that takes a task changes.

    Attributes:
        name: Name, which the spec of a model carries.
        outputs: Columns of an answer, and how they are computed wherever a model runs.
        estimators: Names in the registry of estimators that can be tried.
        baseline: Name of the estimator that is the business rule.
        search_metrics: Metrics by which candidates can be selected, and whether more is better.
        compared: Metrics by which two models are compared, and whether more is better.
        decisive: The one of them by which a candidate has to beat the champion.
        slice_metrics: Metrics of parts of the rows, from label and prediction.
        summaries: Figures of a scored cohort before its labels are known.
        figures: Further ones, once they are.
        gates: Names of the gates on performance that apply.
        words: How the answer is called.
        has_categories: Whether the label is 0 or 1, so that its drift is one of counts.
        read_label: From values, split and label name to the label as numbers; refuses what cannot be learnt from.
        measure_trial: Metrics of a fitted candidate: label and the estimator's numbers.
        tune: Calibration and threshold from the estimator's numbers and the label, with prices, and the adverse value.
        rank_alone: How well one feature alone tells the label, 0.5 (not at all) to 1 (wholly).
        pair: From label, answer and adverse value to rows that can be measured; the adverse value is what counts as
            positive.
        measure: Every metric of such rows.
        resample: The same metrics in every resample.
        measure_compared: The compared metrics alone.
        resample_differences: Differences of the compared metrics in every resample.
        find_acted: Rows whose decision is bad for the entity, 1 or 0; None for a task without decisions.
        summarise: What :attr:`summaries` name, from the answer and the adverse value.
        measure_cohort: What :attr:`figures` name.
    """

    name: str
    outputs: Outputs
    estimators: tuple[str, ...]
    baseline: str
    search_metrics: Mapping[str, bool]
    compared: Mapping[str, bool]
    decisive: str
    slice_metrics: Mapping[str, Callable[[np.ndarray, np.ndarray], float]]
    summaries: tuple[Figure, ...]
    figures: tuple[Figure, ...]
    gates: tuple[str, ...]
    words: Words
    has_categories: bool
    read_label: Callable[[np.ndarray, str, str], np.ndarray]
    measure_trial: Callable[[np.ndarray, np.ndarray], Values]
    tune: Callable[[np.ndarray, np.ndarray, CalibrationOptions, CostOptions, int], Tuned]
    rank_alone: Callable[[np.ndarray, np.ndarray], float]
    pair: Callable[[np.ndarray, Mapping[str, np.ndarray], int], Any]
    measure: Callable[[Any, CostOptions], Values]
    resample: Callable[[Any, BootstrapOptions, CostOptions], Resampled]
    measure_compared: Callable[[Any, CostOptions], Values]
    resample_differences: Callable[[Any, Any, BootstrapOptions, CostOptions], Resampled]
    find_acted: Callable[[Any], np.ndarray | None]
    summarise: Callable[[Mapping[str, np.ndarray], int], Values]
    measure_cohort: Callable[[Any], Values]


def _read_binary(values: np.ndarray, split: str, label: str) -> np.ndarray:
    labels = values.astype(np.int64)
    if len(np.unique(labels)) < 2:
        raise ModelError.single_class(split, label)
    return labels


def _measure_trial(label: np.ndarray, log_odds: np.ndarray) -> Values:
    probability = Calibration("none").to_probability(log_odds)
    return {
        "log_loss": metrics.log_loss(label, probability),
        "roc_auc": metrics.roc_auc(label, probability),
    }


def _tune_binary(
    log_odds: np.ndarray, label: np.ndarray, calibration: CalibrationOptions, costs: CostOptions, adverse: int
) -> Tuned:
    fitted = fit_calibration(log_odds, label, calibration)
    probability = fitted.to_probability(log_odds)
    return Tuned(
        calibration=fitted,
        threshold=choose_threshold(probability, label, costs, adverse=adverse),
        metrics={
            "roc_auc": metrics.roc_auc(label, probability),
            "precision_recall_auc": metrics.pr_auc(label, probability),
            "log_loss": metrics.log_loss(label, probability),
            "brier_score": metrics.brier_score(label, probability),
        },
    )


def _rank_alone(label: np.ndarray, values: np.ndarray) -> float:
    auc = metrics.roc_auc(label, values)
    return max(auc, 1 - auc)


def _pair_binary(label: np.ndarray, answer: Mapping[str, np.ndarray], adverse: int) -> Scored:
    """Return the rows seen from the adverse value: its occurrence, its probability, and whether it was decided."""
    probability, decision = (answer[column.name] for column in BINARY_OUTPUTS.columns)
    if adverse == 1:
        return Scored(label, probability, decision)
    return Scored(1 - label, 1 - probability, 1 - decision)


def _measure_binary(scored: Scored, costs: CostOptions) -> Values:
    prices = {"missed": costs.missed, "false_alarm": costs.false_alarm}
    return metrics.measure(scored.label, scored.probability, scored.decision, **prices)


def _resample_binary(scored: Scored, options: BootstrapOptions, costs: CostOptions) -> Resampled:
    return resample_metrics(scored, options, missed=costs.missed, false_alarm=costs.false_alarm)


def _summarise_binary(answer: Mapping[str, np.ndarray], adverse: int) -> Values:
    seen = _pair_binary(np.empty(0), answer, adverse)
    return {"mean_probability": float(seen.probability.mean()), "decision_rate": float(seen.decision.mean())}


def _measure_cohort_binary(scored: Scored) -> Values:
    # The costs of decisions play no part in what is kept of a cohort.
    measured = _measure_binary(scored, CostOptions(missed=0.0, false_alarm=0.0))
    return {**measured, "observed_rate": float(scored.label.mean())}


def _acted(scored: Scored) -> np.ndarray:
    return scored.decision


BINARY = Task(
    name="binary",
    outputs=BINARY_OUTPUTS,
    estimators=("xgboost", "logistic_regression", "hist_gradient_boosting", "rate_table"),
    baseline="rate_table",
    search_metrics=MappingProxyType({"log_loss": False, "roc_auc": True}),
    compared=MappingProxyType(COMPARED),
    decisive="roc_auc",
    slice_metrics=MappingProxyType({"roc_auc": metrics.roc_auc, "brier_score": metrics.brier_score}),
    summaries=(
        Figure(
            name="mean_probability", description="Mean predicted probability of the adverse label", minimum=0, maximum=1
        ),
        Figure(name="decision_rate", description="Share of rows with the adverse decision", minimum=0, maximum=1),
    ),
    figures=(
        Figure(name="observed_rate", description="Share of labelled rows with the adverse label"),
        Figure(name="roc_auc", description="Area under the ROC curve; 0.5 is chance", interval=True),
        Figure(
            name="brier",
            metric="brier_score",
            description="Mean squared error of the probability; 0 is perfect",
            interval=True,
        ),
        Figure(name="log_loss", description="Logarithmic loss in nats; 0 is perfect"),
        Figure(
            name="precision",
            description="Share of adverse decisions whose label is adverse; null without such decisions",
        ),
        Figure(
            name="recall", description="Share of adverse labels with the adverse decision; null without such labels"
        ),
    ),
    gates=(
        *("unseen_rows", "minimum_roc_auc", "beats_baseline", "costs_less_than_baseline", "not_worse_than_champion"),
        *("brier_not_worse_than_champion", "not_costlier_than_champion", "calibration", "demographic_parity"),
        *("equalized_odds", "behaviour", "no_leakage"),
    ),
    words=Words(
        answer="probability",
        observed="observed rate",
        contribution="log-odds",
        metrics=MappingProxyType({"roc_auc": "ROC AUC", "brier_score": "Brier score", "expected_cost": "Cost"}),
        decision="the adverse decision",
    ),
    has_categories=True,
    read_label=_read_binary,
    measure_trial=_measure_trial,
    tune=_tune_binary,
    rank_alone=_rank_alone,
    pair=_pair_binary,
    measure=_measure_binary,
    resample=_resample_binary,
    measure_compared=measure_compared,
    resample_differences=resample_differences,
    find_acted=_acted,
    summarise=_summarise_binary,
    measure_cohort=_measure_cohort_binary,
)
# Every task there is; conf and contracts that do not know the use case are checked against all of them.
TASKS: dict[str, Task] = {BINARY.name: BINARY}
