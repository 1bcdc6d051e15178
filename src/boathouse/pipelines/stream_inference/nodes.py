"""Steps of stream inference, composed of core and use case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.core.inference.batch import SplitRows, Stamp, score_rows
from boathouse.core.inference.record import RunRecord
from boathouse.core.inference.roles import RoleModel, choose_models
from boathouse.core.inference.stream_contracts import EVENT_ID, EVENT_TIME, KINDS, SOURCE_BATCH
from boathouse.core.inference.stream_options import StreamOptions
from boathouse.core.inference.stream_plan import StreamPlan
from boathouse.core.modelling import LoadedModel, NoModel
from boathouse.use_case.features import ENTITY_KEYS, KNOWN_COLUMN, TIME_COLUMN
from boathouse.use_case.predictions import join_features, views_of
from boathouse.use_case.requests import REQUEST, REQUESTS, STREAM_TABLES, request_statements


def post_requests(statements: DataFrame, as_of: str | None, options: StreamOptions) -> DataFrame:
    """Return a request for each statement of the newest cohort, as the worked example sends them; else none."""
    from boathouse.core.tables.as_of import resolve_as_of

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
    views = views_of(champion.model)
    labels = {view.label: view.table for view in views}

    def score(events: DataFrame, found: Mapping[str, DataFrame], record: RunRecord, now: datetime) -> SplitRows:
        stamp = Stamp(
            model=champion,
            feature_versions=record.feature_versions(views),
            data_versions=record.data_versions({*labels.values(), REQUESTS.name}),
            run_id=record.run_id,
            scored_at=now,
        )
        rows = join_features(events, champion.model, {label: found[table] for label, table in labels.items()})
        return score_rows(
            rows,
            stamp,
            keys=ENTITY_KEYS,
            time=TIME_COLUMN,
            reason_count=options.reason_count,
            event=EVENT_ID,
            carried=(EVENT_ID, EVENT_TIME, SOURCE_BATCH),
        )

    return StreamPlan(
        events=REQUEST,
        targets=STREAM_TABLES,
        tables=tuple(labels.values()),
        score=score,
        model_version=champion.model.version,
        options=options,
    )


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
