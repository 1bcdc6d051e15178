"""Steps of training, made for a use case."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from boathouse.features.feature_view import time_name
from boathouse.modelling.calibration import CalibrationOptions, CostOptions
from boathouse.modelling.leakage import (
    LeakageOptions,
    check_feature_times,
    check_label_times,
    check_leakage,
    missing_shares,
)
from boathouse.modelling.result import TrainedModel
from boathouse.modelling.samples import Sample, add_unknown_rows, take_split
from boathouse.modelling.selection import (
    BaselineOptions,
    FeatureOptions,
    SearchOptions,
    Trial,
    finish_model,
    fit_trial,
    run_trials,
)
from boathouse.modelling.splits import SplitOptions, split_labels
from boathouse.problem.spec import UseCase
from boathouse.scoring.feature_spec import FeatureSpec


def resolve_date(rows: DataFrame, as_of: str | None, train_until: str | None, *, use_case: UseCase) -> date:
    """Return the cutoff of the labels that training sees: ``train_until``, else the as-of date of the run.

    Raises:
        OptionError: If ``train_until`` is later than the as-of date.
    """
    from boathouse.tables.scope import resolve_as_of, resolve_train_until

    return resolve_train_until(train_until, resolve_as_of(as_of, rows, known_column=use_case.known_column))


def select_spine(labels: DataFrame, as_of: date, options: SplitOptions, *, use_case: UseCase) -> DataFrame:
    """Return the labelled rows known by ``as_of``, each with its split, and the split's version and seed."""
    label = use_case.label
    split = split_labels(
        labels, as_of, options, time=use_case.time_column, known=label.known_date, entity=use_case.keys
    )
    made = ("split", "split_version", "split_seed")
    return split.select(*use_case.identity, *made, label.name, label.known_date)


def build_training_set(spine: DataFrame, *tables: DataFrame, use_case: UseCase) -> DataFrame:
    """Return the spine with every view's features as known at each row's date, and those computed on demand."""
    from boathouse.features.point_in_time import join_point_in_time
    from boathouse.scoring.batch import add_on_demand

    views = list(zip(use_case.current_views, tables, strict=True))
    joined = join_point_in_time(spine, views, spine_time=use_case.time_column, keep_times=True)
    return add_on_demand(joined, use_case.on_demand)


def take_samples(
    training_set: pd.DataFrame,
    *,
    features: FeatureOptions,
    leakage: LeakageOptions,
    as_of: date,
    use_case: UseCase,
) -> tuple[Sample, Sample, dict[str, float]]:
    """Return the train and the validation rows, and the share of rows for which a view had nothing.

    The test rows are not looked at.

    Raises:
        ModelError: If a split has one class only, a feature alone predicts the label, a feature is dated after its row,
            or a label was not known yet.
    """
    label, keys = use_case.label, use_case.identity
    times = {view.label: time_name(view) for view in use_case.current_views}
    check_feature_times(training_set, time=use_case.time_column, found=times)
    check_label_times(training_set, known=label.known_date, as_of=as_of)
    names = [name for name in use_case.feature_names if name not in features.excluded]
    train, validation = (
        take_split(training_set, split, features=names, label=label.name, keys=keys, task=use_case.task)
        for split in ("train", "validation")
    )
    check_leakage(train, leakage, task=use_case.task)
    return add_unknown_rows(train, features.unknown_share), validation, missing_shares(training_set, times)


def search_models(
    train: Sample, validation: Sample, options: SearchOptions, *, use_case: UseCase
) -> tuple[list[Trial], list[dict[str, Any]]]:
    """Return the fitted candidates, best first, and what a reader wants to know of each."""
    trials = run_trials(train, validation, options, task=use_case.task)
    table = [{"algorithm": each.algorithm, **each.metrics, "parameters": str(dict(each.parameters))} for each in trials]
    return trials, table


def finish_candidate(
    trials: list[Trial],
    train: Sample,
    validation: Sample,
    calibration: CalibrationOptions,
    *,
    costs: CostOptions,
    use_case: UseCase,
    split: SplitOptions,
) -> tuple[TrainedModel, dict[str, float]]:
    """Return the best trial as a model, and its metrics on validation."""
    model = finish_model(
        trials[0],
        train,
        validation,
        calibration=calibration,
        costs=costs,
        label=use_case.label.name,
        reason_texts=use_case.reason_texts,
        feature_spec=_describe_features(train, use_case),
        adverse=use_case.label.adverse,
        task=use_case.task,
        held_out=split.held_out,
    )
    return model, dict(model.metrics)


def fit_baseline(
    train: Sample,
    validation: Sample,
    baseline: BaselineOptions,
    *,
    search: SearchOptions,
    costs: CostOptions,
    use_case: UseCase,
    split: SplitOptions,
) -> TrainedModel:
    """Return the business rule as a model."""
    candidate = {"algorithm": use_case.task.baseline, "feature": baseline.feature, "bins": baseline.bins}
    trial = fit_trial(train, validation, candidate, search.seed, task=use_case.task)
    return finish_model(
        trial,
        train,
        validation,
        calibration=CalibrationOptions("none"),
        costs=costs,
        label=use_case.label.name,
        reason_texts=use_case.reason_texts,
        feature_spec=_describe_features(train, use_case),
        adverse=use_case.label.adverse,
        task=use_case.task,
        held_out=split.held_out,
    )


def _describe_features(train: Sample, use_case: UseCase) -> FeatureSpec:
    return FeatureSpec.describe(train.features, use_case.current_views, use_case.on_demand)
