"""Steps of monitoring from measures to alerts: judged by rules, recorded as events, told, and retraining proposed."""

from __future__ import annotations

import logging
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.inference.batch import hold_rows
from boathouse.lifecycle.chain import AuditEvent, AuditRecord
from boathouse.monitoring.alert_rules import AlertOptions
from boathouse.monitoring.alert_state import RunContext, find_newest, plan_events, project_alerts
from boathouse.monitoring.alert_table import alert_state_rows, list_for_report, render_prometheus
from boathouse.monitoring.alerts import Alert, Findings
from boathouse.monitoring.diagnosis import diagnose
from boathouse.monitoring.judging import Finding, find_unmatched, judge
from boathouse.monitoring.measures import MEASURES, Measure, measure_rows
from boathouse.monitoring.options import PlaceOptions
from boathouse.monitoring.retraining import (
    Known,
    RetrainingOptions,
    decide_retraining,
    find_hindrances,
    find_reasons,
    propose,
)
from boathouse.monitoring.tables import ALERTS
from boathouse.monitoring.windows import ScoredWindow, Window

_log = logging.getLogger(__name__)
# What a run does is recorded under this name; what a person does, under theirs.
ACTOR = "boathouse"


def gather_measures(drift: list[Measure], performance: list[Measure], service: list[Measure]) -> list[Measure]:
    """Return every measure of this run."""
    return [*drift, *performance, *service]


def tabulate_measures(measures: list[Measure], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.measures``; ``predictions`` only gives the Spark session."""
    return _to_frame(measure_rows(measures, as_of=as_of), MEASURES.ddl, predictions)


def judge_measures(
    measures: list[Measure], history: DataFrame | None, as_of: date, options: AlertOptions
) -> list[Finding]:
    """Return what the rules say of the measures, with those of earlier runs where a rule looks at several windows."""
    rules = options.built_rules
    unmatched = find_unmatched(rules, measures)
    if unmatched:
        _log.warning("Rules of monitoring.alerts.rules that match no measure of this run: %s.", ", ".join(unmatched))
    looking_back = [rule for rule in rules if rule.windows > 1]
    earlier = [] if history is None or not looking_back else _read_history(history, as_of)
    return judge(rules, measures, earlier)


def _read_history(history: DataFrame, as_of: date) -> list[Measure]:
    """Return the measures of earlier runs, the oldest first, so that of one window the newest run's counts."""
    rows = history.where(F.col("as_of") < F.lit(as_of)).collect()
    return [
        Measure(
            kind=row["kind"],
            metric=row["metric"],
            subject=row["subject"],
            window=Window(row["window_start"], row["window_end"]),
            value=row["value"],
            low=row["low"],
            high=row["high"],
            rows=row["rows"],
            scope=row["scope"],
            model_version=row["model_version"],
            status=row["status"],
        )
        for row in sorted(rows, key=lambda row: row["as_of"])
    ]


def plan_alert_events(
    judged: list[Finding], records: list[AuditRecord], as_of: date, now: datetime
) -> list[AuditEvent]:
    """Return the events that follow; none for an ``as_of`` older than what is on record, whose past stands."""
    newest = find_newest(records)
    if newest is not None and as_of < newest:
        _log.warning(
            "This run looks at %s, and alerts are on record up to %s: it changes no alert. The table monitoring.alerts "
            "gets them as they were then.",
            as_of,
            newest,
        )
        return []
    run = RunContext(as_of=as_of, now=now, actor=ACTOR)
    return plan_events(judged, project_alerts(records), diagnose(judged), run)


def tabulate_alerts(
    records: list[AuditRecord],
    judged: list[Finding],  # noqa: ARG001 - without it nothing was monitored
    as_of: date,
    *,
    now: datetime,
    place: PlaceOptions,
    predictions: DataFrame,
) -> tuple[DataFrame, list[Alert], str]:
    """Return the rows of ``monitoring.alerts``, the alerts for report and summary, and the file for Prometheus."""
    states = project_alerts(records, until=as_of)
    rows = alert_state_rows(states, as_of=as_of, now=now, environment=place.environment)
    return (
        _to_frame(rows, ALERTS.ddl, predictions),
        list_for_report(states, now=now, environment=place.environment),
        render_prometheus(states, now=now, environment=place.environment),
    )


def propose_retraining(
    records: list[AuditRecord],
    findings: Findings,
    window: ScoredWindow,
    *,
    as_of: date,
    now: datetime,
    options: RetrainingOptions,
) -> list[AuditEvent]:
    """Return the event that a retraining is proposed, if there is a reason and nothing in the way."""
    newest = find_newest(records)
    if newest is not None and as_of < newest:
        return []
    own = [cohort for cohort in findings.cohorts if cohort.model_version == window.model_version]
    known = Known(
        labels=sum(cohort.labelled for cohort in own),
        rows=sum(cohort.rows for cohort in own),
        since=min((cohort.cohort for cohort in own), default=None),
        version=window.model_version,
    )
    states = project_alerts(records)
    proposal = decide_retraining(states, records, known, options=options, as_of=as_of)
    if proposal is not None:
        return [propose(proposal, actor=ACTOR, now=now)]
    reasons, _ = find_reasons(states, known, options=options, as_of=as_of)
    if reasons and options.way != "off":
        in_the_way = find_hindrances(states, records, options=options, as_of=as_of)
        _log.warning("No retraining is proposed. Reasons: %s In the way: %s", " ".join(reasons), " ".join(in_the_way))
    return []


def tell_alerts(
    records: list[AuditRecord],  # noqa: ARG001 - what is told is on record before
    judged: list[Finding],  # noqa: ARG001 - without it nothing was monitored
    options: AlertOptions,
) -> AlertOptions:
    """Return who is told; the dataset sends what waits for them."""
    return options


def _to_frame(rows: list[tuple[object, ...]], schema: str, session_of: DataFrame) -> DataFrame:
    frame = session_of.sparkSession.createDataFrame(rows, schema)
    # Sail 0.7.2 replaces rows with arrays only if they come from an Arrow table.
    return hold_rows(frame)
