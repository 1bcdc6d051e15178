"""Alerts for readers: rows of ``monitoring.alerts``, a file for Prometheus, and alerts of reports, all from events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.monitoring.actions import describe_action
from boathouse.monitoring.alert_rules import SEVERITIES
from boathouse.monitoring.measures import ALL_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date, datetime

    from boathouse.monitoring.alert_state import AlertState
    from boathouse.monitoring.alerts import Alert
    from boathouse.monitoring.drift_table import Row

_NOTHING = ("none", "none", "all checks", 0.0, 0.0, "Nothing crossed its limit.", "Nothing to do.")
# In the order of the columns; rule and scope are keys.
QUIET = (*_NOTHING, None, "none", ALL_ROWS, *(None,) * 9)


def sort_states(states: Iterable[AlertState]) -> list[AlertState]:
    """Return the alerts, the most urgent first, then by subject, scope and rule."""
    return sorted(
        states,
        key=lambda state: (
            -SEVERITIES.index(state.content["severity"]),
            *(state.read(name) for name in ("subject", "scope", "rule")),
        ),
    )


def list_active(states: Mapping[str, AlertState]) -> list[AlertState]:
    """Return the alerts that are not resolved, the most urgent first."""
    return sort_states(state for state in states.values() if state.is_active)


def alert_state_rows(states: Mapping[str, AlertState], *, as_of: date, now: datetime, environment: str) -> list[Row]:
    """Return one row of ``monitoring.alerts`` per alert that is not resolved, or one that states that there is none.

    It separates a quiet window from one that was not checked.
    """
    active = list_active(states)
    if not active:
        return [(as_of, *QUIET)]
    return [(as_of, *_row(state, now.date(), environment)) for state in active]


def _row(state: AlertState, day: date, environment: str) -> tuple[Any, ...]:
    content = state.content
    return (
        content["kind"],
        content["severity"],
        content["subject"],
        float(content["value"] or 0.0),
        float(content["limit"]),
        content["message"],
        describe_action(content["action"], environment, state.alert_id),
        state.alert_id,
        content["rule"],
        content["scope"],
        state.name_state(day),
        state.muted_until,
        content["owner"],
        content["runbook"],
        content["action"],
        state.first_seen,
        state.last_seen,
        state.windows,
        content.get("likely"),
    )


def list_for_report(states: Mapping[str, AlertState], *, now: datetime, environment: str) -> list[Alert]:
    """Return the alerts that are neither resolved nor muted, as report and summary show them."""
    from boathouse.monitoring.alerts import Alert

    return [
        Alert(
            kind=state.content["kind"],
            severity=state.content["severity"],
            subject=state.content["subject"],
            value=float(state.content["value"] or 0.0),
            limit=float(state.content["limit"]),
            message=state.content["message"],
            action=describe_action(state.content["action"], environment, state.alert_id),
        )
        for state in list_active(states)
        if not state.is_muted(now.date())
    ]


def render_prometheus(states: Mapping[str, AlertState], *, now: datetime, environment: str) -> str:
    """Return the alerts that are not resolved in the text form of Prometheus, for its textfile collector.

    ``boathouse_alert`` is 1 for each, ``boathouse_alerts`` their number by severity, zeros included, so that an alert
    of Prometheus can be written on its absence; times are seconds since 1970.
    """
    return "".join(f"{line}\n" for line in _prometheus_lines(states, now, environment))


def _prometheus_lines(states: Mapping[str, AlertState], now: datetime, environment: str) -> Iterator[str]:
    active = list_active(states)
    yield "# HELP boathouse_alert Alerts that are not resolved."
    yield "# TYPE boathouse_alert gauge"
    for state in active:
        labels = {
            "environment": environment,
            "alert_id": state.alert_id,
            **{name: state.read(name) for name in ("rule", "kind", "subject", "scope", "severity", "owner")},
            "state": state.name_state(now.date()),
        }
        yield f"boathouse_alert{{{_format_labels(labels)}}} 1"
    yield "# HELP boathouse_alerts Alerts that are not resolved, by severity; muted ones are left out."
    yield "# TYPE boathouse_alerts gauge"
    told = [state for state in active if not state.is_muted(now.date())]
    for severity in SEVERITIES:
        count = sum(state.content["severity"] == severity for state in told)
        yield f"boathouse_alerts{{{_format_labels({'environment': environment, 'severity': severity})}}} {count}"
    yield "# HELP boathouse_alerts_written_seconds When this file was written."
    yield "# TYPE boathouse_alerts_written_seconds gauge"
    yield f"boathouse_alerts_written_seconds{{{_format_labels({'environment': environment})}}} {now.timestamp():.0f}"


def _format_labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
