"""Wiring of monitoring: predictions and labels in, metrics, alerts and a report out."""

from kedro.pipeline import Node, Pipeline

from boathouse.monitoring.history import HISTORY_TABLES
from boathouse.pipelines.binding import bind
from boathouse.pipelines.monitoring import alert_nodes, drift_nodes, estimate_nodes, nodes, reporting
from boathouse.pipelines.monitoring.parts import DRIFT, PERFORMANCE, SESSION, VALUE, estimate_part, service_part
from boathouse.pipelines.run_catalog import champion_node
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE

PLACE = "params:monitoring.place"
ALERTS = "params:monitoring.alerts"
# Who is champion, or why there is none; loaded when predictions are there, so in a whole run after promotion.
LEDGER = {"state": "models.state", "governance": "params:governance", "now": "monitoring.now"}
SCORED = {
    "predictions": "inference.predictions",
    "as_of": "monitoring.as_of",
    "place": PLACE,
    "strict": "params:strict",
}


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``monitoring``."""
    return Pipeline(
        [
            *_window_nodes(use_case),
            *_compare_nodes(use_case),
            *_drift_nodes(use_case),
            *_drift_table_nodes(use_case),
            *estimate_part(use_case),
            *service_part(use_case),
            *_alert_nodes(),
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
            outputs="monitoring.scored_window",
            name="find_scored",
        ),
        champion_node(
            bind(estimate_nodes.check_kpis, use_case=use_case),
            inputs=[
                "monitoring.scored_window",
                "inference.predictions",
                "model_input.labels",
                VALUE,
                "params:training.costs",
            ],
            outputs="monitoring.window",
            name="check_kpis",
        ),
    ]


def _compare_nodes(use_case: UseCase) -> list[Node]:
    return [
        champion_node(
            bind(nodes.gather_cohorts, use_case=use_case),
            inputs=["inference.predictions", "model_input.labels", "monitoring.as_of", "monitoring.window"],
            outputs="monitoring.scored_cohorts",
            name="gather_cohorts",
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
            nodes.tabulate_performance,
            inputs=["monitoring.cohorts", "monitoring.as_of", SESSION],
            outputs="monitoring.performance",
            name="tabulate_performance",
        ),
    ]


def _drift_nodes(use_case: UseCase) -> list[Node]:
    return [
        champion_node(
            bind(drift_nodes.read_compared, use_case=use_case),
            inputs={
                "features": "inference.features",
                "window": "monitoring.window",
                "versions": "models.versions",
                "tables": "monitoring.past_versions",
                "options": DRIFT,
            },
            outputs=["monitoring.compared", "monitoring.baseline"],
            name="read_compared",
        ),
        champion_node(
            drift_nodes.compare_features,
            inputs=["monitoring.compared", DRIFT],
            outputs=["monitoring.feature_drifts", "monitoring.slice_drifts"],
            name="compare_features",
        ),
        champion_node(
            drift_nodes.compare_scores,
            inputs=["monitoring.scored_cohorts", "monitoring.window", DRIFT],
            outputs="monitoring.score_drifts",
            name="compare_scores",
        ),
        champion_node(
            drift_nodes.describe_whole,
            inputs="monitoring.compared",
            outputs="monitoring.table_figures",
            name="describe_whole",
        ),
    ]


def _drift_table_nodes(use_case: UseCase) -> list[Node]:
    found = {"findings": "monitoring.findings", "sliced": "monitoring.slice_drifts", "window": "monitoring.window"}
    tabulated = found | {"as_of": "monitoring.as_of", "predictions": SESSION}
    return [
        champion_node(
            bind(drift_nodes.measure_drift, use_case=use_case),
            inputs=found | {"figures": "monitoring.table_figures"},
            outputs="monitoring.drift_measures",
            name="measure_drift",
        ),
        champion_node(
            bind(drift_nodes.tabulate_drift, use_case=use_case),
            inputs=tabulated,
            outputs="monitoring.drift_metrics",
            name="tabulate_drift",
        ),
        champion_node(
            bind(drift_nodes.tabulate_profiles, use_case=use_case),
            inputs=tabulated,
            outputs="monitoring.profile_metrics",
            name="tabulate_profiles",
        ),
    ]


def _alert_nodes() -> list[Node]:
    return [
        champion_node(
            alert_nodes.gather_measures,
            inputs=[f"monitoring.{each}_measures" for each in ("drift", "performance", "service")],
            outputs="monitoring.current_measures",
            name="gather_measures",
        ),
        champion_node(
            alert_nodes.tabulate_measures,
            inputs=["monitoring.current_measures", "monitoring.as_of", SESSION],
            outputs="monitoring.measures",
            name="tabulate_measures",
        ),
        champion_node(
            alert_nodes.judge_measures,
            inputs=["monitoring.current_measures", "monitoring.past_measures", "monitoring.as_of", ALERTS],
            outputs="monitoring.judged",
            name="judge_measures",
        ),
        champion_node(
            alert_nodes.plan_alert_events,
            inputs=["monitoring.judged", "monitoring.earlier_events", "monitoring.as_of", "monitoring.now"],
            outputs="monitoring.alert_events",
            name="record_alerts",
        ),
        *_told_nodes(),
    ]


def _told_nodes() -> list[Node]:
    """What follows from the events: the table, a proposed retraining, and messages."""
    return [
        champion_node(
            alert_nodes.tabulate_alerts,
            inputs={
                "records": "monitoring.alert_events",
                "judged": "monitoring.judged",
                "as_of": "monitoring.as_of",
                "now": "monitoring.now",
                "place": PLACE,
                "predictions": SESSION,
            },
            outputs=["monitoring.alerts", "monitoring.raised", "reports.monitoring_alerts"],
            name="tabulate_alerts",
        ),
        champion_node(
            alert_nodes.propose_retraining,
            inputs={
                "records": "monitoring.alert_events",
                "findings": "monitoring.findings",
                "window": "monitoring.window",
                "as_of": "monitoring.as_of",
                "now": "monitoring.now",
                "options": "params:monitoring.retraining",
            },
            outputs="monitoring.retraining_events",
            name="decide_retraining",
        ),
        champion_node(
            alert_nodes.tell_alerts,
            inputs=["monitoring.retraining_events", "monitoring.judged", ALERTS],
            outputs="monitoring.messages",
            name="report_alerts",
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
        *_history_nodes(use_case),
        Node(
            bind(reporting.write_summary, use_case=use_case),
            inputs=shared
            | LEDGER
            | {"place": PLACE, "evaluation": "reports.evaluation", "promotion": "reports.promotion"},
            outputs="reports.summary",
            name="write_summary",
        ),
    ]


def _history_nodes(use_case: UseCase) -> list[Node]:
    """Return the way to the report: this run's rows, with those of earlier runs, on one page."""
    return [
        champion_node(
            bind(reporting.list_findings, use_case=use_case),
            inputs={
                "findings": "monitoring.findings",
                "sliced": "monitoring.slice_drifts",
                "measures": "monitoring.current_measures",
                "records": "monitoring.alert_events",
                "window": "monitoring.window",
                "as_of": "monitoring.as_of",
                "now": "monitoring.now",
                "place": PLACE,
            },
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
