"""A small project of two pipelines, run in this process: hooks are tested by what a run does."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from kedro.framework import project
from kedro.framework.session import KedroSession
from kedro.io import AbstractDataset
from kedro.pipeline import Node, Pipeline

from boathouse.core.errors import DataQualityError, TableError
from boathouse.core.options import require_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONF = Path(__file__).parents[1] / "conf"
CATALOG = """
raw.numbers: {type: tests.sample_project.FakeTable, table: test.raw.numbers, rows: 5, at: 7}
clean.numbers: {type: tests.sample_project.FakeTable, table: test.clean.numbers, rows: 4, at: 2}
training.middle: {type: kedro.io.MemoryDataset}
reports.summary: {type: kedro.io.MemoryDataset}
"""
PARAMETERS = """
training:
  split:
    share: 0.5        # of the rows
    label: late
"""


@dataclass(frozen=True, kw_only=True)
class FakeVersion:
    """What a Delta table says about one of its versions."""

    table: str
    version: int | None
    rows: int
    path: str = "/lake/t"


class FakeTable(AbstractDataset):
    """A table that only counts."""

    def __init__(self, *, table: str, rows: int, at: int | None = None, broken: bool = False) -> None:
        self._version = FakeVersion(table=table, rows=rows, version=at)
        self._broken = broken
        self.last_read: FakeVersion | None = None
        self.last_written: FakeVersion | None = None

    def load(self) -> list[int]:
        if self._broken:
            message = "raw.numbers is not there. Run data_prep."
            raise TableError(message)
        self.last_read = self._version
        return [1]

    def save(self, data: object) -> None:
        self.last_written = self._version

    def _describe(self) -> dict[str, Any]:
        return {}


class FakeModel(AbstractDataset):
    """A registered model that is always the same version."""

    def __init__(self, *, name: str, number: str) -> None:
        self.name = name
        self._number = number
        self.last_saved_version: str | None = None

    def load(self) -> None:
        return None

    def save(self, data: object) -> None:
        self.last_saved_version = self._number

    def _describe(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Options with one bounded value."""

    share: float
    label: str

    def __post_init__(self) -> None:
        require_between("share", self.share, 0, 1)


FAIL = {"now": False}


def clean(rows: list[int]) -> list[int]:
    return rows


def split(rows: list[int], options: SplitOptions) -> pd.DataFrame:
    return pd.DataFrame({"x": [options.share] * 3})


def train(middle: pd.DataFrame) -> str:
    if FAIL["now"]:
        message = "6 of 10 rows are broken. Mend the extract."
        raise DataQualityError(message)
    return f"champion of {len(middle)} rows"


def register_pipelines() -> dict[str, Pipeline]:
    prep = Pipeline(
        [Node(clean, "raw.numbers", "clean.numbers", name="clean_numbers")],
        namespace="data_prep",
        prefix_datasets_with_namespace=False,
    )
    training = Pipeline(
        [
            Node(split, ["clean.numbers", "params:training.split"], "training.middle", name="split_rows"),
            Node(train, "training.middle", "reports.summary", name="train_model"),
        ],
        namespace="training",
        prefix_datasets_with_namespace=False,
    )
    everything = {"__default__": prep + training, "data_prep": prep, "training": training}
    # As the real registry, whose packages are imported only if they are asked for.
    return {name: everything[name] for name in project.pipelines._requested_pipelines or everything}


@dataclass
class SampleProject:
    """The project's folders and its run."""

    conf: Path
    data: Path

    def run(
        self, *pipelines: str, env: str = "test", params: dict[str, Any] | None = None, **options: object
    ) -> object:
        with KedroSession.create(
            project_path=self.conf.parent, env=env, runtime_params=params, conf_source=str(self.conf)
        ) as session:
            return session.run(pipeline_names=list(pipelines) or None, **options)

    def write(self, name: str, text: str) -> None:
        path = self.conf / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleProject]:
    """Return a project whose hooks, settings, globals and MLflow settings are the real ones."""
    monkeypatch.setitem(FAIL, "now", False)
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    project.configure_project("boathouse")
    project.pipelines.configure("tests.sample_project")
    sample = SampleProject(conf=tmp_path / "conf", data=tmp_path / "data")
    for name in ("base/globals.yml", "base/mlflow.yml", "test/globals.yml"):
        (sample.conf / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CONF / name, sample.conf / name)
    sample.write("base/catalog.yml", CATALOG)
    sample.write("base/training/parameters_training.yml", PARAMETERS)
    yield sample
    project.configure_project("boathouse")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return one MLflow store for all tests: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def tracked(sample: SampleProject, store: str, monkeypatch: pytest.MonkeyPatch) -> SampleProject:
    """Return the sample project with the shared store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    return sample


@pytest.fixture
def fail_training(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a switch that makes the node train_model fail."""
    return lambda: monkeypatch.setitem(FAIL, "now", True)
