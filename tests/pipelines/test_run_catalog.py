"""Nodes that need a champion: without one they leave the same absence, and nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kedro.framework import project
from kedro.io import MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner
from kedro.validation import TypeExtractor
from kedro_datasets.text import TextDataset

from boathouse.lifecycle.vacancy import NoChampion
from boathouse.pipelines.run_catalog import RunCatalog, champion_node
from tests.fixtures.sample_project import sample

if TYPE_CHECKING:
    from tests.fixtures.sample_project import SampleProject

__all__ = ["sample"]
ABSENT = NoChampion(environment="test", reason="version 1 waits.", steps=(("approve it", "boathouse …"),))


@dataclass(frozen=True)
class Options:
    """Options of a node."""

    times: int


def repeat(model: str, options: Options) -> tuple[str, str]:
    """Return the model's name twice, once repeated."""
    return model, model * options.times


def give_slices(text: str) -> Iterator[tuple[str, str]]:
    """Give two slices."""
    yield text, text
    yield text, f"{text}!"


def show(found: object) -> str:
    return str(found)


def run(folder: Path, model: object) -> RunCatalog:
    report, slices = (TextDataset(filepath=str(folder / name)) for name in ("report.txt", "slices.txt"))
    catalog = RunCatalog({"report": report, "slices": slices, "params:options": MemoryDataset(Options(2))})
    catalog["model"] = MemoryDataset(model, copy_mode="assign")
    catalog["middle"], catalog["rest"] = MemoryDataset(copy_mode="assign"), MemoryDataset(copy_mode="assign")
    nodes = [
        champion_node(repeat, inputs=["model", "params:options"], outputs=["middle", "report"], name="repeat"),
        champion_node(give_slices, inputs="middle", outputs=["rest", "slices"], name="give"),
    ]
    SequentialRunner().run(Pipeline(nodes), catalog)
    return catalog


def test_with_a_champion_nodes_do_what_they_do(tmp_path: Path) -> None:
    catalog = run(tmp_path, "m")
    assert (tmp_path / "report.txt").read_text() == "mm"
    assert (tmp_path / "slices.txt").read_text() == "m!"
    assert catalog.load("rest") == "m"


def test_without_one_absence_is_passed_on_and_nothing_is_stored(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("of yesterday")
    run(tmp_path, ABSENT)
    assert (tmp_path / "report.txt").read_text() == "of yesterday"
    assert not (tmp_path / "slices.txt").exists()


def test_absence_reaches_the_last_node(tmp_path: Path) -> None:
    catalog = RunCatalog(
        {"model": MemoryDataset(ABSENT, copy_mode="assign"), "params:options": MemoryDataset(Options(2))}
    )
    nodes = [
        champion_node(repeat, inputs=["model", "params:options"], outputs=["middle", "other"], name="repeat"),
        champion_node(give_slices, inputs="middle", outputs=["a", "b"], name="give"),
        Node(show, inputs="b", outputs="shown", name="show"),
    ]
    left = SequentialRunner().run(Pipeline(nodes), catalog)
    assert left["shown"].load() == str(ABSENT)


def test_kedro_still_finds_the_types_of_options() -> None:
    node = champion_node(repeat, inputs=["model", "params:options"], outputs=["a", "b"], name="repeat")
    assert TypeExtractor({"p": Pipeline([node])}).extract_types_from_pipelines() == {"options": Options}
    assert node.func.__doc__ == repeat.__doc__


def test_a_run_says_why_nothing_was_made(sample: SampleProject, capsys: pytest.CaptureFixture[str]) -> None:
    """Which nodes did nothing, and once at the end what to do; a run goes on to its end."""
    project.pipelines.configure("tests.pipelines.test_run_catalog")
    sample.write("base/catalog.yml", "reports.page: {type: kedro_datasets.text.TextDataset, filepath: page.html}\n")
    sample.write("base/training/parameters_training.yml", "{}\n")
    sample.run("training")
    shown = capsys.readouterr().out
    assert shown.count("no champion: nothing done") == 2
    assert shown.count(str(ABSENT)) == 1
    assert "Done: 2 nodes" in shown


def register_pipelines() -> dict[str, Pipeline]:
    nodes: list[Any] = [
        Node(lambda: ABSENT, inputs=None, outputs="model", name="find_model"),
        champion_node(str.upper, inputs="model", outputs="reports.page", name="write_page"),
    ]
    return {"training": Pipeline(nodes, namespace="training", prefix_datasets_with_namespace=False)}
