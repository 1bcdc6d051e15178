"""Steps of batch inference, composed of core and use case."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame

from boathouse.core.errors import ModelError
from boathouse.core.inference.batch import check_balance, fill_columns, hold_rows, split_scorable, stamp_predictions
from boathouse.core.inference.options import BatchOptions
from boathouse.core.modelling import LoadedModel, NoModel
from boathouse.use_case.features import ENTITY_KEYS, KNOWN_COLUMN, MODEL_VIEWS, TIME_COLUMN
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES
from boathouse.use_case.predictions import INFERENCE_FEATURES
from boathouse.use_case.spine import scoring_spine

KEYS = [*ENTITY_KEYS, TIME_COLUMN]
SCORES = ["probability", "decision", "reasons"]


def read_clock() -> datetime:
    """Return the present time in UTC; the only clock of the pipeline."""
    return datetime.now(UTC)


def select_spine(statements: DataFrame, as_of: str | None, options: BatchOptions) -> DataFrame:
    """Return the rows to score: every customer with a statement in the newest cohorts up to ``as_of``."""
    from boathouse.core.tables.as_of import resolve_as_of

    return scoring_spine(statements, resolve_as_of(as_of, statements, known_column=KNOWN_COLUMN), options.months)


def join_features(
    spine: DataFrame,
    champion: LoadedModel | NoModel,
    aliases: dict[str, str],  # noqa: ARG001 - only waited for
    *tables: DataFrame,
) -> DataFrame:
    """Return the spine with the features the champion was trained on, as known at each row's date.

    Features of other views are null. ``aliases`` only tells that the promotion of the same run is over.

    Raises:
        FeatureError: If the champion needs a view in a definition that is no longer declared.
        RequestError: If an on-demand feature is computed otherwise than in training.
    """
    from boathouse.core.features import join_point_in_time
    from boathouse.core.features.on_demand_frame import add_on_demand
    from boathouse.core.features.selection import select_views
    from boathouse.core.scoring.on_demand import select_on_demand

    by_label = {view.label: table for view, table in zip(MODEL_VIEWS, tables, strict=True)}
    spec = champion.feature_spec if isinstance(champion, LoadedModel) else None
    views = select_views(spec, MODEL_VIEWS, model=f"{champion.name} {champion.alias}")
    joined = join_point_in_time(spine, [(view, by_label[view.label]) for view in views], spine_time=TIME_COLUMN)
    joined = add_on_demand(joined, select_on_demand(spec, ON_DEMAND_FEATURES))
    return fill_columns(joined, [*KEYS, *INFERENCE_FEATURES])


def score_cohorts(
    features: DataFrame,
    spine: DataFrame,
    *,
    champion: LoadedModel | NoModel,
    aliases: dict[str, str],
    scored_at: datetime,
    options: BatchOptions,
    environment: str,
) -> tuple[DataFrame, DataFrame]:
    """Return predictions for every row of the spine, and the rows that have nothing to score.

    Raises:
        ModelError: If the environment has no champion.
        DataQualityError: If rows got lost or doubled; nothing is published then.
    """
    from boathouse.core.scoring.batch import score_frame

    if not isinstance(champion, LoadedModel) or "champion" not in aliases:
        raise ModelError.no_champion(environment)
    # The table keeps earlier cohorts too; only the run's own are scored.
    rows = split_scorable(features.join(spine, KEYS, "left_semi"), keys=KEYS, features=INFERENCE_FEATURES)
    scored = score_frame(rows.scorable, champion.files, reason_count=options.reason_count).select(*KEYS, *SCORES)
    total = spine.count()
    held = hold_rows(scored, rows=total, limit=options.driver_rows)
    check_balance(total, scored=held.count(), quarantined=rows.quarantined.count())
    published = stamp_predictions(held, name=champion.name, version=champion.version, scored_at=scored_at)
    return published, rows.quarantined
