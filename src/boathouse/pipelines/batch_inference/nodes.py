"""Steps of batch inference, composed of core and use case."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import reduce
from operator import and_

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.core.errors import DataQualityError
from boathouse.core.features import FeatureView
from boathouse.core.inference.batch import Stamp, check_balance, fill_columns, hold_rows, score_rows
from boathouse.core.inference.cohorts import find_finished, list_cohorts
from boathouse.core.inference.contracts import PREDICTIONS, QUARANTINE
from boathouse.core.inference.options import BatchOptions
from boathouse.core.inference.record import RunRecord
from boathouse.core.inference.roles import ModelVersions, RoleModel, choose_models
from boathouse.core.modelling import LoadedModel, NoModel
from boathouse.tables import TableSlice
from boathouse.use_case.features import ENTITY_KEYS, KNOWN_COLUMN, MODEL_VIEWS, TIME_COLUMN
from boathouse.use_case.predictions import INFERENCE_FEATURES, PREDICTION_TABLES, join_features, views_of
from boathouse.use_case.spine import scoring_spine

KEYS = [*ENTITY_KEYS, TIME_COLUMN]
SPINE_TABLE = "clean.statements"
SLICES = (TIME_COLUMN, "model_version", "role")


def read_clock() -> datetime:
    """Return the present time in UTC; the only clock of the pipeline."""
    return datetime.now(UTC)


def select_spine(statements: DataFrame, as_of: str | None, options: BatchOptions) -> DataFrame:
    """Return the rows to score: every customer with a statement in the months named, else in the newest cohorts.

    Raises:
        DataQualityError: If no statement is dated in the months named.
    """
    from boathouse.tables.scope import resolve_as_of

    known = resolve_as_of(as_of, statements, known_column=KNOWN_COLUMN)
    spine = scoring_spine(statements, known, options.months, first=options.first_day, last=options.last_day)
    if options.is_backfill and spine.isEmpty():
        wanted = f"{options.from_month or 'the first'} to {options.to_month or known}"
        raise DataQualityError(
            f"No statement is dated in {wanted} and known by {known}: there is nothing to score. "
            "Choose other months (batch_inference.scoring.from_month, to_month) or another as_of."
        )
    return spine


def select_models(
    champion: LoadedModel | NoModel,
    versions: ModelVersions,
    aliases: dict[str, str],
    options: BatchOptions,
    environment: str,
) -> list[RoleModel]:
    """Return who scores: the champion or the version named, and the challenger on request.

    In a whole run ``aliases`` also waits for the promotion, which may change them.
    """
    return choose_models(
        champion,
        versions,
        aliases,
        version=options.wanted_version,
        with_challenger=options.challenger,
        environment=environment,
    )


def join_tables(
    spine: DataFrame, models: list[RoleModel], champion: LoadedModel | NoModel, *tables: DataFrame
) -> tuple[DataFrame, dict[str, DataFrame]]:
    """Return the spine with the features the champion was trained on, and with those of each model that needs others.

    Features are those known at each row's date; those of other views are null.

    Raises:
        FeatureError: If a model needs a view in a definition that is no longer declared.
        RequestError: If an on-demand feature is computed otherwise than in training.
    """
    by_label = {view.label: table for view, table in zip(MODEL_VIEWS, tables, strict=True)}
    first = champion if isinstance(champion, LoadedModel) else models[0].model
    known = set(views_of(first))
    needed = {first.version: first}
    needed |= {each.model.version: each.model for each in models if not known >= set(views_of(each.model))}
    joined = {
        version: fill_columns(join_features(spine, model, by_label), [*KEYS, *INFERENCE_FEATURES])
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
) -> Iterator[tuple[TableSlice, TableSlice]]:
    """Return cohort by cohort the predictions of every row of the spine, and the rows that have nothing to score.

    Each cohort is published before the next is scored. A backfill passes over those that are whole already, made
    from the same versions of the tables; other runs score again, which changes nothing where nothing changed.

    Raises:
        DataQualityError: If rows of a cohort got lost or doubled; it is not published then.
    """
    cohorts = list_cohorts(spine, time=TIME_COLUMN)
    passed_over = []
    for model in models:
        stamp = _make_stamp(model, record, scored_at)
        done = find_finished(
            (scored_before, quarantined_before) if options.is_backfill else (None, None),
            time=TIME_COLUMN,
            cohorts=cohorts,
            data_versions=stamp.data_versions,
        )
        # The table keeps earlier cohorts too; only the run's own are scored.
        rows = others.get(model.model.version, features).join(spine, KEYS, "left_semi")
        for day, total in cohorts.items():
            values = (day, model.model.version, model.role)
            if values in done:
                passed_over.append(values)
                continue
            cohort = rows.where(F.col(TIME_COLUMN) == F.lit(day))
            predictions, quarantined = _score_cohort(cohort, stamp, total, options)
            yield TableSlice(predictions, values), TableSlice(quarantined, values)
    if len(passed_over) == len(cohorts) * len(models) and scored_before is not None and quarantined_before is not None:
        # Kedro takes no generator that gives nothing: it gets what is stored already.
        yield _take_slice(scored_before, passed_over[-1]), _take_slice(quarantined_before, passed_over[-1])


def _take_slice(rows: DataFrame, values: tuple[date, str, str]) -> TableSlice:
    chosen = [F.col(name) == F.lit(value) for name, value in zip(SLICES, values, strict=True)]
    return TableSlice(rows.where(reduce(and_, chosen)), values)


def _make_stamp(model: RoleModel, record: RunRecord, scored_at: datetime) -> Stamp:
    views: tuple[FeatureView, ...] = views_of(model.model)
    tables = {SPINE_TABLE, *(view.table for view in views)}
    return Stamp(
        model=model,
        feature_versions=record.feature_versions(views),
        data_versions=record.data_versions(tables),
        run_id=record.run_id,
        scored_at=scored_at,
    )


def _score_cohort(rows: DataFrame, stamp: Stamp, total: int, options: BatchOptions) -> tuple[DataFrame, DataFrame]:
    split = score_rows(rows, stamp, keys=ENTITY_KEYS, time=TIME_COLUMN, reason_count=options.reason_count)
    ready = split.scorable.select(*PREDICTION_TABLES[PREDICTIONS].column_names)
    held = hold_rows(ready, rows=total, limit=options.driver_rows)
    held_back = hold_rows(
        split.quarantined.select(*PREDICTION_TABLES[QUARANTINE].column_names), rows=total, limit=options.driver_rows
    )
    check_balance(total, scored=held.count(), quarantined=held_back.count())
    return held, held_back
