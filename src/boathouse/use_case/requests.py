"""Requests for a score as they arrive: a customer who is about to spend an amount."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.core.inference.stream_contracts import (
    EVENT_COLUMNS,
    EVENT_ID,
    EVENT_TIME,
    SOURCE_BATCH,
    stream_contracts,
)
from boathouse.core.inference.stream_plan import StreamPlan
from boathouse.tables import Column, TableContract
from boathouse.use_case.features import ENTITY_KEYS, KNOWN_COLUMN, TIME_COLUMN
from boathouse.use_case.predictions import join_features, views_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.core.inference.batch import SplitRows
    from boathouse.core.inference.record import RunRecord
    from boathouse.core.inference.roles import RoleModel
    from boathouse.core.inference.stream_options import StreamOptions

_CUSTOMER = Column(name="customer_id", dtype="bigint", description="The customer.", minimum=1)
_DAY = Column(name=TIME_COLUMN, dtype="date", description="Day whose knowledge the score is made from.")
AMOUNT = "requested_amount"
_AMOUNT = Column(
    name=AMOUNT,
    dtype="double",
    unit="NT$",
    description="Amount that is about to be spent; null for none.",
    nullable=True,
    minimum=0,
)
# What a request has to keep; one that does not is put aside, so the table itself takes anything.
REQUEST = TableContract(
    name="inference.request",
    description="One request for a score.",
    grain="one row per request",
    columns=(*EVENT_COLUMNS, _CUSTOMER, _DAY, _AMOUNT),
)
REQUESTS = TableContract(
    name="inference.requests",
    description="Requests for a score, as the bank's systems send them; rows are only ever added.",
    grain="one row per request sent",
    columns=(
        *(
            Column(name=each.name, dtype=each.dtype, description=each.description, unit=each.unit, nullable=True)
            for each in REQUEST.columns
        ),
        Column(name="_batch_id", dtype="string", description="What was sent together; sent again it is not added."),
    ),
)
STREAM_TABLES = {REQUESTS.name: REQUESTS, **stream_contracts((_CUSTOMER,), _DAY, (_AMOUNT,))}


def request_statements(statements: DataFrame, as_of: date) -> DataFrame:
    """Return a request for each statement of the newest cohort up to ``as_of``, without an amount.

    It is made at the start of the statement's day, and its id is a hash of customer and day: the same statement
    always makes the same request.
    """
    known = statements.where(F.col(KNOWN_COLUMN) <= F.lit(as_of))
    newest = known.agg(F.max(KNOWN_COLUMN).alias(KNOWN_COLUMN))
    day = F.col(KNOWN_COLUMN)
    name = F.sha2(F.concat_ws("|", F.lit("statement"), F.col("customer_id").cast("string"), day.cast("string")), 256)
    return known.join(newest, KNOWN_COLUMN, "left_semi").select(
        F.substring(name, 1, 32).alias(EVENT_ID),
        day.cast("timestamp").alias(EVENT_TIME),
        "customer_id",
        day.alias(TIME_COLUMN),
        F.lit(None).cast("double").alias(AMOUNT),
        F.concat(F.lit("statements-"), day.cast("string")).alias("_batch_id"),
    )


def plan_requests(model: RoleModel, options: StreamOptions) -> StreamPlan:
    """Return what a stream does with requests: join features, score and stamp, as batch inference does.

    Raises:
        FeatureError: If the model needs a view in a definition that is no longer declared.
    """
    from boathouse.core.inference.batch import Stamp, score_rows

    views = views_of(model.model)

    def score(events: DataFrame, tables: Mapping[str, DataFrame], record: RunRecord, now: datetime) -> SplitRows:
        stamp = Stamp(
            model=model,
            feature_versions=record.feature_versions(views),
            data_versions=sorted(f"{name}@{version}" for name, version in record.table_versions.items()),
            run_id=record.run_id,
            scored_at=now,
        )
        rows = join_features(events, model.model, {view.label: tables[view.table] for view in views})
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
        tables=tuple(view.table for view in views),
        score=score,
        model_version=model.model.version,
        options=options,
    )
