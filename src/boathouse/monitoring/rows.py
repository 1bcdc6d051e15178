"""Findings as rows of the monitoring tables, in the column order of their contracts."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from boathouse.monitoring.contracts import PERFORMANCE
from boathouse.monitoring.windows import GRANULARITIES, Period, Window, window_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from boathouse.monitoring.alerts import Alert
    from boathouse.monitoring.distances import TestResult
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.performance import CohortPerformance

Row = tuple[object, ...]

# Subject of the row that stands for no alert at all.
WHOLE_RUN = "all checks"


@dataclass(frozen=True, kw_only=True)
class ComparedWindows:
    """What a set of drifts compares.

    Attributes:
        current: Window judged.
        period: Length of a window.
        before: Window compared with, or None when the reference is the training window (BASELINE).
    """

    current: Window
    period: Period
    before: Window | None = None

    @classmethod
    def against_baseline(cls, cohort: date, period: Period) -> ComparedWindows:
        """Return the window of ``cohort`` compared with the training window."""
        return cls(current=window_of(cohort, period), period=period)

    @classmethod
    def consecutive(cls, before: date, cohort: date, period: Period) -> ComparedWindows:
        """Return the window of ``cohort`` compared with that of ``before``."""
        return cls(current=window_of(cohort, period), period=period, before=window_of(before, period))

    @property
    def drift_type(self) -> str:
        """The platform's name: ``BASELINE`` or ``CONSECUTIVE``."""
        return "CONSECUTIVE" if self.before else "BASELINE"


def drift_rows(drifts: Iterable[ColumnDrift], windows: ComparedWindows, *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.drift_metrics`` per column."""
    return [_drift_row(drift, windows, as_of) for drift in drifts]


def performance_rows(cohorts: Iterable[CohortPerformance], *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.performance`` per cohort and model version, in the order of its contract."""
    names = [column.name for column in PERFORMANCE.columns if column.name != "as_of"]
    return [(as_of, *(cohort.read(name) for name in names)) for cohort in cohorts]


def alert_rows(alerts: Iterable[Alert], *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.alerts`` per alert, or one that says that nothing crossed its limit.

    With it a reader can tell a quiet month from one that nobody checked, and a rerun without
    alerts replaces those of an earlier one.
    """
    found = [(as_of, *astuple(alert), alert.action) for alert in alerts]
    return found or [(as_of, "none", "none", WHOLE_RUN, 0.0, 0.0, "Nothing crossed its limit.", "Nothing to do.")]


def _drift_row(drift: ColumnDrift, windows: ComparedWindows, as_of: date) -> Row:
    found = drift.comparison
    return (
        as_of,
        windows.current.as_timestamps(),
        GRANULARITIES[windows.period],
        None,
        None,
        drift.column,
        found.data_type,
        windows.before.as_timestamps() if windows.before else None,
        windows.drift_type,
        found.current_rows - found.reference_rows,
        found.avg_delta,
        100 * found.null_delta,
        None if found.zero_delta is None else 100 * found.zero_delta,
        100 * found.distinct_delta,
        found.js_distance,
        _test_values(found.ks),
        found.wasserstein,
        found.psi,
        _test_values(found.chi_squared),
        found.tv_distance,
        found.l_infinity,
    )


def _test_values(test: TestResult | None) -> tuple[float, float] | None:
    return None if test is None else (test.statistic, test.p_value)
