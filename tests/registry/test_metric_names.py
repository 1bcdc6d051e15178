"""Our metrics under MLflow's names are the numbers that ``mlflow.models.evaluate`` finds on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from boathouse.evaluation.comparison import estimate
from boathouse.modelling import metrics
from boathouse.modelling.intervals import BootstrapOptions, Scored, resample_metrics
from boathouse.registry.run_metrics import RunMetricsDataset
from tests.fixtures.model_store import empty_store, store

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["empty_store", "store"]

# Of MLflow's own, which has no word of ours: what the estimator's ``score`` returns.
THEIRS_ALONE = {"score"}


def make_model() -> LogisticRegression:
    """Return a model whose probability is the logistic function of its only input."""
    model = LogisticRegression()
    model.classes_, model.n_features_in_ = np.array([0, 1]), 1
    model.coef_, model.intercept_ = np.array([[1.0]]), np.array([0.0])
    model.feature_names_in_ = np.array(["log_odds"], dtype=object)
    return model


def make_rows() -> pd.DataFrame:
    """Return rows of which many have equal probabilities, and some are decided wrongly in both directions."""
    generator = np.random.default_rng(11)
    probability = generator.random(400).round(2).clip(0.01, 0.99)
    label = (generator.random(400) < probability).astype(float)
    return pd.DataFrame({"log_odds": np.log(probability / (1 - probability)), "label": label})


@pytest.mark.filterwarnings("ignore")  # MLflow's own evaluator and the libraries behind it warn of much
def test_every_metric_that_mlflow_has_is_ours_by_its_name(store: Path, tmp_path: Path) -> None:
    model, rows = make_model(), make_rows()
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(model, name="oracle", pip_requirements=[], serialization_format="cloudpickle")
        config = {"log_explainer": False, "log_model_explainability": False, "pos_label": 1}
        found = mlflow.models.evaluate(
            logged.model_uri,
            rows,
            targets="label",
            model_type="classifier",
            evaluators="default",
            evaluator_config=config,
        )
    probability, decision = model.predict_proba(rows[["log_odds"]])[:, 1], model.predict(rows[["log_odds"]])
    scored = Scored(rows["label"].to_numpy().astype(int), probability, decision.astype(int))
    measured = metrics.measure(scored.label, scored.probability, scored.decision, missed=5, false_alarm=1)
    options = BootstrapOptions(samples=20, confidence=0.95, seed=3)
    reported = estimate(measured, resample_metrics(scored, options, missed=5, false_alarm=1), options)
    with mlflow.start_run() as run:
        dataset = RunMetricsDataset(filepath=str(tmp_path / "metrics.json"), prefix="evaluation")
        dataset.save({name: each.value for name, each in reported.items()})
    ours = mlflow.get_run(run.info.run_id).data.metrics
    theirs = {f"evaluation.{name}": float(value) for name, value in found.metrics.items() if name not in THEIRS_ALONE}
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, abs=1e-9, rel=0)
    assert set(theirs) == {f"evaluation.{name}" for name in metrics.MLFLOW_NAMES.values()}
    assert (
        min(ours[f"evaluation.{kind}_{side}"] for kind in ("true", "false") for side in ("positives", "negatives")) > 20
    )


def test_every_name_that_is_mapped_is_measured() -> None:
    measured = metrics.measure(np.array([0, 1]), np.array([0.2, 0.7]), np.array([0, 1]), missed=5, false_alarm=1)
    assert set(metrics.MLFLOW_NAMES) <= set(measured)
    assert len(set(metrics.MLFLOW_NAMES.values())) == len(metrics.MLFLOW_NAMES)
