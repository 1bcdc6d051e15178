"""Wiring of the parts of monitoring that measure: performance and its estimates, requests, and software."""

from kedro.pipeline import Node

from boathouse.pipelines.binding import bind
from boathouse.pipelines.monitoring import estimate_nodes
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


def estimate_part(use_case: UseCase) -> list[Node]:
    """Return what measures performance, estimates it before labels are known, and tells kinds of drift apart."""
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
