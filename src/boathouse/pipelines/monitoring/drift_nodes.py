"""Steps of monitoring that compare the newest cohort with its reference."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.errors import TableError
from boathouse.inference.batch import hold_rows
from boathouse.inference.models import ModelVersions
from boathouse.modelling.result import LoadedModel
from boathouse.monitoring.alerts import Findings
from boathouse.monitoring.drift import FEATURE_BUDGET, SCORE_BUDGET, ColumnDrift, compare_tables, group_reasons
from boathouse.monitoring.drift_measures import (
    group_drifts,
    measure_drifts,
    measure_reference,
    measure_slices,
    measure_table,
)
from boathouse.monitoring.drift_table import DRIFT_METRICS, Row, drift_rows
from boathouse.monitoring.effects import ENTITY
from boathouse.monitoring.measures import Measure
from boathouse.monitoring.multivariate import TableFigure, describe_table
from boathouse.monitoring.options import DriftOptions
from boathouse.monitoring.performance import ScoredCohort
from boathouse.monitoring.profile_table import PROFILE_METRICS, profile_rows
from boathouse.monitoring.reference import (
    Baseline,
    ComparedRows,
    TableVersions,
    WatchedColumns,
    describe_replacement,
    read_reference,
    take_columns,
)
from boathouse.monitoring.slices import SlicedDrift, compare_slices, cut_slices
from boathouse.monitoring.windows import ScoredWindow
from boathouse.problem.spec import UseCase
from boathouse.problem.tables import inference_features

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)


def read_compared(
    features: DataFrame,
    window: ScoredWindow,
    versions: ModelVersions,
    tables: TableVersions,
    *,
    options: DriftOptions,
    use_case: UseCase,
) -> tuple[ComparedRows, Baseline]:
    """Return the newest cohort and what it is compared with, and the name of that.

    It is the newest rows that the very version was trained on that scored the cohort, as they were then. Where they
    cannot be read, it is the cohort scored before, and the alerts say so; without one there are no rows to compare.
    """
    model = versions.load(window.model_version)
    columns = WatchedColumns.of_model(model, options, tuple(inference_features(use_case)))
    time, keys = use_case.time_column, use_case.identity
    names = tuple(dict.fromkeys((*columns.names, *options.slices)))
    read = partial(take_columns, options=options, columns=names, keys=keys, entity=use_case.keys)
    cohort = partial(_take_cohort, features, time=time)
    try:
        title, reference = read_reference(model, tables, options=options, columns=names, time=time, keys=keys)
        columns = columns.without(set(columns.names) - set(reference.column_names))
        baseline = Baseline(title=title, absent=columns.absent)
    except TableError as error:
        _log.warning("%s", error)
        baseline = replace(describe_replacement(window, error), absent=columns.absent)
        if baseline.cohort is None:
            return ComparedRows(None, read(cohort(window.newest)), columns), baseline
        reference = read(cohort(baseline.cohort))
    _tell_left_out(columns, model)
    current = read(cohort(window.newest))
    for name in options.slices:
        if name not in reference.column_names or name not in current.column_names:
            _log.warning("monitoring.drift.slices names %s: not sliced, not both windows have it.", name)
    return ComparedRows(reference, current, columns), baseline


def _take_cohort(features: DataFrame, day: date, *, time: str) -> DataFrame:
    return features.where(F.col(time) == F.lit(day))


def _tell_left_out(columns: WatchedColumns, model: LoadedModel) -> None:
    """Log which inputs of the model conf leaves out, and what it wants judged that is not there."""
    for reason, names in group_reasons(columns.left_out).items():
        _log.warning(
            "Conf has %s of the %s inputs of %s version %s measured but not judged: %s (%s).",
            len(names),
            len(model.features),
            model.name,
            model.version,
            ", ".join(names),
            reason,
        )
    for name, reason in columns.absent.items():
        _log.warning("monitoring.drift.also_watched names %s: not compared, %s.", name, reason)


def compare_features(compared: ComparedRows, options: DriftOptions) -> tuple[list[ColumnDrift], SlicedDrift]:
    """Return the drift of each input of the model among all rows, and in each slice."""
    if compared.reference is None:
        return [], SlicedDrift()
    sides, columns = (compared.reference, compared.current), compared.columns
    slices = cut_slices(*sides, options)
    own = compare_tables(*sides, columns=columns, options=options, budget=FEATURE_BUDGET, scopes=1 + len(slices))
    return own, compare_slices(*sides, slices, columns=columns, options=options, budget=FEATURE_BUDGET)


def compare_scores(cohorts: list[ScoredCohort], window: ScoredWindow, options: DriftOptions) -> list[ColumnDrift]:
    """Return the drift of what the model answers against the cohort before, scored by the same version."""
    import pyarrow as pa

    own = {cohort.cohort: cohort for cohort in cohorts if cohort.model_version == window.model_version}
    if window.previous is None:
        return []
    name, _ = own[window.newest].watched
    sides = []
    for cohort in (own[window.previous], own[window.newest]):
        entity = {} if cohort.entity is None else {ENTITY: cohort.entity}
        sides.append(pa.table(dict([cohort.watched]) | entity))
    return compare_tables(*sides, columns=WatchedColumns(inputs=(name,)), options=options, budget=SCORE_BUDGET)


def describe_whole(compared: ComparedRows) -> list[TableFigure]:
    """Return what of the columns judged has drifted together; empty where there is nothing to compare with."""
    if compared.reference is None:
        return []
    columns = (*compared.columns.inputs, *compared.columns.besides)
    return describe_table(compared.reference, compared.current, columns)


def measure_drift(
    findings: Findings,
    sliced: SlicedDrift,
    figures: list[TableFigure],
    window: ScoredWindow,
    *,
    use_case: UseCase,
) -> list[Measure]:
    """Return the measures of the features, of what the model answers, and of the label."""
    groups = group_drifts(findings, window, use_case.words.period)
    features = groups[0][0]
    own = [measure for comparing, drifts in groups for measure in measure_drifts(drifts, comparing)]
    parts = measure_drifts(sliced.drifts, features), measure_slices(sliced.shares, features)
    missing = measure_reference(findings.baseline, features)
    return [*own, *parts[0], *parts[1], *measure_table(figures, features), *missing]


def list_drift(
    findings: Findings, sliced: SlicedDrift, window: ScoredWindow, as_of: date, *, use_case: UseCase
) -> list[Row]:
    """Return the rows of ``monitoring.drift_metrics``, in the order of its contract."""
    rows: list[Row] = []
    for comparing, drifts in group_drifts(findings, window, use_case.words.period):
        is_feature = comparing.kind == "feature"
        rows += drift_rows(
            [*drifts, *sliced.drifts] if is_feature else drifts,
            comparing.windows,
            as_of=as_of,
            of_features=is_feature,
            reference=findings.baseline.title if is_feature and findings.baseline else None,
            model_version=None if comparing.kind == "label" else window.model_version,
        )
    return rows


def tabulate_drift(
    findings: Findings,
    sliced: SlicedDrift,
    window: ScoredWindow,
    as_of: date,
    *,
    predictions: DataFrame,
    use_case: UseCase,
) -> DataFrame:
    """Return the rows of ``monitoring.drift_metrics``; ``predictions`` only gives the Spark session."""
    return _to_frame(list_drift(findings, sliced, window, as_of, use_case=use_case), DRIFT_METRICS.ddl, predictions)


def tabulate_profiles(
    findings: Findings,
    sliced: SlicedDrift,
    window: ScoredWindow,
    as_of: date,
    *,
    predictions: DataFrame,
    use_case: UseCase,
) -> DataFrame:
    """Return the rows of ``monitoring.profile_metrics``; ``predictions`` only gives the Spark session."""
    comparing, drifts = group_drifts(findings, window, use_case.words.period)[0]
    every = [*drifts, *sliced.drifts]
    rows = profile_rows(every, comparing.windows, as_of=as_of, model_version=window.model_version)
    return _to_frame(rows, PROFILE_METRICS.ddl, predictions)


def _to_frame(rows: Sequence[Row], schema: str, session_of: DataFrame) -> DataFrame:
    # Sail 0.7.2 replaces rows with arrays only if they come from an Arrow table.
    return hold_rows(session_of.sparkSession.createDataFrame(list(rows), schema))
