"""Wiring of stream inference: requests and features in, answers out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.binding import bind
from boathouse.pipelines.run_catalog import champion_node
from boathouse.pipelines.stream_inference import nodes
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE

OPTIONS = "params:stream_inference.stream"


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``stream_inference``."""
    return Pipeline(
        [*_prepare_nodes(use_case), *_stream_nodes(use_case)],
        namespace="stream_inference",
        prefix_datasets_with_namespace=False,
    )


def _prepare_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(
            bind(nodes.post_requests, use_case=use_case),
            inputs=[use_case.spine_table, "params:as_of", OPTIONS],
            outputs="inference.requests",
            name="collect_requests",
        ),
        Node(nodes.read_clock, inputs=None, outputs="stream_inference.now", name="read_clock"),
        Node(
            nodes.select_champion,
            inputs={
                "champion": "models.champion",
                "aliases": "models.aliases",
                "environment": "params:stream_inference.environment",
                "state": "models.state",
                "governance": "params:governance",
                "now": "stream_inference.now",
                "strict": "params:strict",
            },
            outputs="stream_inference.champion",
            name="select_champion",
        ),
    ]


def _stream_nodes(use_case: UseCase) -> list[Node]:
    return [
        champion_node(
            bind(nodes.plan_stream, use_case=use_case),
            inputs=[
                "inference.requests",
                "stream_inference.champion",
                OPTIONS,
                *(view.table for view in use_case.model_views),
            ],
            outputs="inference.stream_predictions",
            name="score_requests",
            tags=["inference"],
        ),
        champion_node(
            nodes.summarise_stream,
            inputs=[
                "stream_inference.champion",
                "inference.stream_predictions",
                "monitoring.stream_progress",
                "inference.dead_letters",
            ],
            outputs="reports.stream_inference",
            name="summarise_stream",
        ),
    ]
