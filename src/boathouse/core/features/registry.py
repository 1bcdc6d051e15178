"""The registry of features: what there is, what it means, who owns it, what it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.tables import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from boathouse.core.features.feature_view import FeatureView

REGISTRY = TableContract(
    name="features.registry",
    description="Every feature with its meaning, owner, sources and the digest of its definition.",
    grain="One row per view and feature.",
    columns=(
        Column(name="view", dtype="string", description="Feature view; its table is features.<view>."),
        Column(name="feature", dtype="string", description="Column of the view's table."),
        Column(name="description", dtype="string", description="What the number means."),
        Column(name="unit", dtype="string", description="Unit of the number."),
        Column(name="owner", dtype="string", description="Team that answers for the view."),
        Column(name="keys", dtype="array<string>", description="Entity key columns."),
        Column(name="time_column", dtype="string", description="Date from which a row is known."),
        Column(name="sources", dtype="array<string>", description="Tables the view is computed from."),
        Column(name="digest", dtype="string", description="Changes when the view's definition does."),
    ),
    keys=("view", "feature"),
)


def describe_views(views: Sequence[FeatureView], session: SparkSession) -> DataFrame:
    """Return the rows of ``features.registry``, one per feature."""
    rows = [
        (
            view.name,
            feature.name,
            feature.description,
            feature.unit,
            view.owner,
            list(view.key_names),
            view.time_column,
            list(view.sources),
            view.digest,
        )
        for view in views
        for feature in view.features
    ]
    schema = ", ".join(f"{column.name} {column.dtype}" for column in REGISTRY.columns)
    return session.createDataFrame(rows, schema)
