"""Wiring of evaluation: candidate, champion and baseline in, report, card and plots out."""

from kedro.pipeline import Node, Pipeline

from boathouse.lifecycle.sealed_results import seal_report
from boathouse.pipelines.binding import bind
from boathouse.pipelines.evaluation import nodes
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE

ROWS, EXPLANATION, REPORT = "evaluation.rows", "evaluation.explanation", "evaluation.report"
CANDIDATE = "evaluation.candidate"
CASES, BEHAVIOUR, LEAKAGE = "evaluation.cases", "evaluation.behaviour", "evaluation.leakage"


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``evaluation``."""
    return Pipeline(
        [*_test_nodes(use_case), *_measure_nodes(use_case), *_publish_nodes(use_case)],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )


def _test_nodes(use_case: UseCase) -> list[Node]:
    behaviour = use_case.behaviour
    return [
        Node(
            nodes.check_candidate,
            inputs=["models.candidate", "params:candidate", "evaluation.registrations"],
            outputs=CANDIDATE,
            name="check_candidate",
            tags=["audit"],
        ),
        Node(
            bind(nodes.build_behaviour_cases, use_case=use_case),
            inputs=[ROWS, "params:evaluation.behaviour", *(behaviour.tables if behaviour else ())],
            outputs=CASES,
            name="build_behaviour_cases",
            tags=["behaviour"],
        ),
        Node(
            nodes.test_behaviour,
            inputs=[CANDIDATE, CASES, "params:evaluation.behaviour", "model_input.training_set@pandas"],
            outputs=BEHAVIOUR,
            name="test_behaviour",
            tags=["behaviour"],
        ),
        Node(
            bind(nodes.look_for_leakage, use_case=use_case),
            inputs=[
                "model_input.training_set@pandas",
                CANDIDATE,
                "params:promotion.gates.max_single_feature_auc",
            ],
            outputs=LEAKAGE,
            name="look_for_leakage",
            tags=["leakage"],
        ),
    ]


def _measure_nodes(use_case: UseCase) -> list[Node]:
    groups = ["model_input.groups@pandas"] if use_case.groups else []
    return [
        Node(
            bind(nodes.take_test_rows, use_case=use_case),
            inputs=["model_input.training_set@pandas", "params:evaluation.fairness", "params:training.split", *groups],
            outputs=ROWS,
            name="take_test_rows",
        ),
        Node(
            nodes.explain_candidate,
            inputs=[CANDIDATE, ROWS, "params:evaluation.explanation"],
            outputs=EXPLANATION,
            name="explain_candidate",
            tags=["explain"],
        ),
        Node(
            bind(nodes.evaluate_candidate, use_case=use_case),
            inputs={
                "candidate": CANDIDATE,
                "baseline": "models.baseline",
                "champion": "models.champion",
                "rows": ROWS,
                "explanation": EXPLANATION,
                "behaviour": BEHAVIOUR,
                "leakage": LEAKAGE,
                "bootstrap": "params:evaluation.bootstrap",
                "comparison": "params:evaluation.comparison",
                "fairness": "params:evaluation.fairness",
                "costs": "params:training.costs",
                "records": "evaluation.registrations",
            },
            outputs=REPORT,
            name="evaluate_candidate",
            tags=["measure"],
        ),
    ]


def _publish_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(
            bind(nodes.publish_report, use_case=use_case),
            inputs=[REPORT, "model_input.training_set@spark", "params:evaluation.comparison"],
            outputs=[
                "audit.evaluations",
                "audit.comparisons",
                "reports.evaluation",
                "reports.evaluation_metrics",
                "reports.evaluation_card",
            ],
            name="publish_report",
            tags=["report"],
        ),
        Node(
            seal_report,
            inputs=[REPORT, "reports.evaluation_card"],
            outputs="audit.evidence",
            name="record_report",
            tags=["audit"],
        ),
        Node(
            bind(nodes.draw_plots, use_case=use_case),
            inputs=[REPORT, EXPLANATION],
            outputs=["reports.evaluation_calibration", "reports.evaluation_shap"],
            name="draw_plots",
            tags=["report"],
        ),
    ]
