"""Steps of training, made for a use case."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from boathouse.core.features.feature_view import time_name
from boathouse.core.modelling.calibration import CalibrationOptions
from boathouse.core.modelling.leakage import (
    LeakageOptions,
    check_feature_times,
    check_label_times,
    check_leakage,
    missing_shares,
)
from boathouse.core.modelling.matrix import Sample, take_split
from boathouse.core.modelling.result import TrainedModel
from boathouse.core.modelling.search import SearchOptions, Trial, fit_trial, run_trials
from boathouse.core.modelling.splits import SplitOptions, split_labels
from boathouse.core.modelling.threshold import CostOptions
from boathouse.core.modelling.training import BaselineOptions, FeatureOptions, finish_model
from boathouse.core.scoring import FeatureSpec
from boathouse.core.use_case_spec import UseCase


def resolve_date(rows: DataFrame, as_of: str | None, *, use_case: UseCase) -> date:
    """Return the cutoff of the data that the run may see."""
    from boathouse.core.tables.as_of import resolve_as_of

    return resolve_as_of(as_of, rows, known_column=use_case.known_column)


def select_spine(labels: DataFrame, as_of: date, options: SplitOptions, *, use_case: UseCase) -> DataFrame:
    """Return the labelled rows known by ``as_of``, each with its split."""
    label = use_case.label
    split = split_labels(labels, as_of, options, time=use_case.time_column, known=label.known_date)
    return split.select(*use_case.identity, "split", label.name, label.known_date)


def build_training_set(spine: DataFrame, *tables: DataFrame, use_case: UseCase) -> DataFrame:
    """Return the spine with every view's features as known at each row's date, and those computed on demand."""
    from boathouse.core.features import join_point_in_time
    from boathouse.core.features.on_demand_frame import add_on_demand

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
        ModelError: If a split has one class only, a feature alone tells the label, a feature is dated after its row,
            or a label was not known yet.
    """
    label, keys = use_case.label, use_case.identity
    times = {view.label: time_name(view) for view in use_case.current_views}
    check_feature_times(training_set, time=use_case.time_column, found=times)
    check_label_times(training_set, known=label.known_date, as_of=as_of)
    names = [name for name in use_case.feature_names if name not in features.excluded]
    train, validation = (
        take_split(training_set, split, features=names, label=label.name, keys=keys)
        for split in ("train", "validation")
    )
    check_leakage(train, leakage)
    return train, validation, missing_shares(training_set, times)


def search_models(
    train: Sample, validation: Sample, options: SearchOptions
) -> tuple[list[Trial], list[dict[str, Any]]]:
    """Return the fitted candidates, best first, and what a reader wants to know of each."""
    trials = run_trials(train, validation, options)
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
) -> TrainedModel:
    """Return the business rule as a model."""
    candidate = {"algorithm": "rate_table", "feature": baseline.feature, "bins": baseline.bins}
    trial = fit_trial(train, validation, candidate, search.seed)
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
    )


def _describe_features(train: Sample, use_case: UseCase) -> FeatureSpec:
    return FeatureSpec.describe(train.features, use_case.current_views, use_case.on_demand)
