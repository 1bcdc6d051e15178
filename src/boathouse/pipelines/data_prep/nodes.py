"""Steps of data preparation, made for each source of a use case."""

from __future__ import annotations

from pyspark.sql import DataFrame

from boathouse.problem.spec import DataSource, UseCase
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

Judged = tuple[JudgedRows, QualityCounts]
Split = tuple[DataFrame, DataFrame]
CheckedCounts = dict[str, QualityCounts]


def ingest(extract: DataFrame) -> DataFrame:
    """Return the delivered rows unchanged; the raw table keeps every delivery once."""
    return extract


def judge_source(raw: DataFrame, sample: SampleOptions, *, source: DataSource, use_case: UseCase) -> Judged:
    """Return the newest rows of the sampled entities, checked, and their counts; without a delivery there are none."""
    judged = judge_rows(sample_entities(raw, use_case.keys, sample), source.delivered)
    return judged, count_rows(judged, table=source.cleaned.name)


def check_deliveries(quality: QualityOptions, *deliveries: QualityCounts) -> CheckedCounts:
    """Return the counts by table if all tables may be published; no clean table is written before.

    Raises:
        DataQualityError: If one of them may not.
    """
    for counts in deliveries:
        check_quality(counts, quality)
    return {counts.table: counts for counts in deliveries}


def clean_source(judged: JudgedRows, counts: CheckedCounts, *, source: DataSource) -> Split:
    """Return clean and quarantined rows; a second pass for the latter is skipped if the counts have none."""
    has_any = counts[source.cleaned.name].quarantined > 0
    return source.clean(judged.valid), judged.quarantined if has_any else judged.quarantined.limit(0)


def report_quality(counts: CheckedCounts, raw: DataFrame) -> DataFrame:
    """Return the rows of ``audit.data_quality``; only the session of ``raw`` is used."""
    rows = [row for of_table in counts.values() for row in of_table.to_rows()]
    return raw.sparkSession.createDataFrame(rows, DATA_QUALITY.ddl)
