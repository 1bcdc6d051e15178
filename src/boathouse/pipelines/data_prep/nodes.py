"""Steps of data preparation, composed of core and use case."""

from __future__ import annotations

from pyspark.sql import DataFrame

from boathouse.tables.quality import (
    DATA_QUALITY,
    JudgedRows,
    QualityCounts,
    QualityOptions,
    check_quality,
    count_rows,
    judge_rows,
)
from boathouse.tables.scope import SampleOptions, sample_entities
from boathouse.use_case import cleaning
from boathouse.use_case.features import ENTITY_KEYS
from boathouse.use_case.schemas import DELIVERED

Judged = tuple[JudgedRows, QualityCounts]
Split = tuple[DataFrame, DataFrame]
CheckedCounts = dict[str, QualityCounts]


def ingest(extract: DataFrame) -> DataFrame:
    """Return the delivered rows as they are; the raw table keeps every delivery once."""
    return extract


def judge_customers(raw: DataFrame, sample: SampleOptions) -> Judged:
    """Return the newest customers, judged, and what was found."""
    return _judge(raw, "customers", sample)


def judge_statements(raw: DataFrame, sample: SampleOptions) -> Judged:
    """Return the newest statements, judged, and what was found."""
    return _judge(raw, "statements", sample)


def judge_defaults(raw: DataFrame, sample: SampleOptions) -> Judged:
    """Return the newest default flags, judged, and what was found."""
    return _judge(raw, "defaults", sample)


def judge_transactions(raw: DataFrame, sample: SampleOptions) -> Judged:
    """Return the newest daily transactions, judged, and what was found; without a delivery there are none."""
    return _judge(raw, "transactions", sample)


def check_deliveries(quality: QualityOptions, *deliveries: QualityCounts) -> CheckedCounts:
    """Return the counts by table once all tables are fit to publish; no clean table is written before.

    Raises:
        DataQualityError: If one of them is not.
    """
    for counts in deliveries:
        check_quality(counts, quality)
    return {counts.table: counts for counts in deliveries}


def clean_customers(judged: JudgedRows, counts: CheckedCounts) -> Split:
    """Return clean customers and quarantined rows."""
    return cleaning.clean_customers(judged.valid), _quarantine(judged, counts)


def clean_statements(judged: JudgedRows, counts: CheckedCounts) -> Split:
    """Return clean statements and quarantined rows."""
    return cleaning.clean_statements(judged.valid), _quarantine(judged, counts)


def clean_defaults(judged: JudgedRows, counts: CheckedCounts) -> Split:
    """Return clean default flags and quarantined rows."""
    return cleaning.clean_defaults(judged.valid), _quarantine(judged, counts)


def clean_transactions(judged: JudgedRows, counts: CheckedCounts) -> Split:
    """Return clean daily transactions and quarantined rows."""
    return cleaning.clean_transactions(judged.valid), _quarantine(judged, counts)


def report_quality(counts: CheckedCounts, session_of: DataFrame) -> DataFrame:
    """Return the rows of ``audit.data_quality``; ``session_of`` only gives the Spark session."""
    rows = [row for found in counts.values() for row in found.to_rows()]
    return session_of.sparkSession.createDataFrame(rows, DATA_QUALITY.ddl)


def _judge(raw: DataFrame, name: str, sample: SampleOptions) -> Judged:
    """Return the rows of the sampled customers, judged, and what was found."""
    judged = judge_rows(sample_entities(raw, ENTITY_KEYS[0], sample), DELIVERED[name])
    return judged, count_rows(judged, table=_table(judged))


def _quarantine(judged: JudgedRows, counts: CheckedCounts) -> DataFrame:
    """Return the broken rows; where there are none, the engine is spared a second pass to find that out."""
    found = counts[_table(judged)].quarantined
    return judged.quarantined if found else judged.quarantined.limit(0)


def _table(judged: JudgedRows) -> str:
    return f"clean.{judged.contract.name}"
