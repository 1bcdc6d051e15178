"""Wiring of monitoring: predictions and labels in, metrics, alerts and a report out."""

from kedro.pipeline import Node, Pipeline

from boathouse.monitoring.history import HISTORY_TABLES
from boathouse.pipelines.binding import bind
from boathouse.pipelines.monitoring import nodes, reporting
from boathouse.pipelines.run_catalog import champion_node
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE

DRIFT = "params:monitoring.drift"
PERFORMANCE = "params:monitoring.performance"
PLACE = "params:monitoring.place"
# Who is champion, or why there is none; loaded when predictions are there, so in a whole run after promotion.
LEDGER = {"state": "models.state", "governance": "params:governance", "now": "monitoring.now"}
SCORED = {
    "predictions": "inference.predictions",
    "as_of": "monitoring.as_of",
    "place": PLACE,
    "strict": "params:strict",
}
# The frame whose engine session makes tables of results that were computed on the driver.
SESSION = "inference.predictions"


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``monitoring``."""
    return Pipeline(
        [
            *_window_nodes(use_case),
            *_compare_nodes(use_case),
            *_judge_nodes(use_case),
            *_table_nodes(use_case),
            *_report_nodes(use_case),
        ],
        namespace="monitoring",
        prefix_datasets_with_namespace=False,
    )


def _window_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(
            bind(nodes.resolve_date, use_case=use_case),
            inputs=[use_case.spine_table, "params:as_of"],
            outputs="monitoring.as_of",
            name="resolve_date",
        ),
        Node(nodes.read_clock, inputs=None, outputs="monitoring.now", name="read_clock"),
        Node(
            bind(nodes.find_scored, use_case=use_case),
            inputs=SCORED | LEDGER,
            outputs="monitoring.window",
            name="find_scored",
        ),
    ]


def _compare_nodes(use_case: UseCase) -> list[Node]:
    return [
        champion_node(
            bind(nodes.compare_features, use_case=use_case),
            inputs={
                "features": "inference.features",
                "window": "monitoring.window",
                "versions": "models.versions",
                "tables": "monitoring.past_versions",
                "options": DRIFT,
            },
            outputs=["monitoring.feature_drifts", "monitoring.baseline"],
            name="compare_features",
        ),
        champion_node(
            bind(nodes.gather_cohorts, use_case=use_case),
            inputs=["inference.predictions", "model_input.labels", "monitoring.as_of", "monitoring.window"],
            outputs="monitoring.scored_cohorts",
            name="gather_cohorts",
        ),
        champion_node(
            nodes.compare_scores,
            inputs=["monitoring.scored_cohorts", "monitoring.window", DRIFT],
            outputs="monitoring.score_drifts",
            name="compare_scores",
        ),
        Node(
            bind(nodes.rate_labels, use_case=use_case),
            inputs=["model_input.labels", "monitoring.as_of"],
            outputs="monitoring.label_rates",
            name="rate_labels",
        ),
        champion_node(
            bind(nodes.measure_cohorts, use_case=use_case),
            inputs=["monitoring.scored_cohorts", PERFORMANCE],
            outputs="monitoring.cohorts",
            name="measure_cohorts",
        ),
    ]


def _judge_nodes(use_case: UseCase) -> list[Node]:
    return [
        champion_node(
            bind(nodes.gather_findings, use_case=use_case),
            inputs={
                "features": "monitoring.feature_drifts",
                "scores": "monitoring.score_drifts",
                "rates": "monitoring.label_rates",
                "cohorts": "monitoring.cohorts",
                "baseline": "monitoring.baseline",
                "options": DRIFT,
            },
            outputs="monitoring.findings",
            name="gather_findings",
        ),
        champion_node(
            bind(nodes.judge_findings, use_case=use_case),
            inputs=["monitoring.findings", DRIFT, PERFORMANCE],
            outputs="monitoring.raised",
            name="judge_findings",
        ),
    ]


def _table_nodes(use_case: UseCase) -> list[Node]:
    return [
        champion_node(
            bind(nodes.tabulate_drift, use_case=use_case),
            inputs=["monitoring.findings", "monitoring.window", "monitoring.as_of", SESSION],
            outputs="monitoring.drift_metrics",
            name="tabulate_drift",
        ),
        champion_node(
            nodes.tabulate_performance,
            inputs=["monitoring.cohorts", "monitoring.as_of", SESSION],
            outputs="monitoring.performance",
            name="tabulate_performance",
        ),
        champion_node(
            nodes.tabulate_alerts,
            inputs=["monitoring.raised", "monitoring.as_of", SESSION],
            outputs="monitoring.alerts",
            name="tabulate_alerts",
        ),
    ]


def _report_nodes(use_case: UseCase) -> list[Node]:
    shared = {
        "findings": "monitoring.findings",
        "alerts": "monitoring.raised",
        "window": "monitoring.window",
        "as_of": "monitoring.as_of",
    }
    return [
        champion_node(
            bind(reporting.draw_plots, use_case=use_case),
            inputs=["monitoring.feature_drifts", "monitoring.scored_cohorts", "monitoring.cohorts", DRIFT],
            outputs=["reports.monitoring_drift", "reports.monitoring_scores", "reports.monitoring_performance"],
            name="draw_plots",
        ),
        *_history_nodes(use_case, shared),
        Node(
            bind(reporting.write_summary, use_case=use_case),
            inputs=shared
            | LEDGER
            | {"place": PLACE, "evaluation": "reports.evaluation", "promotion": "reports.promotion"},
            outputs="reports.summary",
            name="write_summary",
        ),
    ]


def _history_nodes(use_case: UseCase, shared: dict[str, str]) -> list[Node]:
    """Return the way to the report: this run's rows, with those of earlier runs, on one page."""
    return [
        champion_node(
            bind(reporting.list_findings, use_case=use_case),
            inputs=shared,
            outputs="monitoring.found",
            name="list_findings",
        ),
        champion_node(
            bind(reporting.gather_history, use_case=use_case),
            inputs={
                "found": "monitoring.found",
                "findings": "monitoring.findings",
                "window": "monitoring.window",
                "as_of": "monitoring.as_of",
                **{name: f"monitoring.past_{name}" for name in HISTORY_TABLES},
                "place": PLACE,
                "state": "models.state",
            },
            outputs="monitoring.history",
            name="gather_history",
        ),
        champion_node(
            bind(reporting.write_report, use_case=use_case),
            inputs={"history": "monitoring.history"},
            outputs="reports.monitoring",
            name="write_report",
        ),
    ]
