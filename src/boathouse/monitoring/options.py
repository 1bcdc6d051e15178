"""Thresholds of monitoring, as read from ``params:monitoring.<group>``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boathouse.errors import OptionError
from boathouse.options import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class DriftOptions:
    """When two distributions count as different.

    A column moved when the lower confidence bound of its effect lies above the effect that is tolerated: with many rows
    small changes are proven and tolerated, with few rows large ones are not proven.

    Attributes:
        tolerated_effect: Distance of two distributions (0 same, 1 disjoint) up to which a column may move.
        windows_between_alarms: Expected number of windows between two false alarms, over all columns, their nulls and
            slices together; 1 to 10,000.
        discrete_values: A numeric column with at most this many values on each side is binned by value; 2 to 100.
        max_rows: Rows compared on each side; more are thinned by a hash of the keys; 1,000 to 50 million.
        reference_cohorts: Newest training cohorts that are the reference; 1 to 1,000. The oldest ones may lack
            the history that trailing windows need.
        ignored: Inputs of the model that are measured but not judged.
        left_out_because: Why; told with them in log, summary, report and table.
        also_watched: Features that are judged though the model does not take them.
        slices: Columns by whose values every column is compared again.
        slice_rows: Rows that a slice needs on each side; 50 to 10 million.
    """

    tolerated_effect: float
    windows_between_alarms: float
    discrete_values: int
    max_rows: int
    reference_cohorts: int
    ignored: Sequence[str]
    left_out_because: str = ""
    also_watched: Sequence[str] = ()
    slices: Sequence[str] = ()
    slice_rows: int = 500

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_between("tolerated_effect", self.tolerated_effect, 0.0, 1.0)
        require_between("windows_between_alarms", self.windows_between_alarms, 1.0, 10_000.0)
        require_whole("discrete_values", self.discrete_values, 2, 100)
        require_whole("max_rows", self.max_rows, 1_000, 50_000_000)
        require_whole("reference_cohorts", self.reference_cohorts, 1, 1_000)
        require_whole("slice_rows", self.slice_rows, 50, 10_000_000)
        if self.ignored and not self.left_out_because.strip():
            raise OptionError.out_of_range("left_out_because", self.left_out_because, "the reason for what is ignored")

    def split_error(self, comparisons: int, *, budget: float = 1.0) -> float:
        """Return the error that each of ``comparisons`` may have (Bonferroni), for ``budget``, a share of the whole."""
        # At an error of one half a bound is the estimate itself.
        return min(0.5, budget / (self.windows_between_alarms * max(comparisons, 1)))


@dataclass(frozen=True, kw_only=True)
class PerformanceOptions:
    """How performance is measured, and its uncertainty estimated; what is too bad is a rule of alerts.

    Attributes:
        minimum_rows: Labelled rows a cohort needs before it is measured; 10 to 1 million.
        bootstraps: Resamples behind each interval; 20 to 10,000.
        confidence: Coverage of the intervals; 0.5 to 0.999.
        seed: Seed of the resampling; 0 to 2**31 - 1.
    """

    minimum_rows: int
    bootstraps: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("minimum_rows", self.minimum_rows, 10, 1_000_000)
        require_whole("bootstraps", self.bootstraps, 20, 10_000)
        require_between("confidence", self.confidence, 0.5, 0.999)
        require_whole("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """Where a monitoring run looks and leaves its report.

    Attributes:
        environment: Name of the environment, for titles and errors.
        report: Path of the HTML report, for the summary.
    """

    environment: str
    report: str
