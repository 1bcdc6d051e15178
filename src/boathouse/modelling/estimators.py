"""The closed registry of estimators that can be fitted; each returns the bytes its scorer loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.errors import ModelError
from boathouse.modelling.free_cores import free_threads

if TYPE_CHECKING:
    from boathouse.modelling.samples import Sample

# At most; two is what the smallest machine has. One or two, the fitted model is the same to the last bit.
_THREADS = 2

Fit = Callable[["Sample", Mapping[str, Any], int], bytes]


def fit_xgboost(sample: Sample, parameters: Mapping[str, Any], seed: int) -> bytes:
    """Return a fitted booster in XGBoost's JSON."""
    import xgboost

    options = dict(parameters)
    rounds = int(options.pop("rounds"))
    fixed = {"objective": "binary:logistic", "tree_method": "hist", "nthread": free_threads(_THREADS), "seed": seed}
    data = xgboost.DMatrix(sample.matrix.astype(np.float32), sample.label)
    booster = xgboost.train({**options, **fixed}, data, rounds)
    return bytes(booster.save_raw("json"))


def fit_logistic_regression(sample: Sample, parameters: Mapping[str, Any], seed: int) -> bytes:
    """Return a fitted logistic regression as JSON: standardised features, medians for missing values."""
    from sklearn.linear_model import LogisticRegression

    medians = medians_of(sample.matrix)
    filled = np.where(np.isnan(sample.matrix), medians, sample.matrix)
    means, scales = filled.mean(axis=0), filled.std(axis=0)
    scales = np.where(scales > 0, scales, 1.0)
    model = LogisticRegression(**parameters, random_state=seed).fit((filled - means) / scales, sample.label)
    content = {
        "medians": medians.tolist(),
        "means": means.tolist(),
        "scales": scales.tolist(),
        "coefficients": model.coef_[0].tolist(),
        "intercept": float(model.intercept_[0]),
    }
    return json.dumps(content).encode()


def fit_hist_gradient_boosting(sample: Sample, parameters: Mapping[str, Any], seed: int) -> bytes:
    """Return a fitted HistGradientBoostingClassifier in skops' format."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from skops.io import dumps
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(**parameters, early_stopping=False, random_state=seed)
    # scikit-learn cannot bin a column without a single value; as a constant it is never split on.
    empty = np.isnan(sample.matrix).all(axis=0)
    with threadpool_limits(free_threads(_THREADS), user_api="openmp"):
        return bytes(dumps(model.fit(np.where(empty, 0.0, sample.matrix), sample.label)))


def fit_rate_table(sample: Sample, parameters: Mapping[str, Any], seed: int) -> bytes:  # noqa: ARG001 - the registry's signature
    """Return the label's log-odds by value of one feature, one added to each count (Laplace's rule).

    A feature of few values has a group for each, so that a rare value is judged by itself.

    Raises:
        ModelError: If the sample does not have the feature.
    """
    if parameters["feature"] not in sample.features:
        raise ModelError.unknown_baseline(parameters["feature"], sample.features)
    column = sample.features.index(parameters["feature"])
    values, label = sample.matrix[:, column], sample.label
    known = ~np.isnan(values)
    bounds, most = np.unique(values[known]), int(parameters["bins"])
    if len(bounds) > most:
        bounds = np.unique(np.quantile(values[known], np.linspace(0, 1, most + 1))[:-1])
    bins = np.clip(np.searchsorted(bounds, values, side="right") - 1, 0, len(bounds) - 1)
    odds = [_log_odds(label[known & (bins == each)]) for each in range(len(bounds))]
    content = {"column": column, "bounds": bounds.tolist(), "log_odds": odds, "missing_log_odds": _log_odds(label)}
    return json.dumps(content).encode()


def medians_of(matrix: np.ndarray) -> np.ndarray:
    """Return each column's median without missing values; 0 for a column that has no value."""
    empty = np.isnan(matrix).all(axis=0)
    medians: np.ndarray = np.nanmedian(np.where(empty, 0.0, matrix), axis=0)
    return medians


def _log_odds(label: np.ndarray) -> float:
    positives = int(label.sum())
    return float(np.log((positives + 1) / (len(label) - positives + 1)))


FITS: dict[str, Fit] = {
    "xgboost": fit_xgboost,
    "logistic_regression": fit_logistic_regression,
    "hist_gradient_boosting": fit_hist_gradient_boosting,
    "rate_table": fit_rate_table,
}
# What each may be given; a misspelt hyperparameter fails before anything runs.
PARAMETERS: dict[str, frozenset[str]] = {
    "xgboost": frozenset(
        {"rounds", "max_depth", "learning_rate", "subsample", "colsample_bytree", "min_child_weight", "reg_lambda"}
    ),
    "logistic_regression": frozenset({"C", "max_iter"}),
    "hist_gradient_boosting": frozenset(
        {"max_iter", "learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization"}
    ),
    "rate_table": frozenset({"feature", "bins"}),
}
