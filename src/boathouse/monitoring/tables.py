"""The tables of monitoring: their contracts, and findings as their rows."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

from boathouse.modelling.task import TASKS
from boathouse.monitoring.drift_table import AS_OF, DRIFT_METRICS, Row
from boathouse.monitoring.requests import REQUESTS
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from boathouse.monitoring.alerts import Alert
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

ALERTS = TableContract(
    name="monitoring.alerts",
    description="What crossed its limit, and what to do about it.",
    grain="one row per as_of, kind and subject",
    keys=("as_of", "kind", "subject"),
    time_column="as_of",
    columns=(
        AS_OF,
        Column(
            name="kind",
            dtype="string",
            description="What crossed its limit; none where nothing did.",
            allowed=(
                "none",
                "feature_drift",
                "unused_feature_drift",
                "prediction_drift",
                "label_drift",
                "performance",
                "fairness",
                "data",
                "reference",
            ),
        ),
        Column(name="severity", dtype="string", description="How urgent it is.", allowed=("none", "warning", "alarm")),
        Column(name="subject", dtype="string", description="Column, cohort or table it is about."),
        Column(name="value", dtype="double", description="Value found, in the unit the message names."),
        Column(name="limit", dtype="double", description="Limit crossed, in the same unit."),
        Column(name="message", dtype="string", description="What happened, in one sentence."),
        Column(name="action", dtype="string", description="What to do; a person decides."),
    ),
)

MONITORING_CONTRACTS: dict[str, TableContract] = {
    contract.name: contract for contract in (DRIFT_METRICS, PERFORMANCE, ALERTS, REQUESTS)
}


def performance_rows(cohorts: Iterable[CohortPerformance], *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.performance`` per cohort and model version, in the order of its contract."""
    names = [column.name for column in PERFORMANCE.columns if column.name != "as_of"]
    return [(as_of, *(cohort.read(name) for name in names)) for cohort in cohorts]


def alert_rows(alerts: Iterable[Alert], *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.alerts`` per alert, or one that states that nothing crossed its limit.

    It separates a quiet month from one that was not checked, and lets a rerun without alerts replace those of an
    earlier one.
    """
    rows = [(as_of, *astuple(alert), alert.action) for alert in alerts]
    return rows or [(as_of, "none", "none", "all checks", 0.0, 0.0, "Nothing crossed its limit.", "Nothing to do.")]
