"""Steps of feature engineering, made for the views of a use case."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from pyspark.sql import DataFrame

from boathouse.errors import FeatureError
from boathouse.features import registry
from boathouse.features.feature_view import FeatureView
from boathouse.features.registry import describe_views, statistics_rows
from boathouse.features.usage import ModelUse, UsageOptions, check_removed, find_outdated
from boathouse.inference.models import RunRecord
from boathouse.namespaces import shorten
from boathouse.problem.spec import UseCase

_log = logging.getLogger(__name__)


def read_clock() -> datetime:
    """Return the present time in UTC; the only clock of the pipeline."""
    return datetime.now(UTC)


def check_definitions(usage: list[ModelUse], options: UsageOptions, *, use_case: UseCase) -> tuple[str, ...]:
    """Return the digest of each declared view; every table waits for it.

    A table that was computed otherwise under the name of the old definition would be wrong for the models that
    were trained on it, so that it is refused before anything is written.

    Raises:
        FeatureError: If a definition is gone that a model in use was trained on, unless options let that pass.
    """
    if outdated := find_outdated(usage):
        _log.warning("%s", outdated)
    try:
        check_removed(use_case.views, usage)
    except FeatureError as error:
        if options.removed_in_use == "refuse":
            raise
        _log.warning("%s", error)
    return tuple(view.digest for view in use_case.views)


def compute_checked(view: FeatureView) -> Callable[..., DataFrame]:
    """Return the view's function as a node's, which waits for the check: its last argument."""

    def compute(*inputs: object) -> DataFrame:
        return cast("DataFrame", view.compute(*inputs[:-1]))

    # A partial has neither name nor text of its own.
    compute.__name__ = getattr(view.compute, "__name__", f"compute_{view.label}")
    compute.__doc__ = view.compute.__doc__
    return compute


def run_declared(function: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
    """Return a function of the use case as a node's: its annotations need no Spark at start-up, so Kedro sees none."""

    @functools.wraps(function)
    def compute(*inputs: object) -> DataFrame:
        return function(*inputs)

    compute.__annotations__ = {}
    return compute


def register_views(
    source: DataFrame,
    definitions: tuple[str, ...],  # noqa: ARG001 - checked
    registered_at: datetime,
    *,
    use_case: UseCase,
) -> DataFrame:
    """Return the rows of ``features.registry``; only the session of ``source`` is used."""
    return describe_views(use_case.views, source.sparkSession, registered_at=registered_at)


def measure_features(measured_at: datetime, *tables: DataFrame, use_case: UseCase) -> DataFrame:
    """Return the rows of ``features.statistics``."""
    return statistics_rows(list(zip(use_case.views, tables, strict=True)), measured_at=measured_at)


def record_computations(
    statistics: DataFrame,
    record: RunRecord,
    computed_at: datetime,
    before: DataFrame | None,
    *,
    use_case: UseCase,
) -> DataFrame:
    """Return a row for each view that this run computed: from which versions of its sources, to which of its table.

    ``boathouse features refresh`` goes on from there. The statistics are measured on the tables as they were written.
    """
    digests = {(view.label, view.digest) for view in use_case.views}
    measured = statistics.select("view", "digest", "rows").distinct().collect()
    rows = {(row["view"], row["digest"]): row["rows"] for row in measured}
    found = registry.record_computations(
        use_case.views,
        {shorten(name): version for name, version in record.table_versions.items()},
        {key: count for key, count in rows.items() if key in digests},
        [] if before is None else [row.asDict() for row in before.collect()],
        refreshed_at=computed_at,
    )
    return statistics.sparkSession.createDataFrame(found, registry.REFRESHES.ddl)
