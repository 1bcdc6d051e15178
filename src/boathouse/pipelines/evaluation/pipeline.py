"""Wiring of evaluation: candidate, champion and baseline in, report, card and plots out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.evaluation import nodes

ROWS, EXPLANATION, REPORT = "evaluation.rows", "evaluation.explanation", "evaluation.report"
CASES, BEHAVIOUR, LEAKAGE = "evaluation.cases", "evaluation.behaviour", "evaluation.leakage"


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``evaluation``."""
    return Pipeline(
        [*_test_nodes(), *_measure_nodes(), *_publish_nodes()],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )


def _test_nodes() -> list[Node]:
    return [
        Node(
            nodes.build_behaviour_cases,
            inputs=["clean.customers", "clean.statements", ROWS, "params:evaluation.behaviour"],
            outputs=CASES,
            name="build_behaviour_cases",
            tags=["behaviour"],
        ),
        Node(
            nodes.test_behaviour,
            inputs=["models.candidate", CASES, "params:evaluation.behaviour"],
            outputs=BEHAVIOUR,
            name="test_behaviour",
            tags=["behaviour"],
        ),
        Node(
            nodes.look_for_leakage,
            inputs=["model_input.training_set@pandas", "models.candidate", "params:training.leakage"],
            outputs=LEAKAGE,
            name="look_for_leakage",
            tags=["leakage"],
        ),
    ]


def _measure_nodes() -> list[Node]:
    return [
        Node(
            nodes.take_test_rows,
            inputs={
                "training_set": "model_input.training_set@pandas",
                "groups": "model_input.groups@pandas",
                "options": "params:evaluation.fairness",
                "split": "params:training.split",
            },
            outputs=ROWS,
            name="take_test_rows",
        ),
        Node(
            nodes.explain_candidate,
            inputs=["models.candidate", ROWS, "params:evaluation.explanation"],
            outputs=EXPLANATION,
            name="explain_candidate",
            tags=["explain"],
        ),
        Node(
            nodes.evaluate_candidate,
            inputs={
                "candidate": "models.candidate",
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
            },
            outputs=REPORT,
            name="evaluate_candidate",
            tags=["measure"],
        ),
    ]


def _publish_nodes() -> list[Node]:
    return [
        Node(
            nodes.publish_report,
            inputs=[REPORT, "model_input.groups@spark", "params:evaluation.comparison"],
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
            nodes.draw_plots,
            inputs=[REPORT, EXPLANATION],
            outputs=["reports.evaluation_calibration", "reports.evaluation_shap"],
            name="draw_plots",
            tags=["report"],
        ),
    ]
