"""The registry of features: what there is, what it means, who owns it, what it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.tables import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame, SparkSession

    from boathouse.core.features.feature_view import FeatureView

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
