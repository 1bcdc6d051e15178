"""The table of profiles: its contract, and what columns held as its rows, in the form of Databricks' data profiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.monitoring.drift_table import AS_OF, MONITOR_VERSION, WINDOW
from boathouse.monitoring.windows import GRANULARITIES
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.drift_table import Row
    from boathouse.monitoring.profiles import Profile
    from boathouse.monitoring.windows import ComparedWindows

# The platform's name for the whole table.
WHOLE_TABLE = ":table"


def _figure(name: str, description: str, dtype: str = "double", unit: str | None = None) -> Column:
    return Column(name=name, dtype=dtype, description=f"{description}.", unit=unit, nullable=True)


PROFILE_METRICS = TableContract(
    name="monitoring.profile_metrics",
    description="What each feature and answer held, in the window judged and in its reference.",
    grain="one row per as_of, window, side, column and slice",
    keys=("as_of", "window", "log_type", "column_name", "scope"),
    time_column="as_of",
    columns=(
        AS_OF,
        Column(name="window", dtype=WINDOW, description="Window judged, in UTC; start inclusive, end exclusive."),
        Column(
            name="log_type",
            dtype="string",
            description="INPUT: the window itself; BASELINE: what it is compared with.",
            allowed=("INPUT", "BASELINE"),
        ),
        _figure("logging_table_commit_version", "Version of the table profiled; null where it is not known", "bigint"),
        Column(name="monitor_version", dtype="bigint", description="0: this monitor's definition."),
        Column(
            name="granularity", dtype="string", description="Length of a window.", allowed=tuple(GRANULARITIES.values())
        ),
        _figure("slice_key", "Column that the rows were narrowed by; null: all rows", "string"),
        _figure("slice_value", "Value of the slice; null where no slice", "string"),
        Column(name="scope", dtype="string", description="all, or the slice as <column>=<value>."),
        Column(name="column_name", dtype="string", description="Column profiled; :table for the whole table."),
        Column(name="count", dtype="bigint", description="Rows, those without a value included.", unit="rows"),
        _figure("data_type", "double: numbers; string: categories; null for :table", "string"),
        _figure("num_nulls", "Rows without a value; NaN counts as none", "bigint", "rows"),
        _figure("avg", "Mean, in the column's unit"),
        _figure("quantiles", "Quantiles 0.05, 0.25, 0.5, 0.75 and 0.95; empty for categories", "array<double>"),
        _figure("min", "Smallest finite value"),
        _figure("max", "Largest finite value"),
        _figure("stddev", "Standard deviation of a sample"),
        _figure("num_zeros", "Rows with a zero", "bigint", "rows"),
        _figure("num_nan", "Null: no table holds NaN", "bigint", "rows"),
        _figure("num_infinite", "Rows with an infinite number, which no other figure counts", "bigint", "rows"),
        _figure("min_length", "Length of the shortest category", "bigint", "characters"),
        _figure("max_length", "Length of the longest category", "bigint", "characters"),
        _figure("avg_length", "Mean length of a category, by rows", unit="characters"),
        _figure("non_null_columns", "Of :table, the columns that have a value", "array<string>"),
        _figure(
            "frequent_items",
            "Categories of most rows, at most 10; empty for numbers",
            "array<struct<item:string,count:bigint>>",
        ),
        _figure("median", "Median"),
        _figure("distinct_count", "Different values", "bigint", "values"),
        _figure("percent_nan", "Null: no table holds NaN", unit="percent"),
        _figure("percent_null", "Rows without a value", unit="percent"),
        _figure("percent_zeros", "Rows with a zero", unit="percent"),
        _figure("percent_distinct", "Different values per 100 rows", unit="percent"),
        _figure("model_version", "Version whose inputs or answers they are; null for labels", "string"),
    ),
)


def profile_rows(
    drifts: Iterable[ColumnDrift], windows: ComparedWindows, *, as_of: date, model_version: str | None = None
) -> list[Row]:
    """Return the rows of ``monitoring.profile_metrics``: of each column compared, and of the table by slice.

    Args:
        drifts: The columns; one that could not be compared has no profile.
        windows: What was compared.
        as_of: Cutoff of the data visible to the run.
        model_version: The version whose inputs or answers they are.
    """
    rows: list[Row] = []
    tables: dict[tuple[str, str | None, str | None, str], dict[str, Profile]] = {}
    head = (as_of, windows.current.as_timestamps())
    for drift in drifts:
        place = drift.slice_key, drift.slice_value, drift.scope
        for log_type, profile in (("INPUT", drift.comparison.after), ("BASELINE", drift.comparison.before)):
            if profile is not None:
                tables.setdefault((log_type, *place), {})[drift.column] = profile
    for (log_type, *slices), profiles in tables.items():
        start = (*head, log_type, None, MONITOR_VERSION, GRANULARITIES[windows.period], *slices)
        for name, profile in profiles.items():
            rows.append((*start, name, *_profile_row(profile), model_version))
        count = max(profile.rows for profile in profiles.values())
        filled = sorted(name for name, profile in profiles.items() if profile.rows > profile.nulls)
        rows.append((*start, WHOLE_TABLE, count, *[None] * 13, filled, *[None] * 7, model_version))
    return rows


def _profile_row(profile: Profile) -> Row:
    shortest, longest, mean = profile.lengths or (None, None, None)
    return (
        profile.rows,
        profile.data_type,
        profile.nulls,
        profile.avg,
        list(profile.quantiles),
        profile.minimum,
        profile.maximum,
        profile.stddev,
        profile.zeros,
        None,
        profile.infinite,
        shortest,
        longest,
        mean,
        None,
        list(profile.frequent),
        profile.median,
        profile.distinct,
        None,
        profile.share(profile.nulls),
        profile.share(profile.zeros),
        profile.share(profile.distinct),
    )
