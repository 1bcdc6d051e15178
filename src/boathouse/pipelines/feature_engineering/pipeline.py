"""Wiring of feature engineering: one node a feature view, one for labels, one for groups."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.feature_engineering import nodes
from boathouse.use_case.features import FEATURE_VIEWS
from boathouse.use_case.groups import sensitive_groups
from boathouse.use_case.label import label_statements


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``feature_engineering``."""
    views = [
        Node(
            nodes.compute_checked(view),
            inputs=[*view.source_names, "feature_engineering.definitions"],
            outputs=view.table,
            name=f"compute_{view.label}",
            tags=["features"],
        )
        for view in FEATURE_VIEWS
    ]
    others = [
        Node(
            label_statements,
            inputs=["clean.statements", "clean.defaults"],
            outputs="model_input.labels",
            name="label_statements",
            tags=["labels"],
        ),
        Node(
            sensitive_groups,
            inputs="clean.customers",
            outputs="model_input.groups@spark",
            name="group_customers",
            tags=["groups"],
        ),
        Node(nodes.read_clock, inputs=None, outputs="feature_engineering.registered_at", name="read_clock"),
        Node(
            nodes.check_definitions,
            inputs=["models.feature_usage", "params:feature_engineering.usage"],
            outputs="feature_engineering.definitions",
            name="check_definitions",
            tags=["features"],
        ),
        Node(
            nodes.register_views,
            inputs=["clean.customers", "feature_engineering.definitions", "feature_engineering.registered_at"],
            outputs="features.registry",
            name="register_views",
            tags=["features"],
        ),
        Node(
            nodes.measure_features,
            inputs=["feature_engineering.registered_at", *(view.table for view in FEATURE_VIEWS)],
            outputs="features.statistics",
            name="measure_features",
            tags=["features"],
        ),
    ]
    return Pipeline([*views, *others], namespace="feature_engineering", prefix_datasets_with_namespace=False)
