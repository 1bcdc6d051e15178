"""What kind of answer a problem asks for, and everything that follows from it.

The one place that chooses estimators, metrics, calibration, threshold, columns of a prediction, gates, figures of
monitoring and words. Everything else is handed a :class:`Task` and asks it; nothing else asks whether an answer is a
probability.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, Self

import numpy as np

from boathouse.modelling import binary, metrics
from boathouse.modelling.calibration import CalibrationOptions, CostOptions, Tuned
from boathouse.modelling.intervals import (
    COMPARED,
    BootstrapOptions,
    measure_compared,
    resample_differences,
    resample_references,
)
from boathouse.scoring.spec import BINARY_OUTPUTS, Outputs

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
class Figure:
    """One figure of a scored cohort, a column of ``monitoring.performance``.

    Attributes:
        name: Name of the column.
        description: What it means.
        metric: What :attr:`Task.measure_cohort` calls it, if not by its name.
        interval: Whether ``<name>_low`` and ``<name>_high`` stand beside it.
        title: Name in reports; empty for a figure that they leave out.
        minimum: Smallest value, inclusive, or None.
        maximum: Largest value, inclusive, or None.
    """

    name: str
    description: str
    metric: str = ""
    interval: bool = False
    title: str = ""
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
        metrics: Titles of the metrics that reports show, in their order.
        headline: Those of them that a summary of one line names.
        cost: That of them which is in currency units per row; empty if none is.
        decision: What the decision that is bad for the entity is called; empty for a task without decisions.
    """

    answer: str
    observed: str
    contribution: str
    metrics: Mapping[str, str]
    headline: tuple[str, ...] = ()
    cost: str = ""
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
        directions: Metrics of which each says which of two models is better, and whether more is better.
        slice_metrics: Metrics of parts of the rows, from label and prediction.
        summaries: Figures of a scored cohort before its labels are known.
        figures: Further ones, once they are.
        predicted: The summary that is held against what happened.
        observed: The figure that it is held against.
        gates: Names of the gates on performance that apply.
        words: How the answer is called.
        has_categories: Whether the label is 0 or 1, so that its drift is one of counts.
        read_label: From values, split and label name to the label as numbers; refuses what cannot be learnt from.
        measure_trial: Metrics of a fitted candidate: label and the estimator's numbers.
        tune: Calibration and threshold from the estimator's numbers and the label, with prices, and the adverse value.
        rank_alone: How well one feature alone ranks the label, 0.5 (not at all) to 1 (wholly).
        pair: From label, answer and adverse value to rows that can be measured; the adverse value is what counts as
            positive.
        measure: Every metric of such rows.
        resample: The same metrics in every resample.
        measure_compared: The compared metrics alone.
        resample_differences: Differences of the compared metrics in every resample.
        gather: The rows with the number of each one's entity, which is then resampled as a whole.
        resample_references: What decisions that need no model cost, by name, and ours less it in every resample; none
            for a task without decisions.
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
    directions: Mapping[str, bool] = field(default_factory=dict)
    slice_metrics: Mapping[str, Callable[[np.ndarray, np.ndarray], float]]
    summaries: tuple[Figure, ...]
    figures: tuple[Figure, ...]
    predicted: str
    observed: str
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
    gather: Callable[[Any, np.ndarray], Any] = lambda rows, entities: rows  # noqa: ARG005 - one signature for all
    resample_references: Callable[[Any, BootstrapOptions, CostOptions], Mapping[str, tuple[float, np.ndarray]]] = (
        lambda rows, options, costs: {}  # noqa: ARG005
    )
    find_acted: Callable[[Any], np.ndarray | None]
    summarise: Callable[[Mapping[str, np.ndarray], int], Values]
    measure_cohort: Callable[[Any], Values]

    def figure(self, name: str) -> Figure:
        """Return the summary or figure ``name``."""
        return next(each for each in (*self.summaries, *self.figures) if each.name == name)

    @property
    def reported(self) -> tuple[Figure, ...]:
        """What reports show of a cohort: its figures, then what was predicted beside what was observed."""
        last = (self.predicted, self.observed)
        shown = [each for each in (*self.summaries, *self.figures) if each.title and each.name not in last]
        return (*shown, *map(self.figure, last))


BINARY = Task(
    name="binary",
    outputs=BINARY_OUTPUTS,
    estimators=("xgboost", "logistic_regression", "hist_gradient_boosting", "rate_table"),
    baseline="rate_table",
    search_metrics=MappingProxyType({"log_loss": False, "roc_auc": True}),
    compared=MappingProxyType(COMPARED),
    decisive="roc_auc",
    directions=MappingProxyType(
        {
            **COMPARED,
            "precision_recall_auc": True,
            "log_loss": False,
        }
    ),
    slice_metrics=MappingProxyType({"roc_auc": metrics.roc_auc, "brier_score": metrics.brier_score}),
    summaries=(
        Figure(
            name="mean_probability",
            title="mean probability",
            description="Mean predicted probability of the adverse label",
            minimum=0,
            maximum=1,
        ),
        Figure(name="decision_rate", description="Share of rows with the adverse decision", minimum=0, maximum=1),
    ),
    figures=(
        Figure(
            name="observed_rate", title="observed rate", description="Share of labelled rows with the adverse label"
        ),
        Figure(name="roc_auc", title="ROC AUC", description="Area under the ROC curve; 0.5 is chance", interval=True),
        Figure(
            name="brier",
            title="Brier",
            metric="brier_score",
            description="Mean squared error of the probability; 0 is perfect",
            interval=True,
        ),
        Figure(name="log_loss", title="log loss", description="Logarithmic loss in nats; 0 is perfect"),
        Figure(
            name="precision",
            title="precision",
            description="Share of adverse decisions whose label is adverse; null without such decisions",
        ),
        Figure(
            name="recall",
            title="recall",
            description="Share of adverse labels with the adverse decision; null without such labels",
        ),
    ),
    predicted="mean_probability",
    observed="observed_rate",
    gates=(
        *("unseen_rows", "minimum_roc_auc", "beats_baseline", "costs_less_than_baseline", "not_worse_than_champion"),
        *("brier_not_worse_than_champion", "not_costlier_than_champion", "calibration", "demographic_parity"),
        *("equalized_odds", "behaviour", "no_leakage", "acts_on_some", "not_costlier_than_baseline"),
    ),
    words=Words(
        answer="probability",
        observed="observed rate",
        contribution="log-odds of label 1",
        metrics=MappingProxyType(
            {
                "roc_auc": "ROC AUC",
                "precision_recall_auc": "PR AUC",
                "log_loss": "Log loss",
                "brier_score": "Brier score",
                "ks_statistic": "KS",
                "precision": "Precision at the threshold",
                "recall": "Recall at the threshold",
                "f1_score": "F1 at the threshold",
                "expected_cost": "Cost",
            }
        ),
        headline=("roc_auc", "precision_recall_auc", "brier_score"),
        cost="expected_cost",
        decision="the adverse decision",
    ),
    has_categories=True,
    read_label=binary.read_label,
    measure_trial=binary.measure_trial,
    tune=binary.tune,
    rank_alone=binary.rank_alone,
    pair=binary.pair,
    measure=binary.measure,
    resample=binary.resample,
    measure_compared=measure_compared,
    resample_differences=resample_differences,
    gather=binary.gather,
    resample_references=resample_references,
    find_acted=binary.find_acted,
    summarise=binary.summarise,
    measure_cohort=binary.measure_cohort,
)
# Every task there is; conf and contracts that do not know the use case are checked against all of them.
TASKS: dict[str, Task] = {BINARY.name: BINARY}
