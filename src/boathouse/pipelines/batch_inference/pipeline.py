"""Wiring of batch inference: statements and features in, predictions out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.batch_inference import nodes
from boathouse.use_case.features import MODEL_VIEWS


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``batch_inference``."""
    return Pipeline(
        [
            Node(
                nodes.select_spine,
                inputs=["clean.statements", "params:as_of", "params:batch_inference.scoring"],
                outputs="batch_inference.spine",
                name="select_spine",
                tags=["inference"],
            ),
            Node(
                nodes.join_features,
                inputs=[
                    "batch_inference.spine",
                    "models.champion",
                    # In a whole run this waits for the promotion, which may change the champion.
                    "models.aliases",
                    *(view.table for view in MODEL_VIEWS),
                ],
                outputs="inference.features",
                name="join_features",
                tags=["inference"],
            ),
            Node(nodes.read_clock, inputs=None, outputs="batch_inference.scored_at", name="read_clock"),
            Node(
                nodes.score_cohorts,
                inputs={
                    "features": "inference.features",
                    "spine": "batch_inference.spine",
                    "champion": "models.champion",
                    "aliases": "models.aliases",
                    "scored_at": "batch_inference.scored_at",
                    "options": "params:batch_inference.scoring",
                    "environment": "params:batch_inference.environment",
                },
                outputs=["inference.predictions", "inference.predictions_quarantine"],
                name="score_cohorts",
                tags=["inference"],
            ),
        ],
        namespace="batch_inference",
        prefix_datasets_with_namespace=False,
    )
