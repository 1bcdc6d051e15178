"""Wiring of monitoring: predictions and labels in, metrics, alerts and a report out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.binding import bind
from boathouse.pipelines.monitoring import nodes, reporting, request_nodes
from boathouse.pipelines.run_catalog import champion_node
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE

DRIFT = "params:monitoring.drift"
PERFORMANCE = "params:monitoring.performance"
PLACE = "params:monitoring.place"
SERVICE = "params:monitoring.service"
REQUESTS, SALT = "monitoring.recent_requests", "monitoring.log_salt"
# What becomes ``monitoring.service_measures``.
SERVICE_PARTS = [
    "monitoring.request_answers",
    "monitoring.request_performance",
    "monitoring.batch_answers",
    "monitoring.stream_answers",
    "monitoring.freshness",
    "monitoring.service_figures",
]
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
            *_request_nodes(use_case),
            *_service_nodes(use_case),
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
        "place": PLACE,
    }
    pictures = ["reports.monitoring_drift", "reports.monitoring_scores", "reports.monitoring_performance"]
    return [
        champion_node(
            bind(reporting.draw_plots, use_case=use_case),
            inputs=["monitoring.feature_drifts", "monitoring.scored_cohorts", "monitoring.cohorts", DRIFT],
            outputs=["monitoring.plots", *pictures],
            name="draw_plots",
        ),
        champion_node(
            bind(reporting.write_report, use_case=use_case),
            inputs=shared | {"plots": "monitoring.plots"},
            outputs="reports.monitoring",
            name="write_report",
        ),
        Node(
            bind(reporting.write_summary, use_case=use_case),
            inputs=shared | LEDGER | {"evaluation": "reports.evaluation", "promotion": "reports.promotion"},
            outputs="reports.summary",
            name="write_summary",
        ),
    ]


def _request_nodes(use_case: UseCase) -> list[Node]:
    steps, as_of, now = request_nodes, "monitoring.as_of", "monitoring.now"
    return [
        Node(
            bind(steps.name_keys, use_case=use_case), inputs=SALT, outputs="monitoring.requests", name="take_requests"
        ),
        Node(steps.read_requests, inputs=["monitoring.requests", now, SERVICE], outputs=REQUESTS, name="read_requests"),
        Node(
            bind(steps.measure_requests, use_case=use_case),
            inputs=[REQUESTS, as_of, SERVICE],
            outputs="monitoring.request_answers",
            name="measure_requests",
        ),
        Node(
            bind(steps.measure_request_labels, use_case=use_case),
            inputs={
                "rows": REQUESTS,
                "labels": "model_input.labels",
                "as_of": as_of,
                "salt": SALT,
                "options": PERFORMANCE,
            },
            outputs="monitoring.request_performance",
            name="measure_request_labels",
        ),
        Node(
            bind(steps.measure_batch, use_case=use_case),
            inputs=["inference.predictions", "inference.predictions_quarantine", as_of, SERVICE],
            outputs="monitoring.batch_answers",
            name="measure_batch",
        ),
        Node(
            bind(steps.measure_stream, use_case=use_case),
            inputs=["inference.stream_predictions", "inference.dead_letters", as_of, SERVICE],
            outputs="monitoring.stream_answers",
            name="measure_stream",
        ),
    ]


def _service_nodes(use_case: UseCase) -> list[Node]:
    steps, as_of = request_nodes, "monitoring.as_of"
    return [
        Node(
            bind(steps.measure_freshness, use_case=use_case),
            inputs=["inference.predictions", "inference.features", "inference.stream_predictions", REQUESTS, as_of],
            outputs="monitoring.freshness",
            name="measure_freshness",
        ),
        Node(
            steps.measure_service,
            inputs={
                "rows": REQUESTS,
                "usages": "monitoring.run_usage",
                "predictions": "inference.predictions",
                "as_of": as_of,
                "now": "monitoring.now",
                "options": SERVICE,
            },
            outputs="monitoring.service_figures",
            name="measure_service",
        ),
        Node(
            steps.gather_service_measures,
            inputs=["params:monitoring.service_levels", as_of, *SERVICE_PARTS],
            outputs="monitoring.service_measures",
            name="gather_service_measures",
        ),
        Node(steps.report_levels, inputs="monitoring.service_measures", outputs=None, name="report_levels"),
    ]
