"""The monitoring report: one HTML file that needs nothing beside itself."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from matplotlib.figure import Figure

    from boathouse.core.monitoring.alerts import Alert
    from boathouse.core.monitoring.drift import ColumnDrift
    from boathouse.core.monitoring.findings import Findings
    from boathouse.core.monitoring.performance import CohortPerformance

# Enough for a sharp picture on a dense screen at the width of the page.
DOTS_PER_INCH = 144

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Monitoring of $model, $as_of</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } .about { color: #57606a; }
.state { padding: .6rem 1rem; border-left: 5px solid; margin: 1rem 0; background: #f6f8fa; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dee4; vertical-align: top; }
th { font-weight: 600; background: #f6f8fa; } td.n, th.n { text-align: right; white-space: nowrap; }
img { max-width: 100%; } .alarm { border-color: #d55e00; } .warning { border-color: #e69f00; }
.none { border-color: #0072b2; }
.mark { padding: 0 .45rem; border-width: 2px; border-style: solid; border-radius: .6rem; }
</style></head><body>
<h1>Monitoring of $model</h1>
<p class="about">Champion: version $version. As of $as_of. Window judged: $window. Environment: $environment.</p>
<p class="state $state">$verdict</p>
<h2>What to do</h2>$alerts
<h2>Drift of the features against the training window</h2>
<p class="about">Compared with the newest training cohorts. Effect size decides: with many rows nearly every
difference is significant.</p>
$drift_plot$drifts
<h2>Predictions</h2>$score_plot
<h2>Performance</h2>
<p class="about">A cohort is measured once its labels are known; until then it is pending.</p>
$performance_plot$performance
</body></html>
""")


@dataclass(frozen=True, kw_only=True)
class ReportHead:
    """What the report is about: names, dates, and the window judged as text."""

    model: str
    version: str
    environment: str
    as_of: date
    window: str


def render_report(head: ReportHead, findings: Findings, alerts: Sequence[Alert], plots: Mapping[str, Figure]) -> str:
    """Return the page; ``plots`` has the figures ``drift``, ``scores`` and ``performance``."""
    return PAGE.substitute(
        model=escape(head.model),
        version=escape(head.version),
        environment=escape(head.environment),
        as_of=head.as_of.isoformat(),
        window=escape(head.window),
        state=alerts[0].severity if alerts else "none",
        verdict=_judge(alerts),
        alerts=_alert_table(alerts),
        drifts=_drift_table(findings.features),
        performance=_performance_table(findings.cohorts),
        drift_plot=_embed(plots["drift"], "Population stability index of each feature"),
        score_plot=_embed(plots["scores"], "Distribution of predicted probabilities by cohort"),
        performance_plot=_embed(plots["performance"], "ROC AUC and rates by cohort"),
    )


def _judge(alerts: Sequence[Alert]) -> str:
    alarms = sum(alert.severity == "alarm" for alert in alerts)
    if alarms:
        return f"{alarms} alarm{'s' * (alarms > 1)}: someone has to look and decide."
    return f"{len(alerts)} warning{'s' * (len(alerts) > 1)}: watch." if alerts else "Nothing crossed its limit."


def _alert_table(alerts: Iterable[Alert]) -> str:
    rows = [
        (_mark(alert.severity), escape(alert.kind.replace("_", " ")), escape(alert.message), escape(alert.action))
        for alert in alerts
    ]
    return _table(("", "kind", "what happened", "what to do"), rows) if rows else "<p>Nothing.</p>"


def _drift_table(drifts: Iterable[ColumnDrift]) -> str:
    head = ("", "feature", "PSI#", "JS distance#", "test#", "adjusted p#", "nulls, points#", "largest shift")
    return _table(head, [_drift_cells(drift) for drift in drifts])


def _drift_cells(drift: ColumnDrift) -> tuple[str, ...]:
    found = drift.comparison
    shift = f"{found.shift.bin}: {found.shift.reference:.1%} → {found.shift.current:.1%}"
    return (
        _mark(drift.severity),
        escape(drift.column),
        f"{found.psi:.3f}",
        f"{found.js_distance:.3f}",
        f"chi² {found.chi_squared.statistic:,.0f}" if found.chi_squared else f"KS {found.test.statistic:.3f}",
        f"{drift.p_adjusted:.2g}",
        f"{100 * found.null_delta:+.1f}",
        escape(shift),
    )


def _performance_table(cohorts: Iterable[CohortPerformance]) -> str:
    head = (
        *("cohort", "version", "state", "rows#", "labelled#", "ROC AUC#", "Brier#", "log loss#"),
        *("precision#", "recall#", "mean probability#", "observed rate#"),
    )
    return _table(head, [_performance_cells(cohort) for cohort in cohorts])


def _performance_cells(cohort: CohortPerformance) -> tuple[str, ...]:
    pending = cohort.status == "pending" and cohort.labels_known_on
    return (
        str(cohort.cohort),
        escape(cohort.model_version),
        f"pending until {cohort.labels_known_on}" if pending else cohort.status.replace("_", " "),
        f"{cohort.rows:,}",
        f"{cohort.labelled:,}",
        _interval(cohort.roc_auc, cohort.roc_auc_low, cohort.roc_auc_high),
        _interval(cohort.brier, cohort.brier_low, cohort.brier_high),
        *(_figure(value) for value in (cohort.log_loss, cohort.precision, cohort.recall)),
        *(_figure(value) for value in (cohort.mean_probability, cohort.observed_rate)),
    )


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    return _figure(value) if low is None or high is None else f"{_figure(value)} [{low:.3f}, {high:.3f}]"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _mark(severity: str) -> str:
    return "" if severity == "none" else f'<span class="mark {severity}">{severity}</span>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A trailing # in a heading marks a column of numbers; cells are HTML already."""
    classes = [' class="n"' if name.endswith("#") else "" for name in head]
    top = "".join(f"<th{kind}>{name.rstrip('#')}</th>" for kind, name in zip(classes, head, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(classes, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _embed(figure: Figure, text: str) -> str:
    buffer = io.BytesIO()
    # Without the metadata the same figure gives the same bytes.
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
