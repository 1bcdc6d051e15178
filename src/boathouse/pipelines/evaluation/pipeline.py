"""Wiring of evaluation: candidate, champion and baseline in, report, card and plots out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.evaluation import nodes

ROWS, EXPLANATION, REPORT = "evaluation.rows", "evaluation.explanation", "evaluation.report"


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``evaluation``."""
    return Pipeline(
        [*_measure_nodes(), *_publish_nodes()], namespace="evaluation", prefix_datasets_with_namespace=False
    )


def _measure_nodes() -> list[Node]:
    return [
        Node(
            nodes.take_test_rows,
            inputs=["model_input.training_set@pandas", "model_input.groups@pandas", "params:evaluation.fairness"],
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
                "bootstrap": "params:evaluation.bootstrap",
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
            inputs=[REPORT, "model_input.groups@spark"],
            outputs=[
                "audit.evaluations",
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
