"""Steps of training, composed of core and use case."""

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
from boathouse.core.modelling.task import BINARY
from boathouse.core.modelling.threshold import CostOptions
from boathouse.core.modelling.training import BaselineOptions, FeatureOptions, finish_model
from boathouse.core.scoring import FeatureSpec
from boathouse.use_case.features import (
    CURRENT_VIEWS,
    ENTITY_KEYS,
    FEATURE_NAMES,
    KNOWN_COLUMN,
    REASON_TEXTS,
    TIME_COLUMN,
)
from boathouse.use_case.label import KNOWN_DATE, LABEL
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES

KEYS = (*ENTITY_KEYS, TIME_COLUMN)


def resolve_date(statements: DataFrame, as_of: str | None) -> date:
    """Return what the run pretends to know."""
    from boathouse.core.tables.as_of import resolve_as_of

    return resolve_as_of(as_of, statements, known_column=KNOWN_COLUMN)


def select_spine(labels: DataFrame, as_of: date, options: SplitOptions) -> DataFrame:
    """Return the labelled rows known by ``as_of``, each with its split."""
    split = split_labels(labels, as_of, options, time=TIME_COLUMN, known=KNOWN_DATE, entity=ENTITY_KEYS)
    return split.select(*KEYS, "split", LABEL, KNOWN_DATE)


def build_training_set(spine: DataFrame, *tables: DataFrame) -> DataFrame:
    """Return the spine with every view's features as known at each row's date, and those computed on demand."""
    from boathouse.core.features import join_point_in_time
    from boathouse.core.features.on_demand_frame import add_on_demand

    views = list(zip(CURRENT_VIEWS, tables, strict=True))
    joined = join_point_in_time(spine, views, spine_time=TIME_COLUMN, keep_times=True)
    return add_on_demand(joined, ON_DEMAND_FEATURES)


def take_samples(
    training_set: pd.DataFrame, *, features: FeatureOptions, leakage: LeakageOptions, as_of: date
) -> tuple[Sample, Sample, dict[str, float]]:
    """Return the train and the validation rows, and the share of rows for which a view had nothing.

    The test rows are not looked at.

    Raises:
        ModelError: If a split has one class only, a feature alone tells the label, a feature is dated after its row,
            or a label was not known yet.
    """
    times = {view.label: time_name(view) for view in CURRENT_VIEWS}
    check_feature_times(training_set, time=TIME_COLUMN, found=times)
    check_label_times(training_set, known=KNOWN_DATE, as_of=as_of)
    names = [name for name in FEATURE_NAMES if name not in features.excluded]
    train, validation = (
        take_split(training_set, split, features=names, label=LABEL, keys=KEYS) for split in ("train", "validation")
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
    split: SplitOptions,
) -> tuple[TrainedModel, dict[str, float]]:
    """Return the best trial as a model, and its metrics on validation."""
    model = finish_model(
        trials[0],
        train,
        validation,
        calibration=calibration,
        costs=costs,
        label=LABEL,
        reason_texts=REASON_TEXTS,
        feature_spec=_describe_features(train),
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
    split: SplitOptions,
) -> TrainedModel:
    """Return the business rule as a model."""
    candidate = {"algorithm": BINARY.baseline, "feature": baseline.feature, "bins": baseline.bins}
    trial = fit_trial(train, validation, candidate, search.seed)
    return finish_model(
        trial,
        train,
        validation,
        calibration=CalibrationOptions("none"),
        costs=costs,
        label=LABEL,
        reason_texts=REASON_TEXTS,
        feature_spec=_describe_features(train),
        held_out=split.held_out,
    )


def _describe_features(train: Sample) -> FeatureSpec:
    return FeatureSpec.describe(train.features, CURRENT_VIEWS, ON_DEMAND_FEATURES)
