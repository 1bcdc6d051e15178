"""Counts of broken rules, the limit they must keep, and the table that remembers them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from boathouse.core.errors import DataQualityError
from boathouse.core.options import require_between
from boathouse.core.quality.judging import BROKEN_RULES, JudgedRows, rules_of
from boathouse.core.tables import Column, TableContract

DATA_QUALITY = TableContract(
    name="audit.data_quality",
    description="How many rows of each cleaned table broke which rule.",
    grain="One row per table and rule.",
    columns=(
        Column(name="table_name", dtype="string", description="Cleaned table, without the environment."),
        Column(name="rule", dtype="string", description="Name of the rule; 'any' counts rows, whatever they broke."),
        Column(name="rows", dtype="bigint", description="Rows that were judged.", unit="rows", minimum=0),
        Column(name="broken", dtype="bigint", description="Rows that broke the rule.", unit="rows", minimum=0),
        Column(
            name="broken_share",
            dtype="double",
            description="broken / rows; 0 without rows.",
            unit="share",
            minimum=0,
            maximum=1,
        ),
    ),
    keys=("table_name", "rule"),
)


@dataclass(frozen=True)
class QualityOptions:
    """How much broken data a run accepts.

    Attributes:
        max_quarantined_share: Share of a table's rows that may break rules, 0 to 1; above, the run stops.
        may_be_empty: Cleaned tables, without the environment, that may have no rows; any other stops the run.
    """

    max_quarantined_share: float
    may_be_empty: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the range."""
        require_between("max_quarantined_share", self.max_quarantined_share, 0, 1)


@dataclass(frozen=True)
class QualityCounts:
    """What judging found in one table.

    Attributes:
        table: Table name, without the environment.
        rows: Rows judged.
        quarantined: Rows that broke at least one rule.
        broken: Rows by the rule that they broke, zeros included.
        empty_columns: Columns in which no row has a value.
        missing_months: Months without a valid row between the first and the last, ``YYYY-MM``; looked for
            where the contract has the time grain ``month``.
    """

    table: str
    rows: int
    quarantined: int
    broken: dict[str, int]
    empty_columns: tuple[str, ...]
    missing_months: tuple[str, ...] = ()

    def to_rows(self) -> list[tuple[str, str, int, int, float]]:
        """Return the rows of ``audit.data_quality`` for this table."""
        counts = {"any": self.quarantined, **self.broken}
        return [(self.table, rule, self.rows, count, count / max(self.rows, 1)) for rule, count in counts.items()]


def count_rows(rows: JudgedRows, *, table: str) -> QualityCounts:
    """Return the counts of ``rows`` by one aggregation, which is the one action of judging."""
    rules = list(rules_of(rows.contract))
    names = rows.contract.column_names
    aggregates = [F.count_if(F.array_contains(BROKEN_RULES, rule)) for rule in rules]
    filled = [F.count(F.col(f"__text.{name}")) for name in names]
    any_broken = F.count_if(F.size(BROKEN_RULES) > 0)
    found = rows.judged.agg(F.count(F.lit(1)), any_broken, _months(rows.contract), *aggregates, *filled).collect()[0]
    total, quarantined, months, *counts = found
    broken = dict(zip(rules, counts[: len(rules)], strict=True))
    empty = tuple(name for name, count in zip(names, counts[len(rules) :], strict=True) if not count)
    return QualityCounts(table, total, quarantined, broken, empty, tuple(find_missing_months(months)))


def _months(contract: TableContract) -> SparkColumn:
    """Return an aggregate: the months that have a valid row; none where the contract expects none."""
    if contract.time_column is None or contract.time_grain is None:
        return F.array().cast("array<date>")
    return F.collect_set(F.when(F.size(BROKEN_RULES) == 0, F.trunc(contract.time_column, contract.time_grain)))


def check_quality(counts: QualityCounts, options: QualityOptions) -> None:
    """Stop a run that would publish broken data.

    Raises:
        DataQualityError: Without rows where some must be, with a column that holds nothing, with too many broken
            rows, or with a month left out.
    """
    if not counts.rows and counts.table in options.may_be_empty:
        return
    if not counts.rows:
        raise DataQualityError.no_rows(counts.table)
    if counts.empty_columns:
        raise DataQualityError.null_columns(counts.table, counts.empty_columns)
    if counts.quarantined > options.max_quarantined_share * counts.rows:
        broken = {rule: count for rule, count in counts.broken.items() if count}
        raise DataQualityError.above_limit(counts.table, broken, rows=counts.rows, limit=options.max_quarantined_share)
    if counts.missing_months:
        raise DataQualityError.missing_periods(counts.table, counts.missing_months)


def find_missing_months(months: Collection[date]) -> list[str]:
    """Return, as ``YYYY-MM``, the months between the first and the last of ``months`` that are not in it."""
    present = {month.year * 12 + month.month - 1 for month in months}
    gaps = sorted(set(range(min(present), max(present))) - present) if present else []
    return [f"{gap // 12}-{gap % 12 + 1:02}" for gap in gaps]
