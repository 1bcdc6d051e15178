"""Wiring of the parts of monitoring that measure: performance and its estimates, requests, and software."""

from kedro.pipeline import Node

from boathouse.pipelines.binding import bind
from boathouse.pipelines.monitoring import estimate_nodes, request_nodes
from boathouse.pipelines.run_catalog import champion_node
from boathouse.problem.spec import UseCase

DRIFT = "params:monitoring.drift"
PERFORMANCE = "params:monitoring.performance"
ESTIMATION = {"options": "params:monitoring.estimation", "costs": "params:training.costs"}
VALUE = "params:monitoring.value"
BASELINE = "params:training.baseline"
FAIRNESS = "params:evaluation.fairness"
# The frame whose engine session makes tables of results that were computed on the driver.
SESSION = "inference.predictions"
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


def estimate_part(use_case: UseCase) -> list[Node]:
    """Return what measures performance, estimates it before labels are known, and separates kinds of drift."""
    return [*_row_nodes(use_case), *_expect_nodes(use_case), *_measure_nodes(use_case)]


def _row_nodes(use_case: UseCase) -> list[Node]:
    groups = {"groups": "model_input.groups@spark"} if use_case.groups else {}
    rows = {
        "predictions": "inference.predictions",
        "labels": "model_input.labels",
        "features": "inference.features",
        "window": "monitoring.window",
        "as_of": "monitoring.as_of",
        "versions": "models.versions",
        "drift": DRIFT,
        "value": VALUE,
        "baseline": BASELINE,
        "fairness": FAIRNESS,
    }
    return [
        champion_node(
            bind(estimate_nodes.gather_rows, use_case=use_case),
            inputs=rows | ESTIMATION | groups,
            outputs="monitoring.cohort_rows",
            name="gather_rows",
        ),
        champion_node(
            bind(estimate_nodes.take_trained, use_case=use_case),
            inputs={
                "window": "monitoring.window",
                "versions": "models.versions",
                "tables": "monitoring.past_versions",
                "drift": DRIFT,
                "baseline": BASELINE,
            },
            outputs="monitoring.trained_rows",
            name="take_trained",
        ),
    ]


def _expect_nodes(use_case: UseCase) -> list[Node]:
    return [
        champion_node(
            bind(estimate_nodes.estimate_cohorts, use_case=use_case),
            inputs={
                "rows": "monitoring.cohort_rows",
                "scored": "monitoring.scored_cohorts",
                "trained": "monitoring.trained_rows",
                "before": "monitoring.estimates_before",
                "as_of": "monitoring.as_of",
                **ESTIMATION,
            },
            outputs="monitoring.cohort_estimates",
            name="estimate_cohorts",
        ),
        champion_node(
            estimate_nodes.tabulate_estimates,
            inputs=["monitoring.cohort_estimates", "monitoring.as_of", SESSION],
            outputs="monitoring.estimates",
            name="tabulate_estimates",
        ),
    ]


def _measure_nodes(use_case: UseCase) -> list[Node]:
    shared = {"rows": "monitoring.cohort_rows", "window": "monitoring.window", "as_of": "monitoring.as_of"}
    shared |= ESTIMATION
    return [
        champion_node(
            bind(estimate_nodes.measure_performance, use_case=use_case),
            inputs=shared
            | {
                "estimates": "monitoring.cohort_estimates",
                "trained": "monitoring.trained_rows",
                "performance": PERFORMANCE,
                "baseline": BASELINE,
            },
            outputs="monitoring.performance_figures",
            name="measure_performance",
        ),
        champion_node(
            bind(estimate_nodes.measure_concept, use_case=use_case),
            inputs=shared | {"trained": "monitoring.trained_rows"},
            outputs="monitoring.concept_figures",
            name="measure_concept",
        ),
        champion_node(
            bind(estimate_nodes.measure_value, use_case=use_case),
            inputs=shared | {"value": VALUE, "performance": PERFORMANCE, "fairness": FAIRNESS},
            outputs="monitoring.value_figures",
            name="measure_value",
        ),
        champion_node(
            estimate_nodes.gather_performance,
            inputs=[f"monitoring.{each}_figures" for each in ("performance", "concept", "value")],
            outputs="monitoring.performance_measures",
            name="gather_performance",
        ),
    ]


def service_part(use_case: UseCase) -> list[Node]:
    """Return what measures every way of scoring, and the software that scores."""
    return [*_request_nodes(use_case), *_service_nodes(use_case)]


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
