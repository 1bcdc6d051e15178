"""Steps of monitoring, made for a use case."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.errors import BoathouseError
from boathouse.inference.batch import hold_rows
from boathouse.inference.models import ChampionCheck
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.vacancy import NoChampion
from boathouse.monitoring.alerts import Findings
from boathouse.monitoring.drift import ColumnDrift
from boathouse.monitoring.drift_table import Row
from boathouse.monitoring.effects import ENTITY
from boathouse.monitoring.options import DriftOptions, PerformanceOptions, PlaceOptions
from boathouse.monitoring.performance import (
    CohortPerformance,
    LabelRate,
    ScoredCohort,
    compare_labels,
    count_labels,
    measure_cohort,
)
from boathouse.monitoring.reference import (
    Baseline,
)
from boathouse.monitoring.tables import PERFORMANCE, performance_rows
from boathouse.monitoring.windows import (
    ScoredWindow,
    champion_rows,
    find_window,
    join_labels,
    split_cohorts,
)
from boathouse.problem.spec import UseCase

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)


def resolve_date(rows: DataFrame, as_of: str | None, *, use_case: UseCase) -> date:
    """Return the as-of date: cutoff of the data visible to the run."""
    from boathouse.tables.scope import resolve_as_of

    return resolve_as_of(as_of, rows, known_column=use_case.known_column)


def read_clock() -> datetime:
    """Return the current time in UTC, for what approvals are worth now."""
    return datetime.now(UTC)


def find_scored(
    predictions: DataFrame | None,
    as_of: date,
    place: PlaceOptions,
    *,
    state: ModelState,
    governance: GovernanceOptions,
    now: datetime,
    strict: bool,
    use_case: UseCase,
) -> ScoredWindow | NoChampion:
    """Return the newest cohort scored up to ``as_of`` and the version that scored it.

    Where no champion has scored anything yet, that is returned instead, and nothing is monitored.

    Raises:
        BoathouseError: If there is a champion and it has scored nothing.
        ModelError: If the run is strict, and there is neither.
    """
    if predictions is None and state.champion is None:
        return ChampionCheck(state=state, governance=governance, now=now, strict=strict).explain()
    if predictions is None:
        raise BoathouseError(
            f"There are no predictions in environment '{place.environment}'. "
            f"Make them with: kedro run --pipeline batch_inference --env {place.environment}"
        )
    return find_window(champion_rows(predictions), as_of, time=use_case.time_column, environment=place.environment)


def gather_cohorts(
    predictions: DataFrame,
    labels: DataFrame,
    as_of: date,
    window: ScoredWindow,  # noqa: ARG001 - without one there are no predictions
    *,
    use_case: UseCase,
) -> list[ScoredCohort]:
    """Return every cohort scored up to ``as_of``, with the labels known by then."""
    time, label = use_case.time_column, use_case.label
    scored = champion_rows(predictions).where(F.col(time) <= F.lit(as_of))
    named = labels.withColumnRenamed(label.name, "label")
    joined = join_labels(scored, named, as_of, keys=use_case.identity)
    answer = [column.name for column in use_case.task.outputs.columns]
    entity = F.xxhash64(*use_case.keys).alias(ENTITY)
    table = joined.select(*use_case.identity, "model_version", *answer, "label", entity).toArrow()
    return split_cohorts(table, keys=use_case.keys, time=time, known_on=label.known_on, task=use_case.task)


def rate_labels(labels: DataFrame, as_of: date, *, use_case: UseCase) -> list[LabelRate]:
    """Return the label rate of each cohort whose labels are known."""
    return count_labels(labels, as_of, time=use_case.time_column, label=use_case.label.name)


def measure_cohorts(
    cohorts: list[ScoredCohort], options: PerformanceOptions, *, use_case: UseCase
) -> list[CohortPerformance]:
    """Return the figures of each scored cohort."""
    task, adverse = use_case.task, use_case.label.adverse
    return [measure_cohort(cohort, options, task=task, adverse=adverse) for cohort in cohorts]


def gather_findings(
    features: list[ColumnDrift],
    scores: list[ColumnDrift],
    rates: list[LabelRate],
    *,
    cohorts: list[CohortPerformance],
    baseline: Baseline,
    options: DriftOptions,
    use_case: UseCase,
) -> Findings:
    """Return all findings in one."""
    labels = compare_labels(rates, label=use_case.label.name, options=options, task=use_case.task)
    return Findings(features=features, scores=scores, labels=labels, rates=rates, cohorts=cohorts, baseline=baseline)


def tabulate_performance(cohorts: list[CohortPerformance], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.performance``."""
    return _to_frame(performance_rows(cohorts, as_of=as_of), PERFORMANCE.ddl, predictions)


def _to_frame(rows: Sequence[Row], schema: str, session_of: DataFrame) -> DataFrame:
    frame = session_of.sparkSession.createDataFrame(list(rows), schema)
    # Sail 0.7.2 replaces rows with arrays only if they come from an Arrow table.
    return hold_rows(frame)
