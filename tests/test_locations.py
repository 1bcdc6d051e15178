"""Where data, runs and models are: on this machine, on a server, on Databricks."""

from __future__ import annotations

from pathlib import Path

import pytest

from boathouse.environment import open_conf
from boathouse.errors import ConfigError
from boathouse.locations import locate_artifacts, locate_data, locate_mlflow, locate_registry, name_experiment
from boathouse.plain_paths import is_plain

CONF = Path(__file__).parents[1] / "conf"
VARIABLES = ("BOATHOUSE_DATA", "BOATHOUSE_EXPERIMENTS", "DATABRICKS_RUNTIME_VERSION", "MLFLOW_TRACKING_URI")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_on_a_laptop_everything_is_in_the_data_folder(tmp_path: Path) -> None:
    assert locate_data("x") == f"{tmp_path}/data/x"
    assert locate_mlflow() == f"sqlite:///{tmp_path}/data/mlflow.db"
    assert locate_artifacts() == f"file://{tmp_path}/data/mlartifacts"
    assert (locate_registry(), name_experiment("prod")) == (None, "boathouse-prod")
    assert name_experiment("dev", "dev_alice_") == "boathouse-dev-dev_alice"


def test_a_home_folder_is_meant_by_its_sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("BOATHOUSE_DATA", "~/bank data/")
    assert locate_data("x") == f"{tmp_path}/me/bank data/x"
    assert locate_artifacts() == f"file://{tmp_path}/me/bank%20data/mlartifacts"


def test_a_path_that_conf_and_urls_would_take_apart_is_named_by_a_link(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "a?{b}"
    monkeypatch.setenv("BOATHOUSE_DATA", str(folder))
    store = Path(locate_mlflow().removeprefix("sqlite:///"))
    store.touch()
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    assert is_plain(locate_data("lakehouse"))
    assert locate_artifacts() == (folder / "mlartifacts").as_uri()


def test_a_server_keeps_artifacts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert (locate_mlflow(), locate_artifacts(), locate_registry()) == ("http://127.0.0.1:5000", None, None)
    assert name_experiment("prod") == "boathouse-prod"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DATABRICKS_RUNTIME_VERSION", "16.4"), ("MLFLOW_TRACKING_URI", "databricks://bank")],
)
def test_on_databricks_models_are_in_unity_catalog_and_experiments_in_the_workspace(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert (locate_registry(), locate_artifacts()) == ("databricks-uc", None)
    assert name_experiment("prod") == "/Shared/boathouse-prod"
    monkeypatch.setenv("BOATHOUSE_EXPERIMENTS", "/Teams/risk/")
    assert name_experiment("prod") == "/Teams/risk/boathouse-prod"


def test_an_experiment_folder_must_be_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    monkeypatch.setenv("BOATHOUSE_EXPERIMENTS", "Shared")
    with pytest.raises(ConfigError, match="'Shared'; allowed: the absolute path"):
        name_experiment("prod")


def test_the_configuration_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    monkeypatch.delenv("BOATHOUSE_ENGINE", raising=False)
    mlflow = open_conf("prod", CONF)["mlflow"]
    assert mlflow["tracking"]["experiment"]["name"] == "/Shared/boathouse-prod"
    assert mlflow["server"] == {"mlflow_tracking_uri": "databricks", "mlflow_registry_uri": "databricks-uc"}
