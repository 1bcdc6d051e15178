"""Wiring of batch inference: the rows of the spine and features in, predictions out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.batch_inference import nodes
from boathouse.pipelines.binding import bind
from boathouse.pipelines.run_catalog import champion_node
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``batch_inference``."""
    return Pipeline(
        [*_prepare_nodes(use_case), *_score_nodes(use_case)],
        namespace="batch_inference",
        prefix_datasets_with_namespace=False,
    )


def _prepare_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(
            bind(nodes.select_spine, use_case=use_case),
            inputs=[use_case.spine_table, "params:as_of", "params:batch_inference.scoring"],
            outputs="batch_inference.spine",
            name="select_spine",
            tags=["inference"],
        ),
        Node(
            nodes.select_models,
            # In a whole run the aliases come after the promotion, which may change the champion.
            inputs={
                "champion": "models.champion",
                "versions": "models.versions",
                "aliases": "models.aliases",
                "options": "params:batch_inference.scoring",
                "environment": "params:batch_inference.environment",
                "state": "models.state",
                "governance": "params:governance",
                "now": "batch_inference.scored_at",
                "strict": "params:strict",
            },
            outputs="batch_inference.models",
            name="select_models",
            tags=["inference"],
        ),
        champion_node(
            bind(nodes.join_tables, use_case=use_case),
            inputs=[
                "batch_inference.spine",
                "batch_inference.models",
                "models.champion",
                *(view.table for view in use_case.model_views),
            ],
            outputs=["inference.features", "batch_inference.other_features"],
            name="join_features",
            tags=["inference"],
        ),
    ]


def _score_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(nodes.read_clock, inputs=None, outputs="batch_inference.scored_at", name="read_clock"),
        champion_node(
            bind(nodes.score_cohorts, use_case=use_case),
            inputs={
                "features": "inference.features",
                "others": "batch_inference.other_features",
                "spine": "batch_inference.spine",
                "models": "batch_inference.models",
                "scored_at": "batch_inference.scored_at",
                "record": "batch_inference.run_record",
                "scored_before": "batch_inference.scored_before",
                "quarantined_before": "batch_inference.quarantined_before",
                "options": "params:batch_inference.scoring",
            },
            outputs=["inference.predictions", "inference.predictions_quarantine"],
            name="score_cohorts",
            tags=["inference"],
        ),
    ]
