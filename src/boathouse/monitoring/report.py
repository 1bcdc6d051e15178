"""The monitoring report: one HTML file that needs nothing beside itself."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.reports.rendering import render_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from matplotlib.figure import Figure

    from boathouse.monitoring.alerts import Alert, Findings
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.performance import CohortPerformance

# Enough for a sharp picture on a dense screen at the width of the page.
DOTS_PER_INCH = 144


@dataclass(frozen=True, kw_only=True)
class ReportHead:
    """What the report is about: names, dates, and the window judged as text."""

    model: str
    version: str
    environment: str
    as_of: date
    window: str


@dataclass(frozen=True, kw_only=True)
class MonitoringView:
    """What the template shows; cells are rounded text, in the order of the template's headings.

    Attributes:
        head: What the report is about.
        severity: ``alarm``, ``warning`` or ``none``: the worst of the alerts.
        alarms: Number of alarms.
        warnings: Number of warnings.
        alerts: Severity, kind, what happened and what to do; alarms first.
        drifts: A row for each feature, the largest drift first.
        cohorts: A row for each scored cohort, the oldest first.
        pictures: PNG files ``drift``, ``scores`` and ``performance`` in base64.
    """

    head: ReportHead
    severity: str
    alarms: int
    warnings: int
    alerts: tuple[tuple[str, ...], ...]
    drifts: tuple[tuple[str, ...], ...]
    cohorts: tuple[tuple[str, ...], ...]
    pictures: Mapping[str, str]


def render_report(head: ReportHead, findings: Findings, alerts: Sequence[Alert], plots: Mapping[str, Figure]) -> str:
    """Return the page; ``plots`` has the figures ``drift``, ``scores`` and ``performance``."""
    alarms = sum(alert.severity == "alarm" for alert in alerts)
    view = MonitoringView(
        head=head,
        severity="alarm" if alarms else "warning" if alerts else "none",
        alarms=alarms,
        warnings=len(alerts) - alarms,
        alerts=tuple((each.severity, each.kind.replace("_", " "), each.message, each.action) for each in alerts),
        drifts=tuple(map(_drift_cells, findings.features)),
        cohorts=tuple(map(_performance_cells, findings.cohorts)),
        pictures={name: _encode(figure) for name, figure in plots.items()},
    )
    return render_html("monitoring.html.j2", report=view)


def _drift_cells(drift: ColumnDrift) -> tuple[str, ...]:
    found = drift.comparison
    return (
        drift.column,
        "–" if drift.severity == "none" else drift.severity,
        f"{found.psi:.3f}",
        f"{found.js_distance:.3f}",
        f"chi² {found.chi_squared.statistic:,.0f}" if found.chi_squared else f"KS {found.test.statistic:.3f}",
        f"{drift.p_adjusted:.2g}" if drift.p_adjusted else "< 1e-300",
        f"{100 * found.null_delta:+.1f}",
        f"{found.shift.bin}: {found.shift.reference:.1%} → {found.shift.current:.1%}",
    )


def _performance_cells(cohort: CohortPerformance) -> tuple[str, ...]:
    pending = cohort.status == "pending" and cohort.labels_known_on
    return (
        str(cohort.cohort),
        cohort.model_version,
        f"pending until {cohort.labels_known_on}" if pending else cohort.status.replace("_", " "),
        f"{cohort.rows:,}",
        f"{cohort.labelled:,}",
        _interval(cohort.roc_auc, cohort.roc_auc_low, cohort.roc_auc_high),
        _interval(cohort.brier, cohort.brier_low, cohort.brier_high),
        *(_number(value) for value in (cohort.log_loss, cohort.precision, cohort.recall)),
        *(_number(value) for value in (cohort.mean_probability, cohort.observed_rate)),
    )


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    return _number(value) if low is None or high is None else f"{_number(value)} [{low:.3f}, {high:.3f}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _encode(figure: Figure) -> str:
    buffer = io.BytesIO()
    # Without the metadata the same figure gives the same bytes.
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode()
