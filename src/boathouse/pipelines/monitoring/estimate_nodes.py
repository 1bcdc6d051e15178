"""Steps that measure and estimate performance, tell kinds of drift apart, and value decisions."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.errors import TableError
from boathouse.evaluation.fairness import FairnessOptions
from boathouse.inference.batch import hold_rows
from boathouse.inference.models import ModelVersions
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.result import LoadedModel
from boathouse.modelling.selection import BaselineOptions
from boathouse.monitoring.baseline import compare_with_rule, fit_rule
from boathouse.monitoring.cohorts import CohortColumns, CohortRows, collect_cohorts, join_cohorts
from boathouse.monitoring.concept import SEEN, Comparison, measure_change, measure_groups, measure_label_shift
from boathouse.monitoring.estimate_table import ESTIMATES, CohortEstimate, estimate_rows, settle_estimates
from boathouse.monitoring.estimates import EstimationOptions, Estimator, Known, join_labelled
from boathouse.monitoring.figures import Subject, measure_coverage, measure_labelled, score_estimates, show_estimates
from boathouse.monitoring.kpis import ValueOptions, add_kpis, kpi_columns, measure_kpis
from boathouse.monitoring.measures import MEASURES, Measure, measure_rows
from boathouse.monitoring.options import DriftOptions, PerformanceOptions
from boathouse.monitoring.performance import ScoredCohort
from boathouse.monitoring.reference import TableVersions, read_reference
from boathouse.monitoring.windows import ScoredWindow, champion_rows, join_labels, thin_rows
from boathouse.problem.spec import UseCase

_log = logging.getLogger(__name__)


def check_kpis(
    window: ScoredWindow,
    predictions: DataFrame,
    labels: DataFrame,
    value: ValueOptions,
    costs: CostOptions,
    *,
    use_case: UseCase,
) -> ScoredWindow:
    """Return the window, once every key figure of conf can be evaluated: all that is written depends on it.

    Raises:
        ConfigError: Naming the key figure whose expression is wrong.
    """
    label = F.lit(None).cast(dict(labels.dtypes)[use_case.label.name])
    add_kpis(_take_answers(predictions, use_case).withColumn("label", label), value, costs)
    return window


def _take_answers(predictions: DataFrame, use_case: UseCase) -> DataFrame:
    answer = [column.name for column in use_case.task.outputs.columns]
    return champion_rows(predictions).select(*use_case.identity, "model_version", *answer)


def gather_rows(
    predictions: DataFrame,
    labels: DataFrame,
    features: DataFrame,
    *,
    window: ScoredWindow,
    as_of: date,
    versions: ModelVersions,
    drift: DriftOptions,
    options: EstimationOptions,
    value: ValueOptions,
    costs: CostOptions,
    baseline: BaselineOptions,
    fairness: FairnessOptions,
    groups: DataFrame | None = None,
    use_case: UseCase,
) -> list[CohortRows]:
    """Return the cohorts that the newest one's version scored up to ``as_of``, with features, labels and groups."""
    time, keys, label = use_case.time_column, use_case.keys, use_case.label
    wanted = F.col(time) <= F.lit(as_of)
    scored = _take_answers(predictions, use_case).where(wanted & (F.col("model_version") == window.model_version))
    joined = join_labels(scored, labels.withColumnRenamed(label.name, "label"), as_of, keys=use_case.identity)
    valued = add_kpis(joined, value, costs)
    watched = _watch_features(versions.load(window.model_version), drift, baseline, features.columns)
    sensitive: tuple[str, ...] = ()
    looked_up = features.select(*use_case.identity, *watched)
    rows = valued.join(looked_up, list(use_case.identity), "left")
    if groups is not None and use_case.groups is not None:
        sensitive = tuple(name for name in fairness.sensitive if name in use_case.groups.columns)
        # A group may have the name of a feature, or of a column of the answer.
        named = [F.col(name).alias(f"group_{name}") for name in sensitive]
        rows = rows.join(
            groups.select(*use_case.groups.contract.keys, *named), list(use_case.groups.contract.keys), "left"
        )
    columns = CohortColumns(
        keys=keys,
        answer=[column.name for column in use_case.task.outputs.columns],
        features=watched,
        groups=[f"group_{name}" for name in sensitive],
        values=kpi_columns(value),
    )
    table = thin_rows(rows, options.max_rows, keys=keys, rows=scored.count()).toArrow()
    found = collect_cohorts(table, columns, time=time, version=window.model_version, known_on=label.known_on)
    return [
        replace(each, groups={name.removeprefix("group_"): each.groups[name] for name in each.groups}) for each in found
    ]


def _watch_features(
    model: LoadedModel, drift: DriftOptions, baseline: BaselineOptions, stored: list[str]
) -> tuple[str, ...]:
    """Return the inputs that are judged, and the baseline's feature; those that conf leaves out say nothing here."""
    wanted = dict.fromkeys((*model.features, baseline.feature))
    return tuple(name for name in wanted if name in stored and name not in drift.ignored)


def take_trained(
    window: ScoredWindow,
    versions: ModelVersions,
    tables: TableVersions,
    *,
    drift: DriftOptions,
    baseline: BaselineOptions,
    use_case: UseCase,
) -> list[CohortRows]:
    """Return the newest rows that the version was trained on, with its answers; none where they cannot be read."""
    model = versions.load(window.model_version)
    time, keys, label = use_case.time_column, use_case.keys, use_case.label.name
    features = tuple(dict.fromkeys((*model.features, baseline.feature)))
    try:
        title, table = read_reference(
            model, tables, options=drift, columns=(*use_case.identity, label, *features), time=time, keys=keys
        )
    except TableError as error:
        _log.warning("No rows trained on to compare performance with: %s", error)
        return []
    present = tuple(name for name in features if name in table.column_names)
    if set(model.features) - set(present) or not table.num_rows:
        _log.warning("%s has not all inputs of version %s: it is not compared with.", title, model.version)
        return []
    table = table.rename_columns(["label" if name == label else name for name in table.column_names])
    columns = CohortColumns(keys=keys, answer=(), features=present)
    rows = join_cohorts(
        collect_cohorts(table, columns, time=time, version=model.version, known_on=use_case.label.known_on)
    )
    matrix = np.column_stack([rows.features[name] for name in model.features])
    kept = _watch_features(model, drift, baseline, list(present))
    watched = {name: rows.features[name] for name in kept}
    return [replace(rows, answer=model.scorer.answer(matrix), features=watched).take(rows.known)]


def estimate_cohorts(
    rows: list[CohortRows],
    scored: list[ScoredCohort],
    trained: list[CohortRows],
    before: DataFrame | None,
    *,
    as_of: date,
    options: EstimationOptions,
    costs: CostOptions,
    use_case: UseCase,
) -> list[CohortEstimate]:
    """Return the estimates of cohorts without mature labels, and those of earlier runs beside the truth."""
    estimator = make_estimator(options, costs, use_case)
    found = []
    for place, cohort in enumerate(rows):
        if not cohort.is_mature(as_of):
            known = Known(labelled=join_labelled(rows[:place], as_of, options), trained=next(iter(trained), None))
            found += estimator.estimate(cohort, known)
    past = [] if before is None else [row.asDict() for row in before.where(F.col("as_of") < F.lit(as_of)).collect()]
    wanted = {(row["cohort"], row["model_version"]) for row in past}
    truth = {
        (each.cohort, each.model_version): estimator.measure(each)
        for each in map(_as_rows, scored)
        if (each.cohort, each.model_version) in wanted and each.is_mature(as_of)
    }
    return [*found, *settle_estimates(past, truth, as_of)]


def make_estimator(options: EstimationOptions, costs: CostOptions, use_case: UseCase) -> Estimator:
    """Return the estimator of the use case's task."""
    return Estimator(options=options, costs=costs, task=use_case.task, adverse=use_case.label.adverse)


def _as_rows(scored: ScoredCohort) -> CohortRows:
    return CohortRows(
        cohort=scored.cohort,
        model_version=scored.model_version,
        labels_known_on=scored.labels_known_on,
        answer=scored.answer,
        label=scored.label,
        entities=np.arange(len(scored.label), dtype=np.uint64),
    )


def tabulate_estimates(estimates: list[CohortEstimate], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.estimates``; ``predictions`` only gives the Spark session."""
    return hold_rows(predictions.sparkSession.createDataFrame(estimate_rows(estimates, as_of=as_of), ESTIMATES.ddl))


def measure_performance(
    rows: list[CohortRows],
    estimates: list[CohortEstimate],
    trained: list[CohortRows],
    *,
    window: ScoredWindow,
    as_of: date,
    performance: PerformanceOptions,
    options: EstimationOptions,
    costs: CostOptions,
    baseline: BaselineOptions,
    use_case: UseCase,
) -> list[Measure]:
    """Return the figures of each cohort: measured with mature labels, beside the baseline; else estimated."""
    subject, estimator = _subject(window, use_case), make_estimator(options, costs, use_case)
    settled = [each for each in estimates if each.status == "settled"]
    rules = [fit_rule(each, baseline, estimator) for each in trained if use_case.task.has_categories]
    found: list[Measure] = []
    for cohort in rows:
        found += measure_coverage(cohort, subject, as_of)
        if not cohort.is_mature(as_of):
            found += show_estimates(cohort, subject, [each for each in estimates if each.status != "settled"])
            continue
        found += measure_labelled(cohort, subject, performance, estimator)
        found += score_estimates(cohort, subject, settled)
        for rule in rules if cohort.known.sum() >= performance.minimum_rows else ():
            found += compare_with_rule(cohort, rule, subject, performance, estimator)
    return found


def measure_concept(
    rows: list[CohortRows],
    trained: list[CohortRows],
    *,
    window: ScoredWindow,
    as_of: date,
    options: EstimationOptions,
    costs: CostOptions,
    use_case: UseCase,
) -> list[Measure]:
    """Return what has changed up to the newest labelled cohort, and the label shift that decisions since speak of.

    It is compared with the labelled cohort before it, or, for the first one, with the rows that were trained on.
    """
    subject, estimator = _subject(window, use_case), make_estimator(options, costs, use_case)
    mature = [each.take(each.known) for each in rows if each.is_mature(as_of)]
    mature = [each for each in mature if len(each.label) >= options.minimum_rows]
    reference = mature[-2] if len(mature) > 1 else next(iter(trained), None)
    found: list[Measure] = []
    if mature and reference is not None and len(reference.label):
        title = f"the cohort of {reference.cohort}" if len(mature) > 1 else f"the newest rows trained on{SEEN}"
        compared = Comparison(cohort=mature[-1], reference=reference, title=title)
        found += measure_change(compared, subject, estimator)
    labelled = join_labelled(rows, as_of, options)
    if labelled is not None and use_case.task.has_categories:
        for cohort in rows:
            if not cohort.is_mature(as_of):
                found += measure_label_shift(cohort, labelled, subject, estimator)
    return found


def measure_value(
    rows: list[CohortRows],
    *,
    window: ScoredWindow,
    as_of: date,
    value: ValueOptions,
    performance: PerformanceOptions,
    fairness: FairnessOptions,
    options: EstimationOptions,
    costs: CostOptions,
    use_case: UseCase,
) -> list[Measure]:
    """Return the key figures of each cohort, and how differently its groups are decided on."""
    subject, estimator = _subject(window, use_case), make_estimator(options, costs, use_case)
    found: list[Measure] = []
    for cohort in rows:
        mature = cohort.is_mature(as_of)
        found += measure_kpis(cohort, subject, value, performance, mature=mature)
        judged = cohort if mature else replace(cohort, label=np.full(len(cohort.label), np.nan))
        found += measure_groups(judged, subject, fairness, estimator)
    return found


def _subject(window: ScoredWindow, use_case: UseCase) -> Subject:
    return Subject(model=window.model_name, period=use_case.words.period)


def gather_performance(performance: list[Measure], concept: list[Measure], value: list[Measure]) -> list[Measure]:
    """Return all measures of performance, concept, fairness and value."""
    return [*performance, *concept, *value]


def tabulate_measures(measures: list[Measure], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.measures``; ``predictions`` only gives the Spark session."""
    return hold_rows(predictions.sparkSession.createDataFrame(measure_rows(measures, as_of=as_of), MEASURES.ddl))
