"""Time how long registering a trained model takes, beside MLflow's own way, and print the ratio.

Usage: ``python benchmarks/register_model.py [--runs 5]``. Both log the same booster into a SQLite store
of their own and register it; MLflow's way is its xgboost flavour without stated requirements or
signature, which it then infers. Budget: less than one second.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_LOGGING_LEVEL": "ERROR"}

import mlflow
import numpy as np

from boathouse.modelling.estimators import FITS
from boathouse.modelling.result import TrainedModel
from boathouse.modelling.samples import Sample
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.scoring.scorer import write_scorer
from boathouse.scoring.spec import Calibration, ScorerSpec

BUDGET_S = 1.0
FEATURES = tuple(f"feature_{number}" for number in range(20))


def train() -> tuple[TrainedModel, bytes]:
    """Return a model as training leaves it, and its booster."""
    generator = np.random.default_rng(3)
    matrix = generator.normal(size=(20_000, len(FEATURES)))
    label = (matrix[:, 0] + generator.normal(size=len(matrix)) > 1).astype(np.int64)
    window = (date(2005, 4, 30), date(2005, 6, 30))
    sample = Sample(features=FEATURES, matrix=matrix, label=label, window=window)
    booster = FITS["xgboost"](sample, {"rounds": 200, "max_depth": 4}, 1)
    spec = ScorerSpec(
        algorithm="xgboost",
        features=FEATURES,
        label="late",
        calibration=Calibration("none"),
        threshold=0.5,
        reason_texts={name: name for name in FEATURES},
    )
    model = TrainedModel(
        files=write_scorer(spec, booster),
        algorithm="xgboost",
        parameters={},
        metrics={},
        training_window=window,
        input_example=dict.fromkeys(FEATURES, 0.0),
    )
    return model, booster


def register_as_mlflow(booster: bytes) -> None:
    """Log and register the booster with MLflow's flavour, nothing stated."""
    import xgboost

    loaded = xgboost.Booster()
    loaded.load_model(bytearray(booster))
    mlflow.xgboost.log_model(loaded, name="theirs", registered_model_name="dev.models.theirs")


def measure(register: Callable[[], None], runs: int) -> float:
    """Return the median seconds of ``runs`` registrations, each in a run of its own."""
    seconds = []
    for _ in range(runs):
        with mlflow.start_run():
            started = time.perf_counter()
            register()
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    model, booster = train()
    dataset = ModelVersionDataset(name="dev.models.ours")
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("registering", artifact_location=Path(folder, "artifacts").as_uri())
        mlflow.set_experiment("registering")
        measure(lambda: dataset.save(model), 1)
        ours = measure(lambda: dataset.save(model), runs)
        theirs = measure(lambda: register_as_mlflow(booster), 1)
    print(f"register, all stated    {ours:6.2f} s   budget {BUDGET_S:.0f} s")
    print(f"register, all inferred  {theirs:6.2f} s   {theirs / ours:.0f} x as long")


if __name__ == "__main__":
    main()
