"""Steps of stream inference, composed of core and use case."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.core.inference.roles import RoleModel, choose_models
from boathouse.core.inference.stream_contracts import KINDS, SOURCE_BATCH
from boathouse.core.inference.stream_options import StreamOptions
from boathouse.core.inference.stream_plan import StreamPlan
from boathouse.core.modelling import LoadedModel, NoModel
from boathouse.use_case.features import KNOWN_COLUMN
from boathouse.use_case.requests import plan_requests, request_statements


def post_requests(statements: DataFrame, as_of: str | None, options: StreamOptions) -> DataFrame:
    """Return a request for each statement of the newest cohort, as the worked example sends them; else none."""
    from boathouse.tables.scope import resolve_as_of

    known = resolve_as_of(as_of, statements, known_column=KNOWN_COLUMN)
    requests = request_statements(statements, known)
    return requests if options.post_statements else requests.limit(0)


def select_champion(champion: LoadedModel | NoModel, aliases: dict[str, str], environment: str) -> RoleModel:
    """Return who scores: the champion of now, until the stream ends."""
    chosen = choose_models(champion, None, aliases, version=None, with_challenger=False, environment=environment)
    return chosen[0]


def plan_stream(
    requests: DataFrame,  # noqa: ARG001 - only waited for
    champion: RoleModel,
    options: StreamOptions,
    *tables: DataFrame,  # noqa: ARG001 - read anew for each batch
) -> StreamPlan:
    """Return what the stream does with each batch: judge, join features, score, stamp, as batch inference does."""
    return plan_requests(champion, options)


def summarise_stream(answers: DataFrame, progress: DataFrame, dead_letters: DataFrame) -> dict[str, Any]:
    """Return what all streams of the environment have answered and put aside, and how far behind they were last."""
    last = progress.orderBy(F.col("processed_at").desc(), F.col(SOURCE_BATCH).desc()).limit(1).collect()
    kinds = {row["kind"]: int(row["count"]) for row in dead_letters.groupBy("kind").count().collect()}
    backlog = last[0]["backlog_batches"] if last else None
    return {
        "answered": answers.count(),
        "put_aside": {kind: kinds.get(kind, 0) for kind in KINDS},
        "newest_batch": last[0][SOURCE_BATCH] if last else None,
        "backlog_batches": backlog,
    }
