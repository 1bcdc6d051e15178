"""Steps of feature engineering, composed of core and use case."""

from __future__ import annotations

from pyspark.sql import DataFrame

from boathouse.core.features.registry import describe_views
from boathouse.use_case.features import FEATURE_VIEWS


def register_views(lender: DataFrame) -> DataFrame:
    """Return the rows of ``features.registry``; ``lender`` only lends its session."""
    return describe_views(FEATURE_VIEWS, lender.sparkSession)
