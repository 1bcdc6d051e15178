"""Rows of a use case: cohorts to score, their features, example requests, and the plan of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.features.point_in_time import join_point_in_time
from boathouse.features.usage import select_views
from boathouse.inference.batch import SplitRows, Stamp, score_rows
from boathouse.inference.events import COPY, RULES
from boathouse.inference.stream import StreamPlan
from boathouse.problem.scored_tables import BEFORE_FIRST_FACT, EVENT_ID, EVENT_TIME, SOURCE_BATCH
from boathouse.problem.tables import answer_contracts, request_contract
from boathouse.scoring.batch import add_on_demand
from boathouse.scoring.on_demand import select_on_demand

if TYPE_CHECKING:
    from boathouse.features.feature_view import FeatureView
    from boathouse.inference.models import RoleModel, RunRecord
    from boathouse.inference.options import StreamOptions
    from boathouse.modelling.result import LoadedModel
    from boathouse.problem.spec import UseCase

_FIRST = "__first_fact"


def select_cohorts(
    rows: DataFrame,
    use_case: UseCase,
    as_of: date,
    *,
    newest: int,
    first: date | None = None,
    last: date | None = None,
) -> DataFrame:
    """Return keys and time of the rows to score, one row per key and cohort; a cohort is all rows of one date.

    Args:
        rows: The spine's table.
        use_case: Its keys and dates.
        as_of: Cutoff of the visible data, inclusive.
        newest: Number of newest cohorts. Not used with ``first`` or ``last``.
        first: Cohorts from this date on, inclusive.
        last: Cohorts up to this date, inclusive.
    """
    time, known = use_case.time_column, use_case.known_column
    spine = rows.where(F.col(known) <= F.lit(as_of)).select(*use_case.keys, F.col(known).alias(time))
    if first or last:
        after = F.col(time) >= F.lit(first or date.min)
        return spine.where(after & (F.col(time) <= F.lit(last or as_of))).distinct()
    chosen = spine.select(time).distinct().orderBy(F.col(time).desc()).limit(newest)
    return spine.join(chosen, time, "left_semi").select(*use_case.identity).distinct()


def views_of(model: LoadedModel, use_case: UseCase) -> tuple[FeatureView, ...]:
    """Return the declared views that ``model`` looks up, in its order.

    Raises:
        FeatureError: If one is no longer declared in the definition the model was trained on.
    """
    title = f"{model.name} {model.alias or model.version}"
    return select_views(model.feature_spec, use_case.model_views, model=title, extended=model.extended_views)


def join_features(rows: DataFrame, model: LoadedModel, tables: Mapping[str, DataFrame], use_case: UseCase) -> DataFrame:
    """Return ``rows`` with the features ``model`` was trained on, as known at each row's date.

    Args:
        rows: Keys and time, any other columns, and fields of the request where there was one; without, they have
            their defaults.
        model: Its feature spec lists the views and on-demand features it takes.
        tables: Table of each view by the view's label.
        use_case: Declares views and on-demand features.

    Raises:
        FeatureError: If the model needs a view in a definition that is no longer declared.
        RequestError: If an on-demand feature is computed otherwise than in training.
    """
    pairs = [(view, tables[view.label]) for view in views_of(model, use_case)]
    joined = join_point_in_time(rows, pairs, spine_time=use_case.time_column)
    return add_on_demand(joined, select_on_demand(model.feature_spec, use_case.on_demand))


def request_newest(rows: DataFrame, use_case: UseCase, as_of: date) -> DataFrame:
    """Return a request for each row of the spine's newest cohort up to ``as_of``, its fields empty.

    Its time is the start of the row's day and its id a hash of key and day: the same row always makes the same
    request.
    """
    known = rows.where(F.col(use_case.known_column) <= F.lit(as_of))
    newest = known.agg(F.max(use_case.known_column).alias(use_case.known_column))
    day, words = F.col(use_case.known_column), use_case.words
    key = [F.col(name).cast("string") for name in use_case.keys]
    name = F.sha2(F.concat_ws("|", F.lit(words.observation), *key, day.cast("string")), 256)
    return known.join(newest, use_case.known_column, "left_semi").select(
        F.substring(name, 1, 32).alias(EVENT_ID),
        day.cast("timestamp").alias(EVENT_TIME),
        *use_case.keys,
        day.alias(use_case.time_column),
        *(F.lit(None).cast(field.dtype).alias(field.name) for field in use_case.request_fields),
        F.concat(F.lit(f"{words.observations}-"), day.cast("string")).alias("_batch_id"),
    )


def split_early(
    events: DataFrame, views: Sequence[tuple[FeatureView, DataFrame]], *, keys: Sequence[str]
) -> tuple[DataFrame, DataFrame]:
    """Return the events but for those made before the first fact of their entity, and these with the reason.

    A day is allowed for, since dates are of the zone where they were written. An event of an entity of which nothing is
    known passes.

    Args:
        events: Columns of a request.
        views: Views with all of ``keys``, and their tables.
        keys: Columns that identify an entity.
    """
    reason = F.array(F.lit(BEFORE_FIRST_FACT)).alias(RULES)
    columns = [EVENT_ID, SOURCE_BATCH, COPY]
    if not views:
        return events, events.select(*columns, reason).limit(0)
    asked = events.select(*keys).distinct()
    days = [
        table.join(asked, list(keys), "left_semi").select(*keys, F.to_date(view.time_column).alias(_FIRST))
        for view, table in views
    ]
    first = reduce(DataFrame.unionByName, days).groupBy(*keys).agg(F.min(_FIRST).alias(_FIRST))
    known = events.join(first, list(keys), "left")
    is_early = F.coalesce(F.date_add(F.to_date(EVENT_TIME), 1) < F.col(_FIRST), F.lit(False))  # noqa: FBT003
    return known.where(~is_early).select(*events.columns), known.where(is_early).select(*columns, reason)


def plan_requests(model: RoleModel, use_case: UseCase, options: StreamOptions) -> StreamPlan:
    """Return the plan of a stream of requests: join features, score and stamp, as batch inference does.

    Raises:
        FeatureError: If the model needs a view in a definition that is no longer declared.
    """
    views = views_of(model.model, use_case)

    def score(events: DataFrame, tables: Mapping[str, DataFrame], record: RunRecord, now: datetime) -> SplitRows:
        stamp = Stamp(
            model=model,
            feature_versions=record.feature_versions(views),
            data_versions=sorted(f"{name}@{version}" for name, version in record.table_versions.items()),
            run_id=record.run_id,
            scored_at=now,
        )
        by_label = {view.label: tables[view.table] for view in views}
        facts = [(view, by_label[view.label]) for view in views if set(view.key_names) == set(use_case.keys)]
        possible, early = split_early(events, facts, keys=use_case.keys)
        split = score_rows(
            join_features(possible, model.model, by_label, use_case),
            stamp,
            keys=use_case.keys,
            time=use_case.time_column,
            reason_count=options.reason_count,
            event=EVENT_ID,
            given=[field.name for field in use_case.request_fields],
            carried=(EVENT_ID, EVENT_TIME, SOURCE_BATCH, COPY),
        )
        return SplitRows(split.scorable, split.quarantined.select(*early.columns).unionByName(early))

    return StreamPlan(
        events=request_contract(use_case),
        targets=answer_contracts(use_case),
        tables=tuple(view.table for view in views),
        score=score,
        model_version=model.model.version,
        options=options,
        keys=use_case.keys,
    )
