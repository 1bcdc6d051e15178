"""Text rows as delivered become typed rows, or quarantined ones with the names of the rules they broke."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from boathouse.core.quality.reading import read_text
from boathouse.core.tables import Column, TableContract
from boathouse.core.tables.row_rules import UNIQUE_KEYS, broken_conditions

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
    nothing tells which is right. A row whose key cannot be read can be replaced by no later row: it is
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
        f"{name}_type": F.col(f"{_TEXT}.{name}").isNotNull() & F.col(name).isNull() for name in contract.column_names
    }
    missing = {
        f"{name}_not_null": F.col(f"{_TEXT}.{name}").isNull()
        for name in contract.column_names
        if f"{name}_not_null" in broken_conditions(contract)
    }
    repeated = {UNIQUE_KEYS: _has_key(contract) & (F.col(_COPIES) > 1)}
    # A text that cannot be read breaks its type rule, not the rule that a value must be there.
    return broken_conditions(contract) | unreadable | missing | repeated
