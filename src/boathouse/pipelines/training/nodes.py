"""Steps of training, composed of core and use case."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from boathouse.core.modelling.calibration import CalibrationOptions
from boathouse.core.modelling.leakage import LeakageOptions, check_leakage
from boathouse.core.modelling.matrix import Sample, take_split
from boathouse.core.modelling.result import TrainedModel
from boathouse.core.modelling.search import SearchOptions, Trial, fit_trial, run_trials
from boathouse.core.modelling.splits import SplitOptions, split_labels
from boathouse.core.modelling.threshold import CostOptions
from boathouse.core.modelling.training import BaselineOptions, FeatureOptions, finish_model
from boathouse.use_case.features import (
    ENTITY_KEYS,
    FEATURE_NAMES,
    FEATURE_VIEWS,
    KNOWN_COLUMN,
    REASON_TEXTS,
    TIME_COLUMN,
)
from boathouse.use_case.label import KNOWN_DATE, LABEL

KEYS = (*ENTITY_KEYS, TIME_COLUMN)


def resolve_date(statements: DataFrame, as_of: str | None) -> date:
    """Return what the run pretends to know."""
    from boathouse.core.tables.as_of import resolve_as_of

    return resolve_as_of(as_of, statements, known_column=KNOWN_COLUMN)


def select_spine(labels: DataFrame, as_of: date, options: SplitOptions) -> DataFrame:
    """Return the labelled rows known by ``as_of``, each with its split."""
    return split_labels(labels, as_of, options, time=TIME_COLUMN, known=KNOWN_DATE).select(*KEYS, "split", LABEL)


def build_training_set(spine: DataFrame, *tables: DataFrame) -> DataFrame:
    """Return the spine with every view's features as known at each row's date."""
    from boathouse.core.features import join_point_in_time

    return join_point_in_time(spine, list(zip(FEATURE_VIEWS, tables, strict=True)), spine_time=TIME_COLUMN)


def take_samples(
    training_set: pd.DataFrame, features: FeatureOptions, leakage: LeakageOptions
) -> tuple[Sample, Sample]:
    """Return the train and the validation rows; the test rows are not looked at.

    Raises:
        ModelError: If a split has one class only, or a feature alone tells the label.
    """
    names = [name for name in FEATURE_NAMES if name not in features.excluded]
    train, validation = (
        take_split(training_set, split, features=names, label=LABEL, keys=KEYS) for split in ("train", "validation")
    )
    check_leakage(train, leakage)
    return train, validation


def search_models(
    train: Sample, validation: Sample, options: SearchOptions
) -> tuple[list[Trial], list[dict[str, Any]]]:
    """Return the fitted candidates, best first, and what a reader wants to know of each."""
    trials = run_trials(train, validation, options)
    table = [{"algorithm": each.algorithm, **each.metrics, "parameters": str(dict(each.parameters))} for each in trials]
    return trials, table


def finish_candidate(
    trials: list[Trial], train: Sample, validation: Sample, calibration: CalibrationOptions, *, costs: CostOptions
) -> tuple[TrainedModel, dict[str, float]]:
    """Return the best trial as a model, and its metrics on validation."""
    model = finish_model(
        trials[0], train, validation, calibration=calibration, costs=costs, label=LABEL, reason_texts=REASON_TEXTS
    )
    return model, dict(model.metrics)


def fit_baseline(
    train: Sample, validation: Sample, baseline: BaselineOptions, *, search: SearchOptions, costs: CostOptions
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
        label=LABEL,
        reason_texts=REASON_TEXTS,
    )
