"""Steps of feature engineering, composed of core and use case."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pyspark.sql import DataFrame

from boathouse.core.errors import FeatureError
from boathouse.core.features.registry import describe_views
from boathouse.core.features.statistics import statistics_rows
from boathouse.core.features.usage import ModelUse, UsageOptions, check_removed
from boathouse.use_case.features import FEATURE_VIEWS

_log = logging.getLogger(__name__)


def read_clock() -> datetime:
    """Return the present time in UTC; the only clock of the pipeline."""
    return datetime.now(UTC)


def register_views(
    lender: DataFrame, usage: list[ModelUse], options: UsageOptions, registered_at: datetime
) -> DataFrame:
    """Return the rows of ``features.registry``; ``lender`` only lends its session.

    Raises:
        FeatureError: If a definition is gone that a model in use was trained on, unless options let that pass.
    """
    try:
        check_removed(FEATURE_VIEWS, usage)
    except FeatureError as error:
        if options.removed_in_use == "refuse":
            raise
        _log.warning("%s", error)
    return describe_views(FEATURE_VIEWS, lender.sparkSession, registered_at=registered_at)


def measure_features(measured_at: datetime, *tables: DataFrame) -> DataFrame:
    """Return the rows of ``features.statistics``."""
    return statistics_rows(list(zip(FEATURE_VIEWS, tables, strict=True)), measured_at=measured_at)
