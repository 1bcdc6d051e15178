"""Steps of batch inference, made for a use case."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import reduce
from operator import and_

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.errors import DataQualityError
from boathouse.features.feature_view import FeatureView
from boathouse.inference.batch import (
    Stamp,
    check_balance,
    fill_columns,
    find_finished,
    hold_rows,
    list_cohorts,
    score_rows,
)
from boathouse.inference.models import ChampionCheck, ModelVersions, RoleModel, RunRecord, choose_models, lacks_champion
from boathouse.inference.options import BatchOptions
from boathouse.inference.rows import join_features, select_cohorts, views_of
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.vacancy import NoChampion
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.problem.scored_tables import PREDICTIONS, QUARANTINE
from boathouse.problem.spec import UseCase
from boathouse.problem.tables import inference_features
from boathouse.tables.write_options import TableSlice


def read_clock() -> datetime:
    """Return the current time in UTC; the only clock of the pipeline."""
    return datetime.now(UTC)


def select_spine(rows: DataFrame, as_of: str | None, options: BatchOptions, *, use_case: UseCase) -> DataFrame:
    """Return the rows to score: every key with a row in the span of dates named, else in the newest cohorts.

    Raises:
        DataQualityError: If no row is dated in that span.
    """
    from boathouse.tables.scope import resolve_as_of

    known = resolve_as_of(as_of, rows, known_column=use_case.known_column)
    first, last = options.first_day, options.last_day
    spine = select_cohorts(rows, use_case, known, newest=options.cohorts, first=first, last=last)
    if options.is_backfill and spine.isEmpty():
        raise DataQualityError(
            f"No row of {use_case.spine_table} is dated from {first or 'the first'} to {last or known} and known by "
            f"{known}: there is nothing to score. Choose other dates (batch_inference.scoring.from_date, to_date) or "
            "another as_of."
        )
    return spine


def select_models(
    champion: LoadedModel | NoModel,
    versions: ModelVersions,
    aliases: dict[str, str],
    options: BatchOptions,
    *,
    environment: str,
    state: ModelState,
    governance: GovernanceOptions,
    now: datetime,
    strict: bool,
) -> list[RoleModel] | NoChampion:
    """Return the models of the run: the champion or the version named, and the challenger on request.

    In a whole run ``aliases`` also orders this node after the promotion, which may change them.

    Raises:
        ModelError: If the run is strict and there is no champion.
    """
    if lacks_champion(champion, aliases, version=options.wanted_version):
        return ChampionCheck(state=state, governance=governance, now=now, strict=strict).explain()
    return choose_models(
        champion,
        versions,
        aliases,
        version=options.wanted_version,
        with_challenger=options.challenger,
        environment=environment,
    )


def join_tables(
    spine: DataFrame,
    models: list[RoleModel],
    champion: LoadedModel | NoModel,
    *tables: DataFrame,
    use_case: UseCase,
) -> tuple[DataFrame, dict[str, DataFrame]]:
    """Return the spine with the features the champion was trained on, and with those of each model that needs others.

    Features are those known at each row's date; those of other views are null.

    Raises:
        FeatureError: If a model needs a view in a definition that is no longer declared.
        RequestError: If an on-demand feature is computed otherwise than in training.
    """
    by_label = {view.label: table for view, table in zip(use_case.model_views, tables, strict=True)}
    first = champion if isinstance(champion, LoadedModel) else models[0].model
    known = set(views_of(first, use_case))
    needed = {first.version: first}
    needed |= {role.model.version: role.model for role in models if not known >= set(views_of(role.model, use_case))}
    columns = dict(spine.select(*use_case.identity).dtypes) | inference_features(use_case)
    joined = {
        version: fill_columns(join_features(spine, model, by_label, use_case), columns)
        for version, model in needed.items()
    }
    return joined.pop(first.version), joined


def score_cohorts(
    features: DataFrame,
    others: dict[str, DataFrame],
    spine: DataFrame,
    *,
    models: list[RoleModel],
    scored_at: datetime,
    record: RunRecord,
    scored_before: DataFrame | None,
    quarantined_before: DataFrame | None,
    options: BatchOptions,
    use_case: UseCase,
) -> Iterator[tuple[TableSlice, TableSlice]]:
    """Return cohort by cohort the predictions of the rows of the spine, and the rows that cannot be scored.

    Each cohort is published before the next is scored. A backfill skips cohorts that are complete and made from the
    same table versions; other runs score again, which writes nothing if nothing changed.

    Raises:
        DataQualityError: If rows of a cohort got lost or doubled; it is not published then.
    """
    time = use_case.time_column
    cohorts = list_cohorts(spine, time=time)
    skipped = []
    for model in models:
        stamp = _make_stamp(model, record, scored_at, use_case)
        done = find_finished(
            (scored_before, quarantined_before) if options.is_backfill else (None, None),
            time=time,
            cohorts=cohorts,
            data_versions=stamp.data_versions,
        )
        # The table keeps earlier cohorts too; only those of the run are scored.
        rows = others.get(model.model.version, features).join(spine, list(use_case.identity), "left_semi")
        for day, total in cohorts.items():
            values = (day, model.model.version, model.role)
            if values in done:
                skipped.append(values)
                continue
            cohort = rows.where(F.col(time) == F.lit(day))
            predictions, quarantined = _score_cohort(cohort, stamp, total, options, use_case)
            yield TableSlice(predictions, values), TableSlice(quarantined, values)
    if len(skipped) == len(cohorts) * len(models) and scored_before is not None and quarantined_before is not None:
        # Kedro takes no generator without items: it gets a slice that is already stored.
        yield _take_slice(scored_before, time, skipped[-1]), _take_slice(quarantined_before, time, skipped[-1])


def _take_slice(rows: DataFrame, time: str, values: tuple[date, str, str]) -> TableSlice:
    slices = (time, "model_version", "role")
    chosen = [F.col(name) == F.lit(value) for name, value in zip(slices, values, strict=True)]
    return TableSlice(rows.where(reduce(and_, chosen)), values)


def _make_stamp(model: RoleModel, record: RunRecord, scored_at: datetime, use_case: UseCase) -> Stamp:
    views: tuple[FeatureView, ...] = views_of(model.model, use_case)
    tables = {use_case.spine_table, *(view.table for view in views)}
    return Stamp(
        model=model,
        feature_versions=record.feature_versions(views),
        data_versions=record.data_versions(tables),
        run_id=record.run_id,
        scored_at=scored_at,
    )


def _score_cohort(
    rows: DataFrame, stamp: Stamp, total: int, options: BatchOptions, use_case: UseCase
) -> tuple[DataFrame, DataFrame]:
    keys, time, limit = use_case.keys, use_case.time_column, options.driver_rows
    split = score_rows(rows, stamp, keys=keys, time=time, reason_count=options.reason_count)
    ready = split.scorable.select(*use_case.contracts[PREDICTIONS].column_names)
    refused = split.quarantined.select(*use_case.contracts[QUARANTINE].column_names)
    held, held_back = (hold_rows(each, rows=total, limit=limit) for each in (ready, refused))
    check_balance(total, scored=held.count(), quarantined=held_back.count())
    return held, held_back
