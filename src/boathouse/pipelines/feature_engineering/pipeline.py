"""Wiring of feature engineering: one node a feature view, one for labels, one for groups."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.binding import bind
from boathouse.pipelines.feature_engineering import nodes
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE

DEFINITIONS, REGISTERED_AT = "feature_engineering.definitions", "feature_engineering.registered_at"


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``feature_engineering``."""
    return Pipeline(
        [*_view_nodes(use_case), *_label_nodes(use_case), *_registry_nodes(use_case)],
        namespace="feature_engineering",
        prefix_datasets_with_namespace=False,
    )


def _view_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(
            nodes.compute_checked(view),
            inputs=[*view.source_names, DEFINITIONS],
            outputs=view.table,
            name=f"compute_{view.label}",
            tags=["features"],
        )
        for view in use_case.views
    ]


def _label_nodes(use_case: UseCase) -> list[Node]:
    label, groups = use_case.label, use_case.groups
    labels = Node(
        nodes.run_declared(label.compute),
        inputs=list(label.tables),
        outputs="model_input.labels",
        name=_name_node("label", use_case.words.observations),
        tags=["labels"],
    )
    if groups is None:
        return [labels]
    grouping = Node(
        nodes.run_declared(groups.compute),
        inputs=list(groups.tables),
        outputs="model_input.groups@spark",
        name=_name_node("group", use_case.entity.plural),
        tags=["groups"],
    )
    return [labels, grouping]


def _name_node(verb: str, things: str) -> str:
    return f"{verb}_{things.replace(' ', '_')}"


def _registry_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(nodes.read_clock, inputs=None, outputs=REGISTERED_AT, name="read_clock"),
        Node(
            bind(nodes.check_definitions, use_case=use_case),
            inputs=["models.feature_usage", "params:feature_engineering.usage"],
            outputs=DEFINITIONS,
            name="check_definitions",
            tags=["features"],
        ),
        Node(
            bind(nodes.register_views, use_case=use_case),
            inputs=[use_case.sources[0].cleaned.name, DEFINITIONS, REGISTERED_AT],
            outputs="features.registry",
            name="register_views",
            tags=["features"],
        ),
        Node(
            bind(nodes.measure_features, use_case=use_case),
            inputs=[REGISTERED_AT, *(view.table for view in use_case.views)],
            outputs="features.statistics",
            name="measure_features",
            tags=["features"],
        ),
        Node(
            bind(nodes.record_computations, use_case=use_case),
            # The record names the versions that the nodes before have read.
            inputs=[
                "features.statistics",
                "feature_engineering.run_record",
                REGISTERED_AT,
                "feature_engineering.refreshes_before",
            ],
            outputs="audit.feature_refreshes",
            name="record_computations",
            tags=["features"],
        ),
    ]
