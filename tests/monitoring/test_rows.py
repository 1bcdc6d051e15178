"""Rows of the monitoring tables: as many values as columns, and no type of numpy's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from boathouse.monitoring.drift import compare_tables
from boathouse.monitoring.drift_table import DRIFT_METRICS, drift_rows
from boathouse.monitoring.options import DriftOptions, PerformanceOptions
from boathouse.monitoring.performance import ScoredCohort, measure_cohort
from boathouse.monitoring.reference import WatchedColumns
from boathouse.monitoring.tables import PERFORMANCE, performance_rows
from boathouse.monitoring.windows import ComparedWindows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boathouse.tables.contract import TableContract

AUGUST, SEPTEMBER, DECEMBER = date(2005, 8, 31), date(2005, 9, 30), date(2005, 12, 31)
OPTIONS = DriftOptions(
    tolerated_effect=0.05,
    windows_between_alarms=10,
    discrete_values=5,
    max_rows=1_000,
    reference_cohorts=1,
    ignored=(),
)
NAN = float("nan")
REFERENCE = pa.table(
    {"smooth": np.arange(50.0), "few": [0.0, 1.0] * 25, "kind": ["a", "b"] * 25, "gone": [1.0, 2.0] * 25}
)
CURRENT = pa.table(
    {"smooth": np.arange(9.0), "few": [0.0, NAN, 1.0] * 3, "kind": ["a", None, "c"] * 3, "gone": [NAN] * 9}
)


def values_in(rows: Iterable[tuple[object, ...]]) -> Iterable[object]:
    for value in (value for row in rows for value in row):
        yield from value if isinstance(value, tuple) else (value,)


def as_records(rows: list[tuple[object, ...]], contract: TableContract) -> list[dict[str, object]]:
    return [dict(zip(contract.column_names, row, strict=True)) for row in rows]


def test_drift_rows_fit_the_contract_in_plain_types() -> None:
    found = compare_tables(
        REFERENCE, CURRENT, columns=WatchedColumns(inputs=tuple(REFERENCE.column_names)), options=OPTIONS
    )
    rows = drift_rows(found, ComparedWindows.against_baseline(SEPTEMBER, "month"), as_of=SEPTEMBER)
    assert all(type(value).__module__ in {"builtins", "datetime"} for value in values_in(rows))
    named = {row["column_name"]: row for row in as_records(rows, DRIFT_METRICS)}
    assert named["smooth"]["ks_test"] is not None
    assert named["smooth"]["chi_squared_test"] is None
    assert named["kind"]["ks_test"] is None
    assert named["kind"]["percent_null_delta"] == pytest.approx(100 / 3)
    assert named["gone"]["wasserstein_distance"] is None
    assert named["few"]["count_delta"] == -41


def test_performance_rows_fit_the_contract_in_plain_types() -> None:
    label = np.array([0.0, 1.0] * 50)
    scored = ScoredCohort(
        cohort=AUGUST,
        model_version="1",
        answer={"probability": label * 0.5 + 0.2, "decision": label},
        label=label,
        labels_known_on=SEPTEMBER,
    )
    options = PerformanceOptions(
        minimum_rows=10,
        bootstraps=20,
        confidence=0.9,
        seed=1,
    )
    rows = performance_rows([measure_cohort(scored, options)], as_of=SEPTEMBER)
    assert all(type(value).__module__ in {"builtins", "datetime"} for value in values_in(rows))
    (row,) = as_records(rows, PERFORMANCE)
    assert (row["as_of"], row["roc_auc"], row["precision"]) == (SEPTEMBER, 1.0, 1.0)
    assert row["brier"] == pytest.approx((0.2**2 + 0.3**2) / 2)


def test_windows_are_calendar_months_in_utc() -> None:
    windows = ComparedWindows.consecutive(AUGUST, DECEMBER, "month")
    assert windows.drift_type == "CONSECUTIVE"
    assert windows.current.as_timestamps() == (datetime(2005, 12, 1, tzinfo=UTC), datetime(2006, 1, 1, tzinfo=UTC))
    assert ComparedWindows.against_baseline(AUGUST, "month").drift_type == "BASELINE"


def test_schema_names_the_columns_of_the_contract() -> None:
    assert DRIFT_METRICS.ddl.startswith("`as_of` date, `window` struct<start:timestamp,end:timestamp>, `gran")
