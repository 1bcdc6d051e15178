"""Wiring of stream inference: requests and features in, answers out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.stream_inference import nodes
from boathouse.use_case.features import MODEL_VIEWS

OPTIONS = "params:stream_inference.stream"


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``stream_inference``."""
    return Pipeline(
        [*_prepare_nodes(), *_stream_nodes()], namespace="stream_inference", prefix_datasets_with_namespace=False
    )


def _prepare_nodes() -> list[Node]:
    return [
        Node(
            nodes.post_requests,
            inputs=["clean.statements", "params:as_of", OPTIONS],
            outputs="inference.requests",
            name="collect_requests",
        ),
        Node(
            nodes.select_champion,
            inputs=["models.champion", "models.aliases", "params:stream_inference.environment"],
            outputs="stream_inference.champion",
            name="select_champion",
        ),
    ]


def _stream_nodes() -> list[Node]:
    return [
        Node(
            nodes.plan_stream,
            inputs=[
                "inference.requests",
                "stream_inference.champion",
                OPTIONS,
                *(view.table for view in MODEL_VIEWS),
            ],
            outputs="inference.stream_predictions",
            name="score_requests",
            tags=["inference"],
        ),
        Node(
            nodes.summarise_stream,
            inputs=["inference.stream_predictions", "monitoring.stream_progress", "inference.dead_letters"],
            outputs="reports.stream_inference",
            name="summarise_stream",
        ),
    ]
