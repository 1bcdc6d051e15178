"""Steps of stream inference, made for a use case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.inference.models import ChampionCheck, RoleModel, choose_models, lacks_champion
from boathouse.inference.options import StreamOptions
from boathouse.inference.rows import plan_requests, request_newest
from boathouse.inference.stream import StreamPlan
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.vacancy import NoChampion
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.problem.scored_tables import KINDS, SOURCE_BATCH
from boathouse.problem.spec import UseCase


def post_requests(rows: DataFrame, as_of: str | None, options: StreamOptions, *, use_case: UseCase) -> DataFrame:
    """Return a request for each row of the newest cohort if the options say so, as a worked example; else none."""
    from boathouse.tables.scope import resolve_as_of

    known = resolve_as_of(as_of, rows, known_column=use_case.known_column)
    requests = request_newest(rows, use_case, known)
    return requests if options.post_newest else requests.limit(0)


def read_clock() -> datetime:
    """Return the current time in UTC, for what approvals are worth now."""
    return datetime.now(UTC)


def select_champion(
    champion: LoadedModel | NoModel,
    aliases: dict[str, str],
    environment: str,
    *,
    state: ModelState,
    governance: GovernanceOptions,
    now: datetime,
    strict: bool,
) -> RoleModel | NoChampion:
    """Return the current champion, which scores until the stream ends.

    Raises:
        ModelError: If the run is strict and there is none.
    """
    if lacks_champion(champion, aliases):
        return ChampionCheck(state=state, governance=governance, now=now, strict=strict).explain()
    chosen = choose_models(champion, None, aliases, version=None, with_challenger=False, environment=environment)
    return chosen[0]


def plan_stream(
    requests: DataFrame,  # noqa: ARG001 - orders the nodes
    champion: RoleModel,
    options: StreamOptions,
    *tables: DataFrame,  # noqa: ARG001 - each batch reads the newest version
    use_case: UseCase,
) -> StreamPlan:
    """Return the plan for each batch: check, join features, score, stamp, as batch inference does."""
    return plan_requests(champion, use_case, options)


def summarise_stream(
    champion: RoleModel,  # noqa: ARG001 - without one nothing is summarised
    answers: DataFrame,
    progress: DataFrame,
    dead_letters: DataFrame,
) -> dict[str, Any]:
    """Return counts of answers and dead letters of all streams of the environment, and their last backlog."""
    last = progress.orderBy(F.col("processed_at").desc(), F.col(SOURCE_BATCH).desc()).limit(1).collect()
    kinds = {row["kind"]: int(row["count"]) for row in dead_letters.groupBy("kind").count().collect()}
    backlog = last[0]["backlog_batches"] if last else None
    return {
        "answered": answers.count(),
        "dead_letters": {kind: kinds.get(kind, 0) for kind in KINDS},
        "newest_batch": last[0][SOURCE_BATCH] if last else None,
        "backlog_batches": backlog,
    }
