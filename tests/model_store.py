"""A registry of its own for each test, and a small model to put into it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pytest
from kedro.io import DatasetError

from boathouse.core.modelling import TrainedModel
from boathouse.core.scoring.calibration import Calibration
from boathouse.core.scoring.scorer import write_scorer
from boathouse.core.scoring.spec import ScorerSpec
from boathouse.datasets.model_version import ModelVersionDataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "test.models.late"
FEATURES = ("months_late", "limit")


def make_model(risk: float = 0.7) -> TrainedModel:
    """Return a rule: 5 % without months late, ``risk`` from one on."""
    table = {
        "column": 0,
        "bounds": [0, 1],
        "log_odds": [float(np.log(p / (1 - p))) for p in (0.05, risk)],
        "missing_log_odds": -3.0,
    }
    spec = ScorerSpec(
        algorithm="rate_table",
        features=FEATURES,
        label="late",
        calibration=Calibration("none"),
        threshold=0.3,
        reason_texts={"months_late": "Payments were late", "limit": "The limit"},
    )
    return TrainedModel(
        files=write_scorer(spec, json.dumps(table).encode()),
        algorithm="rate_table",
        parameters={"bins": 2},
        metrics={"roc_auc": 0.7},
        training_window=(date(2005, 4, 30), date(2005, 6, 30)),
        input_example={"months_late": 0.0, "limit": 10.0},
    )


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with its tables made, to be copied: making them takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    mlflow.search_experiments()
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a store of its own."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("late", artifact_location=f"file://{tmp_path}/runs"))
    yield path
    while mlflow.active_run():
        mlflow.end_run()


def make_dataset(**options: Any) -> ModelVersionDataset:
    return ModelVersionDataset(name=NAME, **options)


@contextmanager
def refused(error: type[Exception], match: str) -> Iterator[None]:
    """Expect Kedro's error with the text of ours, which is its cause."""
    with pytest.raises(DatasetError, match=match) as caught:
        yield
    assert isinstance(caught.value.__cause__, error)
