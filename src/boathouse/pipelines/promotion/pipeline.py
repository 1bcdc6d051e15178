"""Wiring of promotion: the evaluation in, a recorded decision and moved aliases out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.promotion import evidence_nodes, nodes


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``promotion``."""
    return Pipeline(
        [
            *_evidence_nodes(),
            Node(
                nodes.read_identity,
                inputs=["promotion.claims", "params:governance"],
                outputs="promotion.decided",
                name="read_identity",
            ),
            Node(
                nodes.decide,
                inputs=["promotion.evidence", "params:promotion.gates", "promotion.decided"],
                outputs=["promotion.decision", "reports.promotion", "reports.promotion_card"],
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


def _evidence_nodes() -> list[Node]:
    return [
        Node(
            evidence_nodes.describe_candidate,
            inputs=["models.candidate", "reports.evaluation_card", "params:promotion.load"],
            outputs="promotion.model_facts",
            name="describe_candidate",
            tags=["gates"],
        ),
        Node(
            evidence_nodes.read_approval,
            inputs=["models.candidate", "promotion.records", "params:governance", "promotion.decided"],
            outputs="promotion.approval",
            name="read_approval",
            tags=["gates"],
        ),
        Node(
            evidence_nodes.read_quality,
            inputs="audit.data_quality",
            outputs="promotion.quality",
            name="read_quality",
            tags=["gates"],
        ),
        Node(
            evidence_nodes.collect_evidence,
            inputs=[
                "reports.evaluation",
                "promotion.model_facts",
                "promotion.quality",
                "promotion.approval",
                "promotion.decided",
            ],
            outputs="promotion.evidence",
            name="collect_evidence",
            tags=["gates"],
        ),
    ]
