"""The tables of monitoring: their contracts, and findings as their rows.

The table of drift has the column names of Databricks' data profiling.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

from boathouse.modelling.task import TASKS
from boathouse.monitoring.windows import GRANULARITIES
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from boathouse.monitoring.alerts import Alert
    from boathouse.monitoring.distances import TestResult
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.performance import CohortPerformance
    from boathouse.monitoring.windows import ComparedWindows

Row = tuple[object, ...]
WINDOW = "struct<start:timestamp,end:timestamp>"
TEST = "struct<statistic:double,pvalue:double>"

AS_OF = Column(name="as_of", dtype="date", description="Cutoff of the data visible to the run that wrote the row.")
COHORT = Column(name="cohort", dtype="date", description="Date on which the rows scored were observed.")

DRIFT_METRICS = TableContract(
    name="monitoring.drift_metrics",
    description="How far each feature, the prediction and the label are from their reference.",
    grain="one row per as_of, window and column",
    keys=("as_of", "window", "column_name", "drift_type"),
    time_column="as_of",
    columns=(
        AS_OF,
        Column(name="window", dtype=WINDOW, description="Window judged, in UTC; start inclusive, end exclusive."),
        Column(
            name="granularity", dtype="string", description="Length of a window.", allowed=tuple(GRANULARITIES.values())
        ),
        Column(
            name="slice_key",
            dtype="string",
            description="What the rows were narrowed to; null: nothing, all rows.",
            nullable=True,
        ),
        Column(
            name="slice_value", dtype="string", description="Value of the slice; null where no slice.", nullable=True
        ),
        Column(name="column_name", dtype="string", description="Column compared."),
        Column(name="data_type", dtype="string", description="How it was compared.", allowed=("double", "string")),
        Column(
            name="window_cmp",
            dtype=WINDOW,
            description="Window compared with, for CONSECUTIVE; null for BASELINE.",
            nullable=True,
        ),
        Column(
            name="drift_type",
            dtype="string",
            description="BASELINE: against the training window; CONSECUTIVE: against the window before.",
            allowed=("BASELINE", "CONSECUTIVE"),
        ),
        Column(name="count_delta", dtype="bigint", description="Rows now minus before.", unit="rows"),
        Column(
            name="avg_delta",
            dtype="double",
            description="Mean now minus before, in the column's unit; null for categories or without values.",
            nullable=True,
        ),
        Column(name="percent_null_delta", dtype="double", description="Nulls now minus before.", unit="percent points"),
        Column(
            name="percent_zeros_delta",
            dtype="double",
            description="Zeros now minus before; null for categories.",
            unit="percent points",
            nullable=True,
        ),
        Column(
            name="percent_distinct_delta",
            dtype="double",
            description="Distinct values per 100 rows now minus before.",
            unit="percent points",
        ),
        Column(
            name="js_distance",
            dtype="double",
            description="Jensen-Shannon distance, base 2: 0 same, 1 disjoint.",
            minimum=0,
            maximum=1,
        ),
        Column(
            name="ks_test",
            dtype=TEST,
            description="Two-sample Kolmogorov-Smirnov test; null for categories or without values.",
            nullable=True,
        ),
        Column(
            name="wasserstein_distance",
            dtype="double",
            description="Wasserstein-1 distance in the column's unit; null for categories or without values.",
            nullable=True,
        ),
        Column(
            name="population_stability_index",
            dtype="double",
            description="0 same; from 0.25 commonly taken as drift.",
            minimum=0,
        ),
        Column(
            name="chi_squared_test",
            dtype=TEST,
            description="Two-way chi-squared test on counts; null for numbers of many values.",
            nullable=True,
        ),
        Column(
            name="tv_distance",
            dtype="double",
            description="Total variation distance, 0 to 1; null for numbers.",
            nullable=True,
        ),
        Column(
            name="l_infinity_distance",
            dtype="double",
            description="Largest change of a category's share, 0 to 1; null for numbers.",
            nullable=True,
        ),
    ),
)


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
            allowed=("none", "feature_drift", "prediction_drift", "label_drift", "performance", "fairness", "data"),
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
    contract.name: contract for contract in (DRIFT_METRICS, PERFORMANCE, ALERTS)
}


def drift_rows(drifts: Iterable[ColumnDrift], windows: ComparedWindows, *, as_of: date) -> list[Row]:
    """Return one row of ``monitoring.drift_metrics`` per column."""
    return [_drift_row(drift, windows, as_of) for drift in drifts]


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


def _drift_row(drift: ColumnDrift, windows: ComparedWindows, as_of: date) -> Row:
    compared = drift.comparison
    return (
        as_of,
        windows.current.as_timestamps(),
        GRANULARITIES[windows.period],
        None,
        None,
        drift.column,
        compared.data_type,
        windows.before.as_timestamps() if windows.before else None,
        windows.drift_type,
        compared.current_rows - compared.reference_rows,
        compared.avg_delta,
        100 * compared.null_delta,
        None if compared.zero_delta is None else 100 * compared.zero_delta,
        100 * compared.distinct_delta,
        compared.js_distance,
        _test_values(compared.ks),
        compared.wasserstein,
        compared.psi,
        _test_values(compared.chi_squared),
        compared.tv_distance,
        compared.l_infinity,
    )


def _test_values(test: TestResult | None) -> tuple[float, float] | None:
    return None if test is None else (test.statistic, test.p_value)
