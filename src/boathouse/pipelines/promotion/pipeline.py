"""Wiring of promotion: the evaluation in, a recorded decision and moved aliases out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.binding import bind
from boathouse.pipelines.promotion import nodes
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE

CANDIDATE = "promotion.candidate"


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``promotion``."""
    return Pipeline(
        [
            *_fact_nodes(use_case),
            *_evidence_nodes(),
            Node(
                nodes.read_identity,
                inputs="promotion.claims",
                outputs="promotion.decided",
                name="read_identity",
            ),
            Node(
                bind(nodes.decide, use_case=use_case),
                inputs=["promotion.evidence", "params:promotion.gates", "promotion.decided", "promotion.evaluation"],
                outputs=["promotion.decision", "reports.promotion", "reports.promotion_card"],
                name="decide_promotion",
                tags=["gates"],
            ),
            Node(
                nodes.make_record,
                inputs=["promotion.decision", "promotion.claims", "params:governance", "params:promotion.gates"],
                outputs="audit.promotions",
                name="record_decision",
                tags=["audit"],
            ),
            Node(
                nodes.project_state,
                inputs=["promotion.decision", "audit.promotions"],
                outputs="models.aliases",
                name="move_aliases",
                tags=["registry"],
            ),
        ],
        namespace="promotion",
        prefix_datasets_with_namespace=False,
    )


def _fact_nodes(use_case: UseCase) -> list[Node]:
    return [
        *_ledger_nodes(),
        Node(
            bind(nodes.describe_candidate, use_case=use_case),
            inputs=[
                CANDIDATE,
                "reports.evaluation_card",
                "promotion.evaluation",
                "promotion.records",
                "params:promotion.load",
            ],
            outputs="promotion.model_facts",
            name="describe_candidate",
            tags=["gates"],
        ),
    ]


def _evidence_nodes() -> list[Node]:
    return [
        Node(
            nodes.collect_evidence,
            inputs={
                "evaluation": "promotion.evaluation",
                "facts": "promotion.model_facts",
                "quality": "promotion.quality",
                "approval": "promotion.approval",
                "code": "promotion.code",
                "decided": "promotion.decided",
            },
            outputs="promotion.evidence",
            name="collect_evidence",
            tags=["gates"],
        ),
    ]


def _ledger_nodes() -> list[Node]:
    """What the audit tables hold of the candidate."""
    return [
        Node(
            nodes.check_candidate,
            inputs=["models.candidate", "params:candidate", "promotion.records", "audit.evidence"],
            outputs=CANDIDATE,
            name="check_candidate",
            tags=["gates"],
        ),
        Node(
            nodes.read_evaluation,
            inputs=[CANDIDATE, "audit.evidence"],
            outputs="promotion.evaluation",
            name="read_evaluation",
            tags=["gates"],
        ),
        Node(
            nodes.read_approval,
            inputs=[CANDIDATE, "promotion.records", "params:governance", "promotion.decided"],
            outputs="promotion.approval",
            name="read_approval",
            tags=["gates"],
        ),
        Node(
            nodes.read_code,
            inputs=[CANDIDATE, "promotion.records", "params:governance"],
            outputs="promotion.code",
            name="read_code",
            tags=["gates"],
        ),
        Node(
            nodes.read_quality,
            inputs="audit.evidence",
            outputs="promotion.quality",
            name="read_quality",
            tags=["gates"],
        ),
    ]
