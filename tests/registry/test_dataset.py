"""Registered models: saved with everything stated, loaded with everything checked."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pytest

from boathouse.errors import ModelError
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.registry.model_files import list_requirements
from boathouse.scoring.files import digest_of
from tests.fixtures.model_store import EACH_REGISTRY, FEATURES, NAME, make_dataset, make_model, refused

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("store")


@EACH_REGISTRY
def test_a_model_comes_back_as_it_went() -> None:
    dataset = make_dataset()
    model = make_model()
    dataset.save(model)
    loaded = dataset.load()
    assert isinstance(loaded, LoadedModel)
    assert (loaded.name, loaded.version, dataset.last_saved_version, dataset.last_loaded_version) == (
        NAME,
        "1",
        "1",
        "1",
    )
    assert dict(loaded.files) == dict(model.files)
    assert loaded.scorer.predict_probability(np.array([[0.0, 1.0], [2.0, 1.0]])) == pytest.approx([0.05, 0.7])


def test_a_version_says_what_it_is() -> None:
    dataset = make_dataset()
    dataset.save(make_model())
    assert mlflow.MlflowClient().get_model_version(NAME, "1").tags == {
        "stage": "registered",
        "algorithm": "rate_table",
        "environment": "test",
        "training_window": "2005-04-30/2005-06-30",
        "model_digest": digest_of(make_model().files),
        "wheel": "none: conf says so (model_wheel in globals.yml)",
    }
    signature = mlflow.models.get_model_info(f"models:/{NAME}/1").signature
    assert signature.inputs.input_names() == list(FEATURES)
    assert signature.outputs.input_names() == ["probability", "decision", "reasons"]
    assert [param.name for param in signature.params] == ["explain"]
    example = mlflow.models.Model.load(f"models:/{NAME}/1").load_input_example()
    assert example.to_dict("records") == [make_model().input_example]


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic_regression", "hist_gradient_boosting", "rate_table"])
def test_requirements_are_pinned_and_few(algorithm: str) -> None:
    requirements = list_requirements(algorithm)
    assert all("==" in each for each in requirements)
    # By its bare name anybody could give it a package on a public index.
    assert not [each for each in requirements if each.startswith(("boathouse", "pyspark", "kedro"))]


@EACH_REGISTRY
def test_registering_says_nothing(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "mlflow")  # as in every run
    make_dataset().save(make_model())
    assert capfd.readouterr() == ("", "")


@EACH_REGISTRY
def test_the_newest_version_is_told_by_number_not_by_text() -> None:
    dataset = make_dataset()
    for number in range(11):
        dataset.save(make_model(0.5 + number / 100))
    assert dataset.load().version == "11"


@EACH_REGISTRY
def test_a_version_is_found_by_its_number() -> None:
    make_dataset().save(make_model())
    make_dataset().save(make_model(0.8))
    assert make_dataset(version="1").load().files == make_model().files
    assert make_dataset(version="2").load().files == make_model(0.8).files
    with refused(ModelError, match="no version 3"):
        make_dataset(version="3").load()
    assert not make_dataset(version="3", missing_ok=True).load()


@EACH_REGISTRY
def test_without_a_version_the_error_says_how_to_make_one() -> None:
    dataset = make_dataset()
    assert not dataset.exists()
    with refused(ModelError, match=r"test\.models\.late.*kedro run --pipelines training.* --env test"):
        dataset.load()


@EACH_REGISTRY
def test_a_missing_version_may_be_allowed() -> None:
    found = make_dataset(version="3", missing_ok=True).load()
    assert found == NoModel(NAME, "3")
    assert not found


def test_mlflow_itself_loads_it_in_a_fresh_process_without_unpickling(store: Path) -> None:
    dataset = make_dataset()
    dataset.save(make_model())
    code = f"""
import sys, mlflow, pandas as pd
import pickle, cloudpickle
def refuse(*_, **__): raise SystemExit("unpickled")
pickle.load = pickle.loads = cloudpickle.load = cloudpickle.loads = refuse
mlflow.set_tracking_uri("sqlite:///{store}")
model = mlflow.pyfunc.load_model("models:/{NAME}/1")
rows = pd.DataFrame({{"limit": [1.0, 1.0, None], "{FEATURES[0]}": [0.0, 2.0, None]}})
shown = model.predict(rows, params={{"explain": True}})
print(shown["probability"].map(float.hex).tolist(), shown["decision"].tolist(), shown["reasons"].tolist()[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    matrix = np.array([[0.0, 1.0], [2.0, 1.0], [np.nan, np.nan]])
    expected = [float(each).hex() for each in make_dataset().load().scorer.predict_probability(matrix)]
    assert done.stdout.strip().splitlines()[-1] == f'{expected} [0, 1, 0] ["Payments were late"]'


def test_a_store_held_by_another_process_is_named_within_seconds(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset().save(make_model())
    holder = sqlite3.connect(store, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        mlflow.set_tracking_uri(f"sqlite:///{store}?timeout=0.2")
        monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "1")
        with refused(ModelError, match="MLflow store cannot be used"):
            make_dataset().load()
    finally:
        holder.close()


def test_an_unreachable_server_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with refused(ModelError, match="MLflow store cannot be used"):
        make_dataset().load()
