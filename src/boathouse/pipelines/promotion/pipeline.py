"""Wiring of promotion: the evaluation in, a recorded decision and moved aliases out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.promotion import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``promotion``."""
    return Pipeline(
        [
            Node(
                nodes.read_identity,
                inputs=["promotion.claims", "params:governance"],
                outputs="promotion.decided",
                name="read_identity",
            ),
            Node(
                nodes.decide,
                inputs=["reports.evaluation", "params:promotion.gates", "promotion.decided"],
                outputs=["promotion.decision", "reports.promotion"],
                name="decide_promotion",
                tags=["gates"],
            ),
            Node(
                nodes.rule,
                inputs=["promotion.decision", "promotion.claims", "params:governance"],
                outputs="audit.promotions",
                name="record_decision",
                tags=["audit"],
            ),
            Node(
                nodes.tell_life,
                inputs=["promotion.decision", "audit.promotions"],
                outputs="models.aliases",
                name="move_aliases",
                tags=["registry"],
            ),
        ],
        namespace="promotion",
        prefix_datasets_with_namespace=False,
    )
