"""Estimates of cohorts without labels: by which method, on what they rest, and why there may be none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.task import BINARY, Task
from boathouse.monitoring.calibrators import Calibrator, fit_calibrators, has_both_classes, separate
from boathouse.monitoring.cohorts import CohortRows, join_cohorts
from boathouse.monitoring.estimate_table import CohortEstimate
from boathouse.monitoring.estimation import (
    ASSUMPTIONS,
    Estimated,
    Method,
    ScoredAnswer,
    estimate_calibrated,
    estimate_error,
)
from boathouse.monitoring.support import SupportOptions, check_support
from boathouse.options import require_between, require_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from boathouse.monitoring.calibrators import Separation

METRICS = (
    *("roc_auc", "accuracy_score", "brier_score", "log_loss", "expected_cost", "precision", "recall"),
    "observed_rate",
)
ERROR = "mean_absolute_error"
_UNCALIBRATED = " No labelled cohort of this version is there yet: the model's own probability is taken as calibrated."


@dataclass(frozen=True, kw_only=True)
class EstimationOptions:
    """When performance is estimated, and how sure an estimate has to be.

    Attributes:
        labelled_cohorts: Newest labelled cohorts of the version that probabilities are calibrated on; 1 to 1,000.
        minimum_rows: Labelled rows that a calibration needs; 50 to 1 million.
        resamples: Refits of the calibration behind the interval; 20 to 1,000.
        confidence: Probability with which an interval is to hold the truth; 0.5 to 0.999.
        seed: Seed of resamples and fits; 0 to 2**31 - 1.
        maximum_new_share: Share of rows (0 to 1) with a category that no labelled row had.
        maximum_unsupported: Share of rows (0 to 1) unlike any labelled row.
        minimum_effective: Smallest effective share (0 to 1) of the labelled rows after weighting them.
        discrete_values: A feature with at most this many values has categories; 2 to 100.
        minimum_gain: Nats per row by which a step of recalibration has to lower the log loss; 0 to 1.
        max_rows: Rows of the cohorts held on the driver; more are thinned by a hash of the keys; 1,000 to 50 million.
    """

    labelled_cohorts: int
    minimum_rows: int
    resamples: int
    confidence: float
    seed: int
    maximum_new_share: float
    maximum_unsupported: float
    minimum_effective: float
    discrete_values: int
    minimum_gain: float
    max_rows: int

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("labelled_cohorts", self.labelled_cohorts, 1, 1_000)
        require_whole("minimum_rows", self.minimum_rows, 50, 1_000_000)
        require_whole("resamples", self.resamples, 20, 1_000)
        require_between("minimum_gain", self.minimum_gain, 0.0, 1.0)
        require_whole("max_rows", self.max_rows, 1_000, 50_000_000)
        # The classes that use the others check their ranges.
        _ = self.support, self.sampling

    @property
    def support(self) -> SupportOptions:
        """What of the rows may lie outside of the reference."""
        return SupportOptions(
            maximum_new_share=self.maximum_new_share,
            maximum_unsupported=self.maximum_unsupported,
            minimum_effective=self.minimum_effective,
            discrete_values=self.discrete_values,
        )

    @property
    def sampling(self) -> BootstrapOptions:
        """How the calibration is resampled."""
        return BootstrapOptions(samples=self.resamples, confidence=self.confidence, seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What estimates of one version rest on.

    Attributes:
        labelled: Labelled earlier cohorts together; None where there are none.
        trained: The rows that the model was trained on, to compare with where no cohort is labelled; None for none.
    """

    labelled: CohortRows | None
    trained: CohortRows | None


def join_labelled(cohorts: Sequence[CohortRows], as_of: date, options: EstimationOptions) -> CohortRows | None:
    """Return the newest mature ones of ``cohorts`` (oldest first) together; None if they have too few rows."""
    mature = [each.take(each.known) for each in cohorts if each.is_mature(as_of)][-options.labelled_cohorts :]
    return join_cohorts(mature) if sum(len(each.label) for each in mature) >= options.minimum_rows else None


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """Estimates cohorts of one task.

    Attributes:
        options: When and how.
        costs: Prices of wrong decisions.
        task: What the model answers.
        adverse: The value of the label that is bad for the entity.
    """

    options: EstimationOptions
    costs: CostOptions
    task: Task = BINARY
    adverse: int = 1

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods that the task has."""
        return ("cbpe", "pape") if self.task.has_categories else ("dle",)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that are estimated."""
        return METRICS if self.task.has_categories else (ERROR,)

    def estimate(self, current: CohortRows, known: Known) -> list[CohortEstimate]:
        """Return the estimates of a cohort by every method of the task, or why there are none."""
        compared = known.labelled if known.labelled is not None else known.trained
        if compared is None:
            return self._refuse(
                current, self.methods, "no labelled cohort and no rows trained on are there to compare."
            )
        mine, theirs = take_shared(current, compared)
        support = check_support(theirs, mine, self.options.support)
        if not support.is_enough:
            return self._refuse(current, self.methods, support.reason)
        if not self.task.has_categories:
            return self._estimate_error(current, known.labelled)
        if known.labelled is None or not has_both_classes(known.labelled.label):
            return [
                *self._fill(current, "cbpe", self._estimate(current, compared, None), besides=_UNCALIBRATED),
                *self._refuse(
                    current, ("pape",), "no labelled cohort of this version has rows enough of both classes."
                ),
            ]
        separation = separate(theirs, mine, (compared.entities, current.entities), seed=self.options.seed)
        if separation.extreme_share > self.options.maximum_unsupported:
            return self._refuse(current, self.methods, _describe_extreme(separation, self.options))
        return [
            *self._fill(current, "cbpe", self._estimate(current, compared, np.ones(len(compared.label)))),
            *self._estimate_shifted(current, compared, separation),
        ]

    def measure(self, rows: CohortRows) -> dict[str, float]:
        """Return the same metrics of labelled rows."""
        paired = rows.pair(self.task, self.adverse)
        if not self.task.has_categories:
            return {ERROR: float(np.abs(paired.label - paired.predicted).mean())}
        measured = self.task.measure(paired, self.costs) | {"observed_rate": float(paired.label.mean())}
        return {name: measured[name] for name in METRICS}

    def _estimate_shifted(
        self, current: CohortRows, labelled: CohortRows, separation: Separation
    ) -> list[CohortEstimate]:
        if separation.effective_share < self.options.minimum_effective:
            reason = (
                f"weighted like the cohort, the labelled rows are worth {separation.effective_share:.1%} of their "
                f"number; {self.options.minimum_effective:.1%} at least are needed."
            )
            return self._refuse(current, ("pape",), reason)
        return self._fill(current, "pape", self._estimate(current, labelled, separation.ratios))

    def _estimate(self, current: CohortRows, labelled: CohortRows, weights: np.ndarray | None) -> dict[str, Estimated]:
        """Return the metrics by probabilities calibrated on ``labelled``; as they are without ``weights``."""
        seen = self.task.pair(np.zeros(len(current.label)), current.answer, self.adverse)
        answer = ScoredAnswer(probability=seen.probability, decision=seen.decision)
        if weights is None:
            return estimate_calibrated(answer, (Calibrator(form="none"), []), self.costs)
        rows = self.task.pair(labelled.label, labelled.answer, self.adverse)
        calibrators = fit_calibrators(
            rows.probability, rows.label, labelled.entities, options=self.options.sampling, weights=weights
        )
        return estimate_calibrated(answer, calibrators, self.costs)

    def _estimate_error(self, current: CohortRows, labelled: CohortRows | None) -> list[CohortEstimate]:
        if labelled is None:
            return self._refuse(current, ("dle",), "no labelled cohort of this version has rows enough.")
        paired = labelled.pair(self.task, self.adverse)
        mine, theirs = take_shared(current, labelled)
        errors = np.abs(paired.label - paired.predicted)
        found = estimate_error(theirs, errors, labelled.entities, mine, seed=self.options.seed)
        return self._fill(current, "dle", {ERROR: found})

    def _fill(
        self, current: CohortRows, method: Method, found: Mapping[str, Estimated], *, besides: str = ""
    ) -> list[CohortEstimate]:
        return [
            self._describe(current, method, name, each, ASSUMPTIONS[method] + besides) for name, each in found.items()
        ]

    def _describe(
        self, current: CohortRows, method: Method, metric: str, found: Estimated, assumption: str
    ) -> CohortEstimate:
        blank = CohortEstimate(
            cohort=current.cohort,
            model_version=current.model_version,
            method=method,
            metric=metric,
            status="not_estimable",
            rows=len(current.label),
            assumption=assumption,
            reason="the metric is not defined for what is expected of these rows.",
        )
        if not np.isfinite(found.value):
            return blank
        low, high = found.bounds(self.options.confidence)
        return replace(blank, status="estimated", reason="", value=found.value, sd=found.sd, low=low, high=high)

    def _refuse(self, current: CohortRows, methods: Iterable[Method], reason: str) -> list[CohortEstimate]:
        nothing = Estimated(value=float("nan"), sd=float("nan"))
        return [
            replace(self._describe(current, method, metric, nothing, ASSUMPTIONS[method]), reason=reason)
            for method in methods
            for metric in self.metrics
        ]


def take_shared(current: CohortRows, other: CohortRows) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the features that both have, of each."""
    names = sorted(set(current.features) & set(other.features))
    return {name: current.features[name] for name in names}, {name: other.features[name] for name in names}


def choose_estimates(estimates: Iterable[CohortEstimate]) -> list[CohortEstimate]:
    """Return one estimate for each cohort and metric: that weighted for the mix of rows where there is one."""
    chosen: dict[tuple[date, str, str], CohortEstimate] = {}
    for each in estimates:
        key = (each.cohort, each.model_version, each.metric)
        if key not in chosen or each.value is not None:
            chosen[key] = each
    return list(chosen.values())


def _describe_extreme(separation: Separation, options: EstimationOptions) -> str:
    return (
        f"{separation.extreme_share:.1%} of the rows are of a kind that is twenty times as rare among labelled rows; "
        f"at most {options.maximum_unsupported:.1%} may be."
    )
