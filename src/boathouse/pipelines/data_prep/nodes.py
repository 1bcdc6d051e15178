"""Steps of data preparation, composed of core and use case."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame

from boathouse.core.errors import DataQualityError
from boathouse.core.quality import QualityCounts, QualityOptions, check_quality, count_rows, judge_rows
from boathouse.core.quality.report import DATA_QUALITY, find_missing_months
from boathouse.core.tables.sampling import SampleOptions, sample_entities
from boathouse.use_case import cleaning
from boathouse.use_case.features import ENTITY_KEYS
from boathouse.use_case.schemas import DELIVERED, MONTH

Cleaned = tuple[DataFrame, DataFrame, QualityCounts]


def ingest(extract: DataFrame) -> DataFrame:
    """Return the delivered rows as they are; the raw table keeps every delivery once."""
    return extract


def clean_customers(raw: DataFrame, quality: QualityOptions, sample: SampleOptions) -> Cleaned:
    """Return clean customers, quarantined rows and counts."""
    return _clean(raw, "customers", cleaning.clean_customers, quality=quality, sample=sample)


def clean_statements(raw: DataFrame, quality: QualityOptions, sample: SampleOptions) -> Cleaned:
    """Return clean statements, quarantined rows and counts.

    Raises:
        DataQualityError: Also if a month between the first and the last has no statement.
    """
    cleaned = _clean(raw, "statements", cleaning.clean_statements, quality=quality, sample=sample)
    months = [row[0] for row in cleaned[0].select(MONTH).distinct().collect()]
    if gaps := find_missing_months(months):
        raise DataQualityError.missing_periods("clean.statements", gaps)
    return cleaned


def clean_defaults(raw: DataFrame, quality: QualityOptions, sample: SampleOptions) -> Cleaned:
    """Return clean default flags, quarantined rows and counts."""
    return _clean(raw, "defaults", cleaning.clean_defaults, quality=quality, sample=sample)


def report_quality(
    customers: QualityCounts, statements: QualityCounts, defaults: QualityCounts, lender: DataFrame
) -> DataFrame:
    """Return the rows of ``audit.data_quality``; ``lender`` only lends its session."""
    rows = [row for counts in (customers, statements, defaults) for row in counts.to_rows()]
    schema = ", ".join(f"{column.name} {column.dtype}" for column in DATA_QUALITY.columns)
    return lender.sparkSession.createDataFrame(rows, schema)


def _clean(
    raw: DataFrame,
    name: str,
    clean: Callable[[DataFrame], DataFrame],
    *,
    quality: QualityOptions,
    sample: SampleOptions,
) -> Cleaned:
    """Judge the newest deliveries, stop if too many rows are broken, and clean the rest.

    Raises:
        DataQualityError: Before anything is published.
    """
    rows = judge_rows(sample_entities(raw, ENTITY_KEYS[0], sample), DELIVERED[name])
    counts = count_rows(rows, table=f"clean.{name}")
    check_quality(counts, quality)
    return clean(rows.valid), rows.quarantined, counts
