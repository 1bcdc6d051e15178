"""What endpoints answered: figures of predictions, shadows beside answers, and labels joined by the hashed key."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import functions as F

from boathouse.monitoring.measures import Measure
from boathouse.monitoring.performance import measure_cohort
from boathouse.monitoring.requests import ANSWER, SHADOW
from boathouse.monitoring.sources import Answers, Pairs, describe_answers, describe_pairs
from boathouse.monitoring.windows import split_cohorts, thin_rows, window_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from boathouse.modelling.task import Task
    from boathouse.monitoring.options import PerformanceOptions
    from boathouse.monitoring.performance import CohortPerformance, ScoredCohort
    from boathouse.monitoring.requests import KeyNaming
    from boathouse.monitoring.service_options import ServiceOptions
    from boathouse.monitoring.sources import AnswerColumns
    from boathouse.monitoring.windows import Period

Row = dict[str, Any]
SHADOW_SCOPE = "mode=shadow"
_READ = (
    *("request_id", "row_number", "mode", "endpoint", "served_entity", "model_version", "request_date"),
    *("request_time", "status_code", "latency_ms", "sampling_fraction", "key", "features_at", "score", "answer"),
    "error",
)


def collect_requests(requests: DataFrame | None, until: datetime, options: ServiceOptions) -> list[Row]:
    """Return the rows of the newest days of ``monitoring.requests``; none without a table.

    Days are counted back from the newest that is not after ``until``: a request whose clock was ahead waits until its
    time has come, and hides no other. More rows than the options allow are thinned by a hash of the request, and their
    ``sampling_fraction`` says so.

    Args:
        requests: The table, or None.
        until: Now; aware.
        options: Days and rows.
    """
    if requests is None:
        return []
    past = requests.where(F.col("request_time") <= F.lit(until))
    newest = past.agg(F.max("request_date").alias("day")).collect()[0]["day"]
    if newest is None:
        return []
    recent = past.where(F.col("request_date") > F.lit(newest - timedelta(days=options.window_days))).select(*_READ)
    total = recent.count()
    kept = thin_rows(recent, options.max_rows, keys=["request_id"], rows=total)
    share = min(1.0, options.max_rows / total) if total else 1.0
    found: list[Row] = kept.toArrow().to_pylist()
    for row in found:
        row["sampling_fraction"] *= share
    return found


def date_of(row: Mapping[str, Any]) -> date:
    """Return the day by which a request is put into a cohort: that of its features, else the day on which it came."""
    moment = row["features_at"]
    day: date = row["request_date"] if moment is None else moment.date()
    return day


def measure_answers(
    rows: Iterable[Row], as_of: date, *, main: str, period: Period, options: ServiceOptions
) -> list[Measure]:
    """Return rows, mean answer and share of failed rows of each endpoint, cohort, version, and mode.

    Failed is a row without an answer for whatever reason: refused, not readable, an error of the server.

    Args:
        rows: Of ``monitoring.requests``.
        as_of: Cutoff: of features that were observed later nothing is said.
        main: Column of the answer that is watched.
        period: Time between two cohorts.
        options: Cohorts and confidence.
    """
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in _visible(rows, as_of):
        if row["mode"] in (ANSWER, SHADOW):
            window = window_of(date_of(row), period)
            groups[row["endpoint"], row["mode"], window.start, window, row["model_version"]].append(row)
    starts = sorted({key[2] for key in groups})[-options.cohorts :]
    measures = []
    for endpoint, mode, start, window, version in sorted(groups, key=str):
        if start not in starts:
            continue
        members = groups[endpoint, mode, start, window, version]
        scores = np.array([row["score"] for row in members if row["score"] is not None], dtype=np.float64)
        failed = sum(row["error"] is not None for row in members)
        answers = Answers(
            rows=len(members) - failed,
            failed=failed,
            mean=float(scores.mean()) if len(scores) else None,
            deviation=float(scores.std(ddof=1)) if len(scores) > 1 else None,
        )
        of = Measure(
            kind="prediction",
            metric="",
            subject=name_endpoint(endpoint),
            window=window,
            value=None,
            scope="all" if mode == ANSWER else SHADOW_SCOPE,
            model_version=version,
        )
        measures += describe_answers(answers, of, main=main, confidence=options.confidence)
    return measures


def name_endpoint(endpoint: str) -> str:
    """Return the subject of measures about an endpoint."""
    return f"endpoint:{endpoint or 'unknown'}"


def _visible(rows: Iterable[Row], as_of: date) -> Iterator[Row]:
    """Give the rows but those whose features were observed after the cutoff.

    A request without features is dated by the clock of the endpoint, which is no time of the data: it is visible.
    """
    return (row for row in rows if row["features_at"] is None or row["features_at"].date() <= as_of)


def compare_shadows(
    rows: Iterable[Row], as_of: date, *, columns: AnswerColumns, options: ServiceOptions
) -> list[Measure]:
    """Return each shadow against what was answered, on the same rows of the same requests."""
    answered: dict[tuple[str, int], Row] = {}
    shadows: list[Row] = []
    for row in _visible(rows, as_of):
        if row["score"] is None:
            continue
        if row["mode"] == ANSWER:
            answered[row["request_id"], row["row_number"]] = row
        elif row["mode"] == SHADOW:
            shadows.append(row)
    groups: dict[tuple[Any, ...], list[tuple[Row, Row]]] = defaultdict(list)
    for row in shadows:
        first = answered.get((row["request_id"], row["row_number"]))
        if first is not None:
            window = window_of(date_of(first), columns.period)
            key = (row["endpoint"], window.start, window, row["model_version"], first["model_version"])
            groups[key].append((first, row))
    measures = []
    for endpoint, start, window, version, champion in sorted(groups, key=str):
        pairs = groups[endpoint, start, window, version, champion]
        of = Measure(
            kind="prediction",
            metric="",
            subject=name_endpoint(endpoint),
            window=window,
            value=None,
            scope=SHADOW_SCOPE,
            model_version=version,
            compared_with=f"champion version {champion}",
            rows=len(pairs),
        )
        measures += describe_pairs(_describe_pairs(pairs, columns.decision), of, confidence=options.confidence)
    return measures


def _describe_pairs(pairs: Sequence[tuple[Row, Row]], decision: str | None) -> Pairs:
    differences = np.array([second["score"] - first["score"] for first, second in pairs], dtype=np.float64)
    differing = None
    if decision is not None:
        differing = sum(
            _read_answer(first).get(decision) != _read_answer(second).get(decision) for first, second in pairs
        )
    deviation = float(differences.std(ddof=1)) if len(pairs) > 1 else None
    return Pairs(len(pairs), float(differences.mean()), deviation, differing)


def _read_answer(row: Mapping[str, Any]) -> Mapping[str, Any]:
    answer = json.loads(row["answer"] or "{}")
    return answer if isinstance(answer, dict) else {}


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """How labels are joined to requests.

    Attributes:
        keys: Key columns of the entity.
        time: Column that dates a row.
        label: Column of the label.
        known_on: From the date of a cohort to the day on which its labels are known.
        task: What the model answers.
        adverse: Value of the label that is bad for the entity.
    """

    keys: Sequence[str]
    time: str
    label: str
    known_on: Callable[[date], date]
    task: Task
    adverse: int


def join_request_labels(
    rows: Iterable[Row], labels: DataFrame, as_of: date, *, naming: KeyNaming, columns: LabelColumns
) -> dict[tuple[str, str], list[ScoredCohort]]:
    """Return the cohorts that each endpoint answered, by endpoint and mode, with the labels known by ``as_of``.

    A label belongs to a request that looked up the features of its date, for the entity whose key has its hash. Of
    several requests about the same entity, date and version the last counts: rows of one entity say the same. Requests
    that brought all of their features have no date, and a label may have no request: neither is joined.

    Args:
        rows: Of ``monitoring.requests``.
        labels: Keys, time, label and ``label_known_on``.
        as_of: What is known.
        naming: How the log names a key.
        columns: How labels are joined.
    """
    wanted = [row for row in _visible(rows, as_of) if row["key"] and row["features_at"] and row["score"] is not None]
    wanted = [row for row in wanted if row["mode"] in (ANSWER, SHADOW)]
    if not wanted or naming.salt is None:
        return {}
    known = _hash_labels(labels, {date_of(row) for row in wanted}, as_of, naming=naming, columns=columns)
    newest: dict[tuple[Any, ...], Row] = {}
    for row in sorted(wanted, key=lambda each: (each["request_time"], each["request_id"], each["row_number"])):
        newest[row["endpoint"], row["mode"], row["key"], date_of(row), row["model_version"]] = row
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in newest.values():
        groups[row["endpoint"], row["mode"]].append(row)
    return {
        group: split_cohorts(
            _tabulate(members, known, columns), keys=["key"], time="time", known_on=columns.known_on, task=columns.task
        )
        for group, members in groups.items()
    }


def _hash_labels(
    labels: DataFrame, days: set[date], as_of: date, *, naming: KeyNaming, columns: LabelColumns
) -> dict[tuple[str, date], float]:
    """Return the labels known by ``as_of`` of some days, by hash of the key and day."""
    time = F.col(columns.time)
    known = labels.where((F.col("label_known_on") <= F.lit(as_of)) & F.col(columns.label).isNotNull())
    near = known.where((time >= F.lit(min(days))) & (time <= F.lit(max(days))))
    found: dict[tuple[str, date], float] = {}
    hashes: dict[tuple[Any, ...], str | None] = {}
    for row in near.select(*columns.keys, columns.time, columns.label).toArrow().to_pylist():
        key = tuple(row[name] for name in columns.keys)
        if key not in hashes:
            hashes[key] = naming.of_key(key)
        name = hashes[key]
        if name is not None and row[columns.time] in days:
            found[name, row[columns.time]] = float(row[columns.label])
    return found


def _tabulate(rows: Sequence[Row], labels: Mapping[tuple[str, date], float], columns: LabelColumns) -> pa.Table:
    import pyarrow as pa

    names = [column.name for column in columns.task.outputs.columns]
    answers = [_read_answer(row) or {names[0]: row["score"]} for row in rows]
    table: dict[str, Any] = {
        "key": pa.array([row["key"] for row in rows], pa.string()),
        "time": pa.array([date_of(row) for row in rows], pa.date32()),
        "model_version": pa.array([row["model_version"] for row in rows], pa.string()),
        "label": pa.array([labels.get((row["key"], date_of(row))) for row in rows], pa.float64()),
    }
    for name in names:
        table[name] = pa.array([_to_number(answer.get(name)) for answer in answers], pa.float64())
    return pa.table(table)


def _to_number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def measure_labelled(
    cohorts: Mapping[tuple[str, str], Sequence[ScoredCohort]],
    options: PerformanceOptions,
    *,
    columns: LabelColumns,
    period: Period,
) -> list[Measure]:
    """Return the figures of what endpoints answered whose labels are known, with intervals; kind ``performance``."""
    measures: list[Measure] = []
    for (endpoint, mode), group in sorted(cohorts.items()):
        for cohort in group:
            figures = measure_cohort(cohort, options, task=columns.task, adverse=columns.adverse)
            scope = "all" if mode == ANSWER else SHADOW_SCOPE
            measures += _describe_cohort(figures, name_endpoint(endpoint), scope, columns.task, period)
    return measures


def _describe_cohort(
    cohort: CohortPerformance, subject: str, scope: str, task: Task, period: Period
) -> Iterator[Measure]:
    share = cohort.labelled / cohort.rows if cohort.rows else None
    for name in ("labelled_share", *(figure.name for figure in task.figures)):
        is_share = name == "labelled_share"
        value = share if is_share else cohort.figures.get(name)
        status = "measured" if is_share or cohort.status == "measured" else cohort.status
        yield Measure(
            kind="performance",
            metric=name,
            subject=subject,
            window=window_of(cohort.cohort, period),
            value=value,
            low=None if is_share else cohort.figures.get(f"{name}_low"),
            high=None if is_share else cohort.figures.get(f"{name}_high"),
            rows=cohort.rows if is_share else cohort.labelled,
            scope=scope,
            model_version=cohort.model_version,
            status="not_estimable" if status == "measured" and value is None else status,
        )
