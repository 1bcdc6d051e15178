"""Statistics of each feature of a view: what is usual, before anybody asks what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.tables import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame

    from boathouse.core.features.feature_view import FeatureView

STATISTICS = TableContract(
    name="features.statistics",
    description="Count, share of nulls, mean, spread and range of each feature of each definition.",
    grain="One row per view, definition and feature; a later computation replaces it.",
    columns=(
        Column(name="view", dtype="string", description="The view, with its version from the second on."),
        Column(name="digest", dtype="string", description="Definition of the view."),
        Column(name="feature", dtype="string", description="The feature."),
        Column(name="rows", dtype="bigint", description="Rows of the view.", unit="rows", minimum=0),
        Column(name="null_share", dtype="double", description="Share of nulls.", unit="share", minimum=0, maximum=1),
        Column(name="mean", dtype="double", description="Mean.", unit="as the feature", nullable=True),
        Column(name="stddev", dtype="double", description="Standard deviation.", unit="as the feature", nullable=True),
        Column(name="minimum", dtype="double", description="Smallest value.", unit="as the feature", nullable=True),
        Column(name="maximum", dtype="double", description="Greatest value.", unit="as the feature", nullable=True),
        Column(name="measured_at", dtype="timestamp", description="When it was measured, in UTC."),
    ),
    keys=("view", "digest", "feature"),
)
_MEASURES = ("count", "mean", "stddev", "min", "max")


@dataclass(frozen=True, kw_only=True)
class FeatureStatistics:
    """One feature's values.

    Attributes:
        feature: Name.
        rows: Rows of the view.
        null_share: Share of nulls, 0 to 1.
        mean: Mean; NaN without values, as the following.
        stddev: Standard deviation of the sample.
        minimum: Smallest value.
        maximum: Greatest value.
    """

    feature: str
    rows: int
    null_share: float
    mean: float
    stddev: float
    minimum: float
    maximum: float


def describe_features(view: FeatureView, frame: DataFrame) -> list[FeatureStatistics]:
    """Return the statistics of each feature of ``view``, in its order, from one pass over ``frame``."""
    measures = [
        getattr(F, measure)(name).alias(f"{name}__{measure}") for name in view.feature_names for measure in _MEASURES
    ]
    row = frame.agg(F.count(F.lit(1)).alias("__rows"), *measures).collect()[0]
    rows = row["__rows"]
    found = []
    for name in view.feature_names:
        count = row[f"{name}__count"]
        mean, stddev, least, most = (
            float("nan") if row[f"{name}__{measure}"] is None else row[f"{name}__{measure}"]
            for measure in _MEASURES[1:]
        )
        found.append(
            FeatureStatistics(
                feature=name,
                rows=rows,
                null_share=1 - count / rows if rows else 0.0,
                mean=mean,
                stddev=stddev,
                minimum=least,
                maximum=most,
            )
        )
    return found


def statistics_rows(pairs: Sequence[tuple[FeatureView, DataFrame]], *, measured_at: datetime) -> DataFrame:
    """Return the rows of ``features.statistics`` for views and their tables."""
    rows = [
        (
            view.label,
            view.digest,
            each.feature,
            each.rows,
            each.null_share,
            *(None if value != value else value for value in (each.mean, each.stddev, each.minimum, each.maximum)),  # noqa: PLR0124
            measured_at,
        )
        for view, frame in pairs
        for each in describe_features(view, frame)
    ]
    return pairs[0][1].sparkSession.createDataFrame(rows, STATISTICS.ddl)
