"""The table of drift: its contract, and comparisons as its rows.

Its first columns have the names of Databricks' data profiling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.monitoring.windows import GRANULARITIES
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from boathouse.monitoring.distances import TestResult
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.windows import ComparedWindows

Row = tuple[object, ...]
WINDOW = "struct<start:timestamp,end:timestamp>"
TEST = "struct<statistic:double,pvalue:double>"
# Of the values that came or went; a column that identifies rows would have as many as rows.
MOST_VALUES = 100
# Definition of the monitor, as the platform counts it.
MONITOR_VERSION = 0

AS_OF = Column(name="as_of", dtype="date", description="Cutoff of the data visible to the run that wrote the row.")


def _figure(name: str, description: str, dtype: str = "double") -> Column:
    return Column(name=name, dtype=dtype, description=f"{description}.", nullable=True)


DRIFT_METRICS = TableContract(
    name="monitoring.drift_metrics",
    description="How far each feature, the prediction and the label are from their reference.",
    grain="one row per as_of, window, column and slice",
    keys=("as_of", "window", "column_name", "drift_type", "scope"),
    time_column="as_of",
    columns=(
        AS_OF,
        Column(name="window", dtype=WINDOW, description="Window judged, in UTC; start inclusive, end exclusive."),
        Column(
            name="granularity", dtype="string", description="Length of a window.", allowed=tuple(GRANULARITIES.values())
        ),
        _figure("slice_key", "Column that the rows were narrowed by; null: all rows", "string"),
        Column(
            name="slice_value", dtype="string", description="Value of the slice; null where no slice.", nullable=True
        ),
        Column(name="column_name", dtype="string", description="Column compared."),
        Column(name="data_type", dtype="string", description="How it was compared.", allowed=("double", "string")),
        _figure("window_cmp", "Window compared with, for CONSECUTIVE; null for BASELINE", WINDOW),
        Column(
            name="drift_type",
            dtype="string",
            description="BASELINE: against the rows the model was trained on; CONSECUTIVE: against the window before.",
            allowed=("BASELINE", "CONSECUTIVE"),
        ),
        Column(name="count_delta", dtype="bigint", description="Rows now minus before.", unit="rows"),
        _figure("avg_delta", "Mean now minus before, in the column's unit; null for categories or without values"),
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
        _figure("ks_test", "Two-sample Kolmogorov-Smirnov test; null for categories or without values", TEST),
        _figure(
            "wasserstein_distance", "Wasserstein-1 distance in the column's unit; null for categories or without values"
        ),
        Column(
            name="population_stability_index",
            dtype="double",
            description="0 same; it grows as windows get smaller, and decides nothing.",
            minimum=0,
        ),
        _figure("chi_squared_test", "Two-way chi-squared test on counts; null for numbers of many values", TEST),
        _figure("tv_distance", "Total variation distance, 0 to 1; null for numbers of many values"),
        _figure("l_infinity_distance", "Largest change of a value's share, 0 to 1; null for numbers of many values"),
        # What follows the platform does not have. Rows of earlier releases have nulls.
        Column(
            name="severity",
            dtype="string",
            description="alarm: moved by more than is tolerated, for sure; warning: worth watching; none: neither, or "
            "not judged. Nulls apart.",
            allowed=("none", "warning", "alarm"),
            nullable=True,
        ),
        Column(
            name="null_severity",
            dtype="string",
            description="alarm: the share of nulls or infinite numbers changed by more than is tolerated, for sure, or "
            "the column cannot be compared, check the source; warning: to be watched, or some are infinite; else none.",
            allowed=("none", "warning", "alarm"),
            nullable=True,
        ),
        Column(
            name="reference_nulls",
            dtype="double",
            description="Nulls of the reference.",
            unit="percent",
            nullable=True,
            minimum=0,
            maximum=100,
        ),
        Column(
            name="current_nulls",
            dtype="double",
            description="Nulls of the current window.",
            unit="percent",
            nullable=True,
            minimum=0,
            maximum=100,
        ),
        Column(
            name="new_values",
            dtype="array<string>",
            description=f"Values the reference has not, those of most rows first, at most {MOST_VALUES}; for "
            "categories and numbers of few values.",
            nullable=True,
        ),
        Column(
            name="vanished_values",
            dtype="array<string>",
            description=f"Values the current window has not, those of most rows first, at most {MOST_VALUES}.",
            nullable=True,
        ),
        Column(
            name="new_rows",
            dtype="double",
            description="Known current rows with a new value.",
            unit="percent",
            nullable=True,
            minimum=0,
            maximum=100,
        ),
        Column(
            name="vanished_rows",
            dtype="double",
            description="Known reference rows with a vanished value.",
            unit="percent",
            nullable=True,
            minimum=0,
            maximum=100,
        ),
        Column(
            name="reference_infinite",
            dtype="double",
            description="Infinite numbers of the reference, which no other statistic counts.",
            unit="percent",
            nullable=True,
            minimum=0,
            maximum=100,
        ),
        Column(
            name="current_infinite",
            dtype="double",
            description="Infinite numbers of the current window, likewise.",
            unit="percent",
            nullable=True,
            minimum=0,
            maximum=100,
        ),
        _figure("is_input", "Whether the model takes the column; null for answers and labels", "boolean"),
        _figure("left_out", "Why conf has the column measured and not judged; null for one that is judged", "string"),
        _figure(
            "reference",
            "What features are compared with: <table>@<version> of the rows the model was trained on",
            "string",
        ),
        _figure("model_version", "Version whose inputs or answers are compared; null for labels", "string"),
        # Of the platform, and what decides.
        Column(name="monitor_version", dtype="bigint", description="0: this monitor's definition.", nullable=True),
        _figure(
            "non_null_columns_delta",
            "The column itself where it has values now and had none before, or the other way; else empty",
            "struct<added:array<string>,missing:array<string>>",
        ),
        _figure(
            "effect",
            "Distance beyond what chance gives: of numbers that of their distribution functions, else of "
            "their shares; 0 same, 1 disjoint",
        ),
        _figure("effect_low", "Lower confidence bound of that distance; above the tolerated effect the column moved"),
        _figure("effect_high", "Upper confidence bound of that distance"),
        _figure("null_effect", "Change of the share of nulls beyond what chance gives, 0 to 1, either way"),
        _figure("null_effect_low", "Lower confidence bound of that change"),
        _figure("kl_divergence", "Kullback-Leibler divergence of the shares now from those before, smoothed, in nats"),
        _figure("mann_whitney_test", "Mann-Whitney test; null for categories or without values", TEST),
        _figure("superiority", "Probability that a current value is above one of before, 0.5: same; null likewise"),
        _figure("levene_test", "Brown-Forsythe test of equal spread about the median; null likewise", TEST),
        _figure("std_delta", "Standard deviation now minus before, in the column's unit; null likewise"),
        _figure(
            "quantile_deltas",
            "Quantiles 0.05, 0.25, 0.5, 0.75, 0.95 now minus before, in the column's unit; empty likewise",
            "array<double>",
        ),
        _figure(
            "problem",
            "Why the column could not be compared: not there, or of another type; null where it was",
            "string",
        ),
        _figure(
            "scope", "all, or the slice as <column>=<value>: slice_key and slice_value in one, never null", "string"
        ),
        _figure(
            "bins", "Names of the bins of both windows, for pictures: values, or intervals; at most 20", "array<string>"
        ),
        _figure("reference_shares", "Share of the reference's known rows in each bin, 0 to 1", "array<double>"),
        _figure("current_shares", "Share of the current window's known rows in each bin, 0 to 1", "array<double>"),
    ),
)


def drift_rows(
    drifts: Iterable[ColumnDrift],
    windows: ComparedWindows,
    *,
    as_of: date,
    of_features: bool = True,
    reference: str | None = None,
    model_version: str | None = None,
) -> list[Row]:
    """Return one row of ``monitoring.drift_metrics`` per column.

    Args:
        drifts: The columns.
        windows: What was compared.
        as_of: Cutoff of the data visible to the run.
        of_features: Whether the columns are features, which a model takes or not.
        reference: Table and version compared with, for features.
        model_version: The version whose inputs or answers they are.
    """
    return [
        (
            *_drift_row(drift, windows, as_of),
            drift.is_input if of_features else None,
            drift.left_out or None,
            reference,
            model_version,
            *_decided_row(drift),
            [each.bin for each in drift.comparison.bins],
            [each.reference for each in drift.comparison.bins],
            [each.current for each in drift.comparison.bins],
        )
        for drift in drifts
    ]


def _drift_row(drift: ColumnDrift, windows: ComparedWindows, as_of: date) -> Row:
    compared = drift.comparison
    return (
        as_of,
        windows.current.as_timestamps(),
        GRANULARITIES[windows.period],
        drift.slice_key,
        drift.slice_value,
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
        drift.severity,
        drift.null_severity,
        100 * compared.reference_null_share,
        100 * compared.current_null_share,
        list(compared.new_values[:MOST_VALUES]),
        list(compared.vanished_values[:MOST_VALUES]),
        100 * compared.new_share,
        100 * compared.vanished_share,
        100 * compared.reference_infinite_share,
        100 * compared.current_infinite_share,
    )


def _decided_row(drift: ColumnDrift) -> Row:
    """Return the columns from ``monitor_version`` on."""
    compared = drift.comparison
    had, has = (
        rows > nulls
        for rows, nulls in (
            (compared.reference_rows, compared.reference_nulls),
            (compared.current_rows, compared.current_nulls),
        )
    )
    return (
        MONITOR_VERSION,
        ([drift.column] if has and not had else [], [drift.column] if had and not has else []),
        compared.effect.value,
        compared.effect.low,
        compared.effect.high,
        compared.null_effect.value,
        compared.null_effect.low,
        compared.kl_divergence,
        _test_values(compared.mann_whitney),
        compared.superiority,
        _test_values(compared.levene),
        compared.std_delta,
        list(compared.quantile_deltas),
        drift.problem or None,
        drift.scope,
    )


def _test_values(test: TestResult | None) -> tuple[float, float] | None:
    return None if test is None else (test.statistic, test.p_value)
