"""Thresholds of monitoring, as read from ``params:monitoring.<group>``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boathouse.errors import OptionError
from boathouse.options import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class DriftOptions:
    """When two distributions count as different.

    Effect size decides, since with many rows a test finds every difference significant; the
    test, corrected for the number of columns, only guards small samples against noise.

    Attributes:
        psi_warning: Population stability index from which a column is watched; 0 to 10. The
            industry's rule of thumb is 0.1 (Siddiqi, *Credit Risk Scorecards*, 2006).
        psi_alarm: Index from which a column has drifted; above ``psi_warning``, at most 10. Rule of thumb 0.25.
        js_alarm: Jensen-Shannon distance (base 2, 0 same to 1 disjoint) from which it has drifted.
        null_alarm: Change of the share of nulls (0 to 1, either way) from which it is a data problem.
        alpha: Largest Benjamini-Hochberg adjusted p-value that counts as significant; 0 to 1.
        discrete_values: A numeric column with at most this many values on each side is binned by value; 2 to 100.
        max_rows: Rows compared on each side; more are thinned by a hash of the keys; 1,000 to 50 million.
        reference_cohorts: Newest training cohorts that are the reference; 1 to 1,000. The oldest ones may lack
            the history that trailing windows need.
        ignored: Inputs of the model that are measured but not judged.
        left_out_because: Why; told with them in log, summary, report and table.
        also_watched: Features that are judged though the model does not take them.
    """

    psi_warning: float
    psi_alarm: float
    js_alarm: float
    null_alarm: float
    alpha: float
    discrete_values: int
    max_rows: int
    reference_cohorts: int
    ignored: Sequence[str]
    left_out_because: str = ""
    also_watched: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_between("psi_warning", self.psi_warning, 0.0, 10.0)
        require_between("psi_alarm", self.psi_alarm, 0.0, 10.0)
        require_between("js_alarm", self.js_alarm, 0.0, 1.0)
        require_between("null_alarm", self.null_alarm, 0.0, 1.0)
        require_between("alpha", self.alpha, 0.0, 1.0)
        require_whole("discrete_values", self.discrete_values, 2, 100)
        require_whole("max_rows", self.max_rows, 1_000, 50_000_000)
        require_whole("reference_cohorts", self.reference_cohorts, 1, 1_000)
        if self.ignored and not self.left_out_because.strip():
            raise OptionError.out_of_range("left_out_because", self.left_out_because, "the reason for what is ignored")
        if self.psi_alarm < self.psi_warning:
            raise OptionError.out_of_range("psi_alarm", self.psi_alarm, f"at least psi_warning ({self.psi_warning})")


@dataclass(frozen=True, kw_only=True)
class PerformanceOptions:
    """When measured performance is too bad, and how its uncertainty is estimated.

    Attributes:
        minimum_roc_auc: ROC AUC below which a cohort raises an alert; 0.5 (chance) to 1.
        calibration_gap: Allowed |mean probability - observed rate| of a cohort; 0 to 1.
        minimum_rows: Labelled rows a cohort needs before it is measured; 10 to 1 million.
        bootstraps: Resamples behind each interval; 20 to 10,000.
        confidence: Coverage of the intervals; 0.5 to 0.999.
        seed: Seed of the resampling; 0 to 2**31 - 1.
        label_shift: Allowed change of the label rate of a cohort against all earlier ones together; 0 to 1.
    """

    minimum_roc_auc: float
    calibration_gap: float
    minimum_rows: int
    bootstraps: int
    confidence: float
    seed: int
    label_shift: float

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_between("minimum_roc_auc", self.minimum_roc_auc, 0.5, 1.0)
        require_between("calibration_gap", self.calibration_gap, 0.0, 1.0)
        require_whole("minimum_rows", self.minimum_rows, 10, 1_000_000)
        require_whole("bootstraps", self.bootstraps, 20, 10_000)
        require_between("confidence", self.confidence, 0.5, 0.999)
        require_whole("seed", self.seed, 0, 2**31 - 1)
        require_between("label_shift", self.label_shift, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """Where a monitoring run looks and leaves its report.

    Attributes:
        environment: Name of the environment, for titles and errors.
        report: Path of the HTML report, for the summary.
    """

    environment: str
    report: str
