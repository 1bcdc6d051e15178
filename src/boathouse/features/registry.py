"""The tables that describe features: what there is, what its values are like, and what each table was computed from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from boathouse.reports.rendering import render_markdown
from boathouse.tables.contract import Column, TableContract
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    from datetime import date, datetime

    from pyspark.sql import DataFrame, SparkSession

    from boathouse.features.feature_view import FeatureView
    from boathouse.scoring.on_demand import OnDemandFeature
    from boathouse.tables.location import TableLocation


REGISTRY = TableContract(
    name="features.registry",
    description="Every feature with its meaning, owner, sources and the digest of its definition.",
    grain="One row per view, definition and feature; earlier definitions stay.",
    columns=(
        Column(name="view", dtype="string", description="Feature view; its table is features.<view>."),
        Column(name="feature", dtype="string", description="Column of the view's table."),
        Column(name="version", dtype="int", description="Version of the view.", unit="number", minimum=1),
        Column(name="description", dtype="string", description="What the number means."),
        Column(name="unit", dtype="string", description="Unit of the number."),
        Column(name="owner", dtype="string", description="Team that answers for the view."),
        Column(name="keys", dtype="array<string>", description="Entity key columns."),
        Column(name="time_column", dtype="string", description="Date from which a row is known."),
        Column(name="sources", dtype="array<string>", description="Tables the view is computed from."),
        Column(name="digest", dtype="string", description="Changes when the view's definition does."),
        Column(name="online", dtype="boolean", description="Whether the view is published to the online store."),
        Column(
            name="max_age_days",
            dtype="int",
            description="Age from which a row is stale; null: never.",
            unit="days",
            nullable=True,
        ),
        Column(name="tags", dtype="array<string>", description="Further properties, as key: value."),
        Column(name="registered_at", dtype="timestamp", description="When this definition was first registered, UTC."),
    ),
    keys=("view", "digest", "feature"),
)


def describe_views(views: Sequence[FeatureView], session: SparkSession, *, registered_at: datetime) -> DataFrame:
    """Return the rows of ``features.registry``, one per feature of each declared view."""
    rows = [
        (
            view.name,
            feature.name,
            view.version,
            feature.description,
            feature.unit,
            view.owner,
            list(view.key_names),
            view.time_column,
            list(view.source_names),
            view.digest,
            view.online,
            view.max_age_days,
            [f"{key}: {value}" for key, value in view.tags],
            registered_at,
        )
        for view in views
        for feature in view.features
    ]
    return session.createDataFrame(rows, REGISTRY.ddl)


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


def read_statistics(location: TableLocation, view: FeatureView) -> dict[str, dict[str, Any]]:
    """Return the row of ``features.statistics`` of each feature of the view in its present definition, by name.

    Empty if there is no such table, or this definition was not measured.
    """
    stored = location.read_newest()
    if stored is None:
        return {}
    rows = stored.where((F.col("view") == view.label) & (F.col("digest") == view.digest))
    return {row["feature"]: row.asDict() for row in rows.collect()}


MODES = ("full", "incremental", "month")

REFRESHES = TableContract(
    name="audit.feature_refreshes",
    description="Every computation of a feature table with the versions of its sources.",
    grain="One row per refresh; a month's refresh that was done before is not done again.",
    columns=(
        Column(name="view", dtype="string", description="The view, with its version from the second on."),
        Column(name="digest", dtype="string", description="Definition it was computed by."),
        Column(name="mode", dtype="string", description="What was computed.", allowed=MODES),
        Column(name="month", dtype="date", description="First day of the month; null: all dates.", nullable=True),
        Column(name="sources", dtype="string", description="Delta version of each source table, as JSON."),
        Column(name="table_version", dtype="bigint", description="Version of the table after it.", unit="number"),
        Column(name="rows", dtype="bigint", description="Rows written or deleted.", unit="rows", minimum=0),
        Column(name="refreshed_at", dtype="timestamp", description="When it was done, in UTC."),
    ),
    keys=("view", "refreshed_at"),
)


class RefreshRecords:
    """The rows of ``audit.feature_refreshes``, one environment's."""

    def __init__(self, location: TableLocation) -> None:
        """Remember the table; read nothing."""
        self._location = location

    def find_last(self, view: str) -> dict[str, Any] | None:
        """Return the newest record of the whole view, or None; a month's refresh makes it unknown again."""
        records = self._read(view)
        return None if not records or records[-1]["mode"] == "month" else records[-1]

    def find_month(self, view: str, digest: str, month: date) -> dict[str, Any] | None:
        """Return the newest record of one month by this definition that no other refresh has followed, or None."""
        records = self._read(view)
        since = max((number for number, each in enumerate(records) if each["mode"] != "month"), default=-1)
        months = [each for each in records[since + 1 :] if each["month"] == month and each["digest"] == digest]
        return months[-1] if months else None

    def add(self, **record: Any) -> None:  # noqa: ANN401 - the columns of the contract
        """Add one record."""
        columns = REFRESHES.columns
        row = [tuple(record[column.name] for column in columns)]
        frame = self._location.session().createDataFrame(row, REFRESHES.ddl)
        options = WriteOptions(table=self._location.table, mode="merge", keys=REFRESHES.keys)
        DeltaWriter(self._location, options, REFRESHES).write(frame)

    def _read(self, view: str) -> list[dict[str, Any]]:
        rows = self._location.read_newest()
        records = [] if rows is None else rows.where(f"view = '{view}'").collect()
        return sorted((row.asDict() for row in records), key=lambda row: row["refreshed_at"])


def record_computations(
    views: Sequence[FeatureView],
    versions: Mapping[str, int],
    rows: Mapping[tuple[str, str], int],
    before: Sequence[Mapping[str, Any]],
    *,
    refreshed_at: datetime,
) -> list[tuple[Any, ...]]:
    """Return a row of ``audit.feature_refreshes`` for each view that was computed in full and is not on record yet.

    Args:
        views: The views.
        versions: Version of each table that was read, by ``<schema>.<table>``: the sources, and the views once written.
            A view of which one is missing was not computed, and has no row.
        rows: Rows of each view by label and digest.
        before: The records so far.
        refreshed_at: When they were computed, in UTC.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for record in sorted(before, key=lambda each: each["refreshed_at"]):
        newest[record["view"]] = record
    found = []
    for view in views:
        if not {view.table, *view.source_names} <= set(versions):
            continue
        sources = json.dumps({name: versions[name] for name in view.source_names}, sort_keys=True)
        known = newest.get(view.label)
        made = (view.digest, sources, versions[view.table])
        if known is None or (known["digest"], known["sources"], known["table_version"]) != made:
            count = rows.get((view.label, view.digest), 0)
            found.append((view.label, view.digest, "full", None, sources, versions[view.table], count, refreshed_at))
    return found


def write_dictionary(views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]) -> str:
    """Return the page as Markdown."""
    return render_markdown("feature_dictionary.md.j2", views=views, on_demand=on_demand)
