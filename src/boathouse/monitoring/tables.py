"""The tables of monitoring: their contracts, and findings as their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from boathouse.modelling.task import TASKS
from boathouse.monitoring.alert_log import ALERT_EVENTS
from boathouse.monitoring.drift_table import AS_OF, DRIFT_METRICS, Row
from boathouse.monitoring.estimate_table import ESTIMATES
from boathouse.monitoring.measures import MEASURES, Kind
from boathouse.monitoring.profile_table import PROFILE_METRICS
from boathouse.monitoring.requests import REQUESTS
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from boathouse.monitoring.performance import CohortPerformance

COHORT = Column(name="cohort", dtype="date", description="Date on which the rows scored were observed.")


def _metric(name: str, description: str) -> Column:
    return Column(
        name=name, dtype="double", description=f"{description}; null while labels are unknown.", nullable=True
    )


def _summary_columns() -> tuple[Column, ...]:
    """Return the columns of what every task states before labels are known; null where only some tasks do."""
    every = [figure for task in TASKS.values() for figure in task.summaries]
    names = {figure.name: figure for figure in every}
    return tuple(
        Column(
            name=name,
            dtype="double",
            description=f"{figure.description}.",
            minimum=figure.minimum,
            maximum=figure.maximum,
            nullable=sum(each.name == name for each in every) < len(TASKS),
        )
        for name, figure in names.items()
    )


def _figure_columns() -> tuple[Column, ...]:
    """Return the columns of the figures of every task, each name once."""
    columns: dict[str, Column] = {}
    for figure in (figure for task in TASKS.values() for figure in task.figures):
        columns.setdefault(figure.name, _metric(figure.name, figure.description))
        if figure.interval:
            for end, text in (("low", "Lower"), ("high", "Upper")):
                name = f"{figure.name}_{end}"
                columns.setdefault(name, _metric(name, f"{text} end of its bootstrap interval"))
    return tuple(columns.values())


PERFORMANCE = TableContract(
    name="monitoring.performance",
    description="How well each scored cohort was predicted, as far as its labels are known.",
    grain="one row per as_of, cohort and model version",
    keys=("as_of", "cohort", "model_version"),
    time_column="as_of",
    columns=(
        AS_OF,
        COHORT,
        Column(name="model_version", dtype="string", description="Registered version that scored the cohort."),
        Column(
            name="status",
            dtype="string",
            description="measured; pending: labels not known yet; too_few: fewer labels than a measurement needs.",
            allowed=("measured", "pending", "too_few"),
        ),
        Column(
            name="labels_known_on",
            dtype="date",
            description="Date on which the cohort's labels are known in full; null where none is foreseen.",
            nullable=True,
        ),
        Column(name="rows", dtype="bigint", description="Rows scored.", unit="rows", minimum=0),
        Column(name="labelled", dtype="bigint", description="Rows whose label is known.", unit="rows", minimum=0),
        *_summary_columns(),
        *_figure_columns(),
    ),
)

_BEFORE = (
    "none",
    "feature_drift",
    "unused_feature_drift",
    "prediction_drift",
    "label_drift",
    "performance",
    "fairness",
    "data",
    "reference",
)


def _later(name: str, description: str, dtype: str = "string", **more: Any) -> Column:  # noqa: ANN401 - of a column
    """Return a column that rows of earlier releases have no value for."""
    text = f"{description}; null: no alert, or a row from before."
    return Column(name=name, dtype=dtype, description=text, nullable=True, **more)


ALERTS = TableContract(
    name="monitoring.alerts",
    description="Alerts that are not resolved, as the events on record leave them, and what to do about each.",
    grain="one row per as_of and alert",
    keys=("as_of", "kind", "subject", "scope", "rule"),
    time_column="as_of",
    columns=(
        AS_OF,
        Column(
            name="kind",
            dtype="string",
            description="Kind of the measure that crossed its limit, in rows from before of the drift; none: nothing.",
            allowed=tuple(dict.fromkeys((*_BEFORE, *get_args(Kind)))),
        ),
        Column(
            name="severity",
            dtype="string",
            description="How urgent it is.",
            allowed=("none", "info", "warning", "alarm"),
        ),
        Column(name="subject", dtype="string", description="Column, cohort, table or model it is about."),
        Column(name="value", dtype="double", description="Value found, in the unit the message names."),
        Column(name="limit", dtype="double", description="Limit crossed, in the same unit."),
        Column(name="message", dtype="string", description="What happened, in one sentence."),
        Column(name="action", dtype="string", description="What to do, with its command."),
        _later("alert_id", "Id of the alert; the same for the same rule, subject and scope"),
        _later("rule", "Rule of conf that was crossed"),
        _later("scope", "all, or the slice as <column>=<value>"),
        _later("state", "State of the alert", allowed=("open", "acknowledged", "muted")),
        _later("muted_until", "First day on which it is told again", "date"),
        _later("owner", "Who is asked"),
        _later("runbook", "Page that says what to do"),
        _later("action_name", "Name of the action in the table of actions"),
        _later("first_seen", "As-of date of the first run that found it since it was opened", "date"),
        _later("last_seen", "As-of date of the newest run that found it", "date"),
        _later("windows", "Windows beyond the limit since first_seen", "bigint", unit="windows", minimum=0),
        _later("likely", "Likely kind of drift"),
    ),
)

MONITORING_CONTRACTS: dict[str, TableContract] = {
    contract.name: contract
    for contract in (
        DRIFT_METRICS,
        PROFILE_METRICS,
        PERFORMANCE,
        ALERTS,
        ALERT_EVENTS,
        ESTIMATES,
        MEASURES,
        REQUESTS,
    )
}


def performance_rows(cohorts: Iterable[CohortPerformance], *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.performance`` per cohort and model version, in the order of its contract."""
    names = [column.name for column in PERFORMANCE.columns if column.name != "as_of"]
    return [(as_of, *(cohort.read(name) for name in names)) for cohort in cohorts]
