"""What earlier runs of monitoring left in their tables, and this one's, in one object: what the report is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from boathouse.errors import BoathouseError
from boathouse.monitoring.measures import Measure
from boathouse.monitoring.performance import CohortPerformance
from boathouse.monitoring.windows import Period, Window, window_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyspark.sql import DataFrame

    from boathouse.lifecycle.state import ModelState
    from boathouse.modelling.task import Task
    from boathouse.tables.contract import TableContract

    Row = Mapping[str, Any]

# Tables of the schema ``monitoring`` that the report is made of.
HISTORY_TABLES = ("measures", "performance", "alerts", "drift_metrics")


@dataclass(frozen=True, kw_only=True)
class ReportHead:
    """What the report is about: names, dates, and the window judged as text."""

    model: str
    version: str
    environment: str
    as_of: date
    window: str


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """Rows of the tables of monitoring as mappings, of every as-of date that is shown.

    Attributes:
        measures: Of ``monitoring.measures``.
        performance: Of ``monitoring.performance``.
        alerts: Of ``monitoring.alerts``.
        drift_metrics: Of ``monitoring.drift_metrics``.
    """

    measures: Sequence[Row] = ()
    performance: Sequence[Row] = ()
    alerts: Sequence[Row] = ()
    drift_metrics: Sequence[Row] = ()


@dataclass(frozen=True, kw_only=True)
class PastMeasure:
    """A measure, and the cutoff of the run that computed it."""

    as_of: date
    measure: Measure


@dataclass(frozen=True, kw_only=True)
class PastAlert:
    """One row of ``monitoring.alerts``.

    Attributes:
        as_of: Cutoff of the run.
        kind: What crossed its limit.
        severity: ``alarm``, ``warning``, or less.
        subject: What it is about.
        message: What happened.
        action: What to do; a command may stand after a colon.
        state: ``open``, ``acknowledged``, ``muted`` or ``resolved``.
        owner: Who is asked; empty for none.
        since: As-of date of the first run that raised it.
    """

    as_of: date
    kind: str
    severity: str
    subject: str
    message: str
    action: str
    state: str
    owner: str
    since: date


@dataclass(frozen=True, kw_only=True)
class PastDrift:
    """One row of ``monitoring.drift_metrics`` that is of all rows; its contract explains each figure.

    Attributes:
        as_of: Cutoff of the run.
        window: Days judged.
        column: Column compared.
        drift_type: ``BASELINE`` or ``CONSECUTIVE``.
        psi: Population stability index.
        js_distance: Jensen-Shannon distance, 0 to 1.
        test: Statistic of the test that fits the column, in words.
        severity: Of its distribution.
        null_severity: Of its nulls and infinite numbers.
        nulls: Percentages of nulls before and now; None where not known.
        infinite: Percentages of infinite numbers before and now.
        new: Values that came, and the percentage of rows with them.
        vanished: Values that went, likewise.
        bins: Name of each bin with the shares (0 to 1) before and now.
        is_input: Whether the model takes the column; None for answers and labels.
        left_out: Why it is not judged; empty for one that is.
        reference: What it is compared with; empty for the window before.
        model_version: Version whose inputs or answers they are; empty for labels.
    """

    as_of: date
    window: Window
    column: str
    drift_type: str
    psi: float
    js_distance: float
    test: str
    severity: str
    null_severity: str
    nulls: tuple[float | None, float | None]
    infinite: tuple[float, float]
    new: tuple[tuple[str, ...], float]
    vanished: tuple[tuple[str, ...], float]
    bins: tuple[tuple[str, float, float], ...]
    is_input: bool | None
    left_out: str
    reference: str
    model_version: str


@dataclass(frozen=True, kw_only=True)
class ModelEvent:
    """What happened to a version: the day (UTC), ``registered`` or the stage that it came to, and why."""

    on: date
    version: str
    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class MonitoringHistory:
    """Everything that the report shows.

    Attributes:
        head: What it is about.
        measures: Measures of every as-of date, the oldest first.
        performance: The newest row of each cohort and version, the oldest cohort first.
        alerts: Alerts of every as-of date, the oldest first; a quiet run has none.
        checked: As-of dates of the runs that looked for alerts.
        drift: Drift of every as-of date, in the order of the tables.
        events: What happened to the versions, the oldest first.
        notes: What this run has to say besides, such as columns that were not compared; not kept in tables.
    """

    head: ReportHead
    measures: tuple[PastMeasure, ...] = ()
    performance: tuple[CohortPerformance, ...] = ()
    alerts: tuple[PastAlert, ...] = ()
    checked: tuple[date, ...] = ()
    drift: tuple[PastDrift, ...] = ()
    events: tuple[ModelEvent, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def open_alerts(self) -> tuple[PastAlert, ...]:
        """Alerts of the newest run, in its order."""
        return tuple(each for each in self.alerts if each.as_of == self.head.as_of)

    @property
    def newest_drift(self) -> tuple[PastDrift, ...]:
        """Drift that the newest run found, in its order."""
        return tuple(each for each in self.drift if each.as_of == self.head.as_of)


def build_history(
    head: ReportHead,
    rows: TableRows,
    *,
    task: Task,
    period: Period,
    state: ModelState | None = None,
    notes: Sequence[str] = (),
) -> MonitoringHistory:
    """Return what the report shows; rows after the head's as-of date are left out.

    Args:
        head: What the report is about.
        rows: Rows of the tables.
        task: What the model answers: names its figures.
        period: Length of a window.
        state: What the ledger says of the model; None for no events.
        notes: See :class:`MonitoringHistory`.
    """
    known = {name: _keep_until(getattr(rows, name), head.as_of) for name in HISTORY_TABLES}
    measures = [_read_measure(row) for row in known["measures"]]
    told = {each.as_of for each in measures if each.measure.kind == "performance"}
    older = [row for row in known["performance"] if row["as_of"] not in told]
    measures += derive_measures(older, task=task, period=period, model=head.model)
    return MonitoringHistory(
        head=head,
        measures=tuple(sorted(measures, key=lambda each: (each.as_of, each.measure.window.start))),
        performance=tuple(_read_performance(known["performance"])),
        alerts=tuple(_read_alert(row) for row in known["alerts"] if row["severity"] != "none"),
        checked=tuple(sorted({row["as_of"] for row in known["alerts"]})),
        drift=tuple(_read_drift(row) for row in known["drift_metrics"] if not row.get("slice_key")),
        events=tuple(list_events(state)) if state else (),
        notes=tuple(notes),
    )


def find_head(rows: TableRows, *, model: str, environment: str) -> ReportHead:
    """Return what the newest run was about: the newest cohort that it knew, and the version that scored it.

    Raises:
        BoathouseError: If no run has left figures.
    """
    if not rows.performance:
        message = (
            f"Expected figures of monitoring in environment '{environment}', found none in monitoring.performance. "
            f"Make them with: kedro run --pipeline monitoring --env {environment}"
        )
        raise BoathouseError(message)
    newest = max(rows.performance, key=lambda row: (row["as_of"], row["cohort"], row["model_version"]))
    # Where several versions scored that cohort, the drift is of the inputs of the one that scored it last.
    compared = [row for row in rows.drift_metrics if row["as_of"] == newest["as_of"] and row.get("model_version")]
    version = compared[0]["model_version"] if compared else newest["model_version"]
    return ReportHead(
        model=model,
        version=version,
        environment=environment,
        as_of=newest["as_of"],
        window=str(newest["cohort"]),
    )


def name_rows(contract: TableContract, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return rows in the order of a contract as mappings, structs in them too, as a table gives them."""
    fields_of = {each.name: re.findall(r"(\w+):", each.dtype) for each in contract.columns}
    return [
        {
            name: dict(zip(inner, value, strict=True)) if inner and value is not None else value
            for (name, inner), value in zip(fields_of.items(), row, strict=True)
        }
        for row in rows
    ]


def list_rows(table: DataFrame | None) -> list[dict[str, Any]]:
    """Return the rows of a table as mappings; none of a table that is not there."""
    return [] if table is None else table.toArrow().to_pylist()


def _keep_until(rows: Iterable[Row], as_of: date) -> list[Row]:
    # Sorting is stable: rows of one run stay in their order.
    return sorted((row for row in rows if row["as_of"] <= as_of), key=lambda row: row["as_of"])


def _read_measure(row: Row) -> PastMeasure:
    names = {each.name for each in fields(Measure)} - {"window"}
    window = Window(row["window_start"], row["window_end"])
    return PastMeasure(as_of=row["as_of"], measure=Measure(window=window, **{name: row[name] for name in names}))


def derive_measures(rows: Iterable[Row], *, task: Task, period: Period, model: str) -> list[PastMeasure]:
    """Return the figures of rows of ``monitoring.performance`` as measures, for runs that wrote no measures."""
    summaries = {figure.name for figure in task.summaries}
    return [
        PastMeasure(
            as_of=row["as_of"],
            measure=Measure(
                kind="performance",
                metric=figure.name,
                subject=model,
                window=window_of(row["cohort"], period),
                value=row.get(figure.name),
                low=row.get(f"{figure.name}_low"),
                high=row.get(f"{figure.name}_high"),
                rows=row["labelled"] or row["rows"],
                model_version=row["model_version"],
                status="measured" if figure.name in summaries else row["status"],
            ),
        )
        for row in rows
        for figure in task.reported
    ]


def _read_performance(rows: Iterable[Row]) -> list[CohortPerformance]:
    own = {each.name for each in fields(CohortPerformance)} - {"figures"}
    # The rows are in the order of their as-of dates: the newest stays.
    newest = {(row["cohort"], row["model_version"]): row for row in rows}
    return [
        CohortPerformance(
            **{name: row[name] for name in own},
            figures={name: value for name, value in row.items() if name not in {*own, "as_of"}},
        )
        for _, row in sorted(newest.items())
    ]


def _read_alert(row: Row) -> PastAlert:
    return PastAlert(
        as_of=row["as_of"],
        kind=row["kind"],
        severity=row["severity"],
        subject=row["subject"],
        message=row["message"],
        action=row["action"],
        state=row.get("state") or "open",
        owner=row.get("owner") or "",
        since=row.get("first_seen") or row["as_of"],
    )


def _read_drift(row: Row) -> PastDrift:
    window = row["window"]
    start, end = (_read_day(window[name]) for name in ("start", "end"))
    bins = zip(row.get("bins") or (), row.get("reference_shares") or (), row.get("current_shares") or (), strict=True)
    return PastDrift(
        as_of=row["as_of"],
        window=Window(start, end),
        column=row["column_name"],
        drift_type=row["drift_type"],
        psi=row["population_stability_index"],
        js_distance=row["js_distance"],
        test=_describe_test(row),
        severity=row.get("severity") or "none",
        null_severity=row.get("null_severity") or "none",
        nulls=(row.get("reference_nulls"), row.get("current_nulls")),
        infinite=(row.get("reference_infinite") or 0.0, row.get("current_infinite") or 0.0),
        new=(tuple(row.get("new_values") or ()), row.get("new_rows") or 0.0),
        vanished=(tuple(row.get("vanished_values") or ()), row.get("vanished_rows") or 0.0),
        bins=tuple(bins),
        is_input=row.get("is_input"),
        left_out=row.get("left_out") or "",
        reference=row.get("reference") or "",
        model_version=row.get("model_version") or "",
    )


def _read_day(moment: datetime) -> date:
    """Return the day in UTC; without a time zone a moment is in UTC already."""
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _describe_test(row: Row) -> str:
    if row.get("chi_squared_test"):
        return f"chi² {row['chi_squared_test']['statistic']:,.0f}"
    return f"KS {row['ks_test']['statistic']:.3f}" if row.get("ks_test") else "–"


def list_events(state: ModelState) -> list[ModelEvent]:
    """Return the registration of each version and how it came to the stage that it has, the oldest first."""
    events = []
    for each in state.versions.values():
        events.append(ModelEvent(on=each.registered_at.date(), version=each.version, what="registered", why=""))
        if each.moved_at != each.registered_at:
            stage = "champion" if each.version == state.champion else each.stage
            events.append(ModelEvent(on=each.moved_at.date(), version=each.version, what=stage, why=each.reason))
    return sorted(events, key=lambda each: each.on)
