"""Steps of feature engineering, composed of core and use case."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from pyspark.sql import DataFrame

from boathouse.core.errors import FeatureError
from boathouse.core.features import FeatureView
from boathouse.core.features.registry import describe_views
from boathouse.core.features.statistics import statistics_rows
from boathouse.core.features.usage import ModelUse, UsageOptions, check_removed
from boathouse.use_case.features import FEATURE_VIEWS

_log = logging.getLogger(__name__)


def read_clock() -> datetime:
    """Return the present time in UTC; the only clock of the pipeline."""
    return datetime.now(UTC)


def check_definitions(usage: list[ModelUse], options: UsageOptions) -> tuple[str, ...]:
    """Return the digest of each declared view; every table waits for it.

    A table that was computed otherwise under the name of the old definition would be wrong for the models that
    were trained on it, so that it is refused before anything is written.

    Raises:
        FeatureError: If a definition is gone that a model in use was trained on, unless options let that pass.
    """
    try:
        check_removed(FEATURE_VIEWS, usage)
    except FeatureError as error:
        if options.removed_in_use == "refuse":
            raise
        _log.warning("%s", error)
    return tuple(view.digest for view in FEATURE_VIEWS)


def compute_checked(view: FeatureView) -> Callable[..., DataFrame]:
    """Return the view's function as a node's, which waits for the check: its last argument."""

    def compute(*inputs: object) -> DataFrame:
        return cast("DataFrame", view.compute(*inputs[:-1]))

    compute.__name__, compute.__doc__ = view.compute.__name__, view.compute.__doc__
    return compute


def register_views(session_of: DataFrame, definitions: tuple[str, ...], registered_at: datetime) -> DataFrame:  # noqa: ARG001
    """Return the rows of ``features.registry``; ``session_of`` gives the session; ``definitions`` were checked."""
    return describe_views(FEATURE_VIEWS, session_of.sparkSession, registered_at=registered_at)


def measure_features(measured_at: datetime, *tables: DataFrame) -> DataFrame:
    """Return the rows of ``features.statistics``."""
    return statistics_rows(list(zip(FEATURE_VIEWS, tables, strict=True)), measured_at=measured_at)
