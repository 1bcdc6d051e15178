"""Steps of monitoring about every way of scoring: requests of endpoints, batch, stream, and how the software runs."""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.monitoring import request_measures, service, sources
from boathouse.monitoring.measures import Measure
from boathouse.monitoring.options import PerformanceOptions
from boathouse.monitoring.requests import KeyNaming, LogSalt
from boathouse.monitoring.run_usage import RunUsage
from boathouse.monitoring.service_options import ServiceLevels, ServiceOptions
from boathouse.problem.spec import UseCase

_log = logging.getLogger(__name__)
_DECISION = "decision"
Rows = list[dict[str, Any]]


def name_keys(salt: LogSalt, *, use_case: UseCase) -> KeyNaming:
    """Return how the inference log names the entity of a request."""
    entity = use_case.entity
    return KeyNaming(types=entity.typed_keys, hidden=frozenset(entity.personal_keys), salt=salt.value)


def read_requests(requests: DataFrame | None, now: datetime, options: ServiceOptions) -> Rows:
    """Return the rows of the newest days of ``monitoring.requests``; none without a table."""
    return request_measures.collect_requests(requests, now, options)


def measure_requests(rows: Rows, as_of: date, options: ServiceOptions, *, use_case: UseCase) -> list[Measure]:
    """Return what endpoints answered, and each shadow against what was answered."""
    columns = _answer_columns(use_case)
    answers = request_measures.measure_answers(rows, as_of, main=columns.main, period=columns.period, options=options)
    return answers + request_measures.compare_shadows(rows, as_of, columns=columns, options=options)


def measure_request_labels(
    rows: Rows,
    labels: DataFrame,
    as_of: date,
    *,
    salt: LogSalt,
    options: PerformanceOptions,
    use_case: UseCase,
) -> list[Measure]:
    """Return how well endpoints answered, as far as labels are known."""
    naming = name_keys(salt, use_case=use_case)
    if naming.salt is None and any(row["key"] for row in rows):
        _log.warning(
            "Labels are not joined to requests of endpoints: this machine does not have the salt of the inference "
            "log. Set BOATHOUSE_LOG_SALT, here and where the endpoint runs."
        )
    label = use_case.label
    columns = request_measures.LabelColumns(
        keys=use_case.keys,
        time=use_case.time_column,
        label=label.name,
        known_on=label.known_on,
        task=use_case.task,
        adverse=label.adverse,
    )
    cohorts = request_measures.join_request_labels(rows, labels, as_of, naming=naming, columns=columns)
    return request_measures.measure_labelled(cohorts, options, columns=columns, period=use_case.words.period)


def measure_batch(
    predictions: DataFrame | None,
    quarantine: DataFrame | None,
    as_of: date,
    options: ServiceOptions,
    *,
    use_case: UseCase,
) -> list[Measure]:
    """Return what batch runs answered, and each version against the champion on the same rows."""
    columns = _answer_columns(use_case)
    return sources.measure_batch(predictions, quarantine, as_of, columns=columns, options=options)


def measure_stream(
    answers: DataFrame | None,
    dead_letters: DataFrame | None,
    as_of: date,
    options: ServiceOptions,
    *,
    use_case: UseCase,
) -> list[Measure]:
    """Return what streams answered."""
    columns = _answer_columns(use_case)
    return sources.measure_stream(answers, dead_letters, as_of, columns=columns, options=options)


def measure_freshness(
    predictions: DataFrame | None,
    features: DataFrame | None,
    answers: DataFrame | None,
    rows: Rows,
    as_of: date,
    *,
    use_case: UseCase,
) -> list[Measure]:
    """Return how old the newest features and predictions are; a stream and endpoints where there are any."""
    time = use_case.time_column
    newest = {
        "feature_engineering": _find_newest(features, time),
        sources.BATCH: _find_newest(predictions, time),
    }
    if answers is not None:
        newest[sources.STREAM] = _find_newest(answers, time)
    for row in rows:
        if row["features_at"] is not None:
            name, day = request_measures.name_endpoint(row["endpoint"]), row["features_at"].date()
            newest[name] = max(day, newest.get(name) or day)
    return service.measure_freshness(newest, as_of)


def measure_service(
    rows: Rows,
    usages: list[RunUsage],
    predictions: DataFrame | None,
    as_of: date,
    *,
    now: datetime,
    options: ServiceOptions,
) -> list[Measure]:
    """Return latency, failures and throughput of endpoints, and what runs took."""
    runs = service.measure_runs(usages, sources.count_by_run(predictions) if usages else {}, as_of, options)
    return service.measure_endpoints(rows, now, options) + runs


def gather_service_measures(levels: ServiceLevels, as_of: date, *parts: list[Measure]) -> list[Measure]:
    """Return all measures of requests, other predictions and software, with whether the levels promised are kept."""
    measures = [measure for part in parts for measure in part]
    return measures + service.check_levels(measures, levels, as_of)


def report_levels(measures: list[Measure]) -> None:
    """Log each service level that is not kept."""
    for each in measures:
        if each.metric == service.LEVEL_MET and each.value == 0:
            _log.warning("Service level of %s is not kept: %s", each.subject, each.detail)


def _answer_columns(use_case: UseCase) -> sources.AnswerColumns:
    outputs = use_case.task.outputs
    return sources.AnswerColumns(
        identity=use_case.identity,
        time=use_case.time_column,
        main=outputs.main,
        decision=_DECISION if _DECISION in outputs.names else None,
        period=use_case.words.period,
    )


def _find_newest(frame: DataFrame | None, time: str) -> date | None:
    if frame is None:
        return None
    found: date | None = frame.agg(F.max(time).alias("newest")).collect()[0]["newest"]
    return found
