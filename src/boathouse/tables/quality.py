"""Delivered rows against their contract: typed, split into valid and quarantined rows, counted, limited."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from boathouse.errors import DataQualityError
from boathouse.options import require_between
from boathouse.tables.contract import Column, TableContract
from boathouse.tables.row_rules import UNIQUE_KEYS, broken_conditions, has_value
from boathouse.tables.text_forms import NUMBER, WHOLE

BATCH, FILE, INGESTED = "_batch_id", "_source_file", "_ingested_at"
BROKEN_RULES = "broken_rules"
_NEWEST, _TEXT, _COPIES, _LAST = "__newest", "__text", "__copies", "__last"

# What ingestion adds to the columns of a delivered file.
ORIGIN_COLUMNS = (
    Column(name=BATCH, dtype="string", description="SHA-256 of the delivered file."),
    Column(name=FILE, dtype="string", description="Name of the delivered file."),
    Column(name=INGESTED, dtype="timestamp", description="When the file was read, UTC."),
)


@dataclass(frozen=True)
class JudgedRows:
    """The newest delivery of each key, once, typed and judged.

    Attributes:
        judged: Typed columns, ``__text`` with the delivered texts, batch id and ``broken_rules``,
            which is empty for a row that keeps its contract.
        contract: The contract that was applied.
    """

    judged: DataFrame
    contract: TableContract

    @property
    def valid(self) -> DataFrame:
        """Return the typed columns of the rows that break no rule."""
        return self.judged.where(F.size(BROKEN_RULES) == 0).select(*self.contract.column_names)

    @property
    def quarantined(self) -> DataFrame:
        """Return the rows that break a rule: texts as delivered, batch id, names of the rules."""
        texts = [F.col(f"{_TEXT}.{name}").alias(name) for name in self.contract.column_names]
        return self.judged.where(F.size(BROKEN_RULES) > 0).select(*texts, BATCH, BROKEN_RULES)


def judge_rows(raw: DataFrame, contract: TableContract) -> JudgedRows:
    """Return the rows of ``raw`` judged against ``contract``.

    Of several deliveries of a key the newest counts, whether the key is written ``1`` or ``01``;
    identical rows of it count once; rows that share a key but differ all break ``keys_unique``, since
    it is unknown which is right. A row whose key cannot be read can be replaced by no later row: it is
    judged as long as its delivery is the newest, so that a corrected delivery ends the matter.

    Args:
        raw: All columns of the contract as text, with the origin columns.
        contract: Types, keys and rules of the delivered columns.
    """
    names = list(contract.column_names)
    # Grouping and unordered windows: both engines do them many times faster than dropDuplicates and ranks.
    once = raw.groupBy(*names, BATCH).agg(F.max(INGESTED).alias(INGESTED))
    typed = once.select(
        *(read_text(column) for column in contract.columns), F.struct(*names).alias(_TEXT), BATCH, INGESTED
    )
    newest = _keep_newest(typed.crossJoin(raw.agg(F.max(INGESTED).alias(_LAST))), contract)
    broken = [F.when(condition, F.lit(name)) for name, condition in rules_of(contract).items()]
    judged = newest.withColumn(BROKEN_RULES, F.array_compact(F.array(*broken)))
    return JudgedRows(judged.drop(_COPIES, INGESTED, _NEWEST, _LAST), contract)


def _keep_newest(typed: DataFrame, contract: TableContract) -> DataFrame:
    """Return the rows that no later delivery replaces, with the number of rows that share their key."""
    of_key = Window.partitionBy(*contract.keys)
    newest = F.when(_has_key(contract), F.max(INGESTED).over(of_key)).otherwise(F.col(_LAST))
    kept = typed.withColumn(_NEWEST, newest).where(F.col(INGESTED) == F.col(_NEWEST))
    return kept.withColumn(_COPIES, F.count(F.lit(1)).over(of_key))


def _has_key(contract: TableContract) -> SparkColumn:
    """Return whether every key of a typed row could be read."""
    present = F.lit(True)  # noqa: FBT003 - a literal, not a switch
    for key in contract.keys:
        present = present & F.col(key).isNotNull()
    return present


def rules_of(contract: TableContract) -> dict[str, SparkColumn]:
    """Return every rule by name with the condition under which a judged row breaks it."""
    unreadable = {
        f"{name}_type": has_value(f"{_TEXT}.{name}", "string") & F.col(name).isNull() for name in contract.column_names
    }
    missing = {
        f"{name}_not_null": ~has_value(f"{_TEXT}.{name}", "string")
        for name in contract.column_names
        if f"{name}_not_null" in broken_conditions(contract)
    }
    repeated = {UNIQUE_KEYS: _has_key(contract) & (F.col(_COPIES) > 1)}
    # A text that cannot be read breaks its type rule, not the rule that a value must be there.
    return broken_conditions(contract) | unreadable | missing | repeated


_DATE, _CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
_WHOLE, _NUMBER = rf"\A{WHOLE}\z", rf"\A({NUMBER})\z"
# Engines cast more than this, and not the same: 1d, NaN, Infinity, 2005-04, 2005-04-01T00:00:00, yes.
_FORMS = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), _WHOLE),
    **dict.fromkeys(("float", "double"), _NUMBER),
    "date": rf"\A{_DATE}\z",
    "timestamp": rf"\A{_DATE}{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}})?\z",
    "timestamp_ntz": rf"\A{_DATE}{_CLOCK}\z",
    "boolean": r"\A([tT][rR][uU][eE]|[fF][aA][lL][sS][eE])\z",
}
# The year 0 is none to Python.
_YEAR_ZERO = r"\A0000-"


def read_text(column: Column) -> SparkColumn:
    """Return the typed value of a text column of the same name; null where the text is no such value.

    Spaces around a value do not count, and a text of nothing but spaces is no text. Numbers are decimal, with a point
    and no thousands separator, and have at most the decimals of their type; dates are ``YYYY-MM-DD``, timestamps
    ``YYYY-MM-DD HH:MM:SS`` or with a T, up to six decimals and an offset such as ``Z`` or ``+08:00``, in UTC without
    one; booleans are ``true`` and ``false``. A number too great for its type is no value.
    """
    text = F.trim(F.col(column.name))
    value = F.expr(f"try_cast(trim(`{column.name}`) as {column.dtype})")
    form = _FORMS.get(column.dtype) or _form_of_decimal(column.dtype)
    if form is not None:
        value = F.when(text.rlike(form) & ~text.rlike(_YEAR_ZERO), value)
    if column.dtype in {"float", "double"}:
        # 1e400 reads as infinity.
        value = F.when(F.abs(value) < F.lit(float("inf")), value)
    return F.when(has_value(column.name, "string"), value).alias(column.name)


def _form_of_decimal(dtype: str) -> str | None:
    """Return the form of a decimal, which a cast would round; None for other types."""
    match = re.fullmatch(r"decimal\((\d+),(\d+)\)", dtype)
    return None if match is None else rf"\A[+-]?[0-9]+([.][0-9]{{1,{match[2]}}})?\z" if match[2] != "0" else _WHOLE


def raw_contract(delivered: TableContract) -> TableContract:
    """Return the contract of the raw table: the delivered columns as text, and their origin."""
    return TableContract(
        name=f"raw.{delivered.name}",
        description=f"{delivered.description} As delivered, every delivery kept.",
        grain=f"{delivered.grain} and delivery",
        columns=(*_as_text(delivered), *ORIGIN_COLUMNS),
    )


def quarantine_contract(delivered: TableContract) -> TableContract:
    """Return the contract of the table of rows that broke a rule."""
    rules = Column(name=BROKEN_RULES, dtype="array<string>", description="Names of the rules that the row breaks.")
    return TableContract(
        name=f"clean.{delivered.name}_quarantine",
        description=f"{delivered.description} Rows that broke a rule, as delivered.",
        grain=delivered.grain,
        columns=(*_as_text(delivered), ORIGIN_COLUMNS[0], rules),
    )


def _as_text(delivered: TableContract) -> tuple[Column, ...]:
    return tuple(
        Column(name=column.name, dtype="string", description=column.description, unit=column.unit, nullable=True)
        for column in delivered.columns
    )


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
        undelivered_ok: Whether a source may not have been delivered yet: any table may have no rows then.
    """

    max_quarantined_share: float
    may_be_empty: Sequence[str] = ()
    undelivered_ok: bool = False

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
        missing_periods: Days (``YYYY-MM-DD``) or months (``YYYY-MM``) without a valid row between the first and the
            last; looked for where the contract has a time grain.
    """

    table: str
    rows: int
    quarantined: int
    broken: dict[str, int]
    empty_columns: tuple[str, ...]
    missing_periods: tuple[str, ...] = ()

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
    found = rows.judged.agg(F.count(F.lit(1)), any_broken, _dates(rows.contract), *aggregates, *filled).collect()[0]
    total, quarantined, dates, *counts = found
    broken = dict(zip(rules, counts[: len(rules)], strict=True))
    empty = tuple(name for name, count in zip(names, counts[len(rules) :], strict=True) if not count)
    return QualityCounts(table, total, quarantined, broken, empty, find_missing_periods(dates, rows.contract))


def _dates(contract: TableContract) -> SparkColumn:
    """Return an aggregate: a date of each period that has a valid row; none where the contract has no time grain."""
    if contract.time_column is None or contract.time_grain is None:
        return F.array().cast("array<date>")
    day = F.col(contract.time_column)
    date_of_period = F.trunc(day, "month") if contract.time_grain == "month" else day
    return F.collect_set(F.when(F.size(BROKEN_RULES) == 0, date_of_period))


def check_quality(counts: QualityCounts, options: QualityOptions) -> None:
    """Stop a run that would publish broken data.

    Raises:
        DataQualityError: Without rows where some must be, with a column that holds nothing, with too many broken
            rows, or with a day or month left out.
    """
    if not counts.rows and (options.undelivered_ok or counts.table in options.may_be_empty):
        return
    if not counts.rows:
        raise DataQualityError(
            f"Table '{counts.table}': there are no rows to clean; nothing was published. Check the extract."
        )
    if counts.empty_columns:
        raise DataQualityError(
            f"Table '{counts.table}': no row has a value in {', '.join(counts.empty_columns)}; nothing was published. "
            "The extract is broken upstream: ask for a complete one."
        )
    if counts.quarantined > options.max_quarantined_share * counts.rows:
        lines = "\n".join(f"  {rule}: {count:,}" for rule, count in sorted(counts.broken.items()) if count)
        raise DataQualityError(
            f"Table '{counts.table}': more than {options.max_quarantined_share:.2%} of {counts.rows:,} rows break its "
            f"rules; nothing was published.\n{lines}\n"
            "Correct the extract, or change data_prep.quality.max_quarantined_share."
        )
    if counts.missing_periods:
        raise DataQualityError.missing_periods(counts.table, counts.missing_periods)


def find_missing_periods(dates: Collection[date], contract: TableContract) -> tuple[str, ...]:
    """Return the periods of the contract's time grain that lie between the first and the last of ``dates`` without one.

    Args:
        dates: Dates of valid rows, any number in a period.
        contract: Whose time grain counts: days come as ``YYYY-MM-DD``, months as ``YYYY-MM``.
    """
    if contract.time_grain == "month":
        months = _find_gaps({day.year * 12 + day.month - 1 for day in dates})
        return tuple(f"{month // 12}-{month % 12 + 1:02}" for month in months)
    return tuple(date.fromordinal(number).isoformat() for number in _find_gaps({day.toordinal() for day in dates}))


def _find_gaps(numbers: set[int]) -> list[int]:
    return sorted(set(range(min(numbers), max(numbers))) - numbers) if numbers else []
