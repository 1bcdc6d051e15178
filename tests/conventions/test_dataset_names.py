"""Datasets are named by the grammar, declared, used and described."""

from __future__ import annotations

import pytest

from boathouse.pipeline_registry import FLOW
from boathouse.tables.known_contracts import known_contracts
from tests.conventions import dataset_names as conventions
from tests.conventions import project


def used() -> set[str]:
    return {name for pipeline in project.pipelines().values() for name in pipeline.datasets()}


def test_names_follow_the_grammar() -> None:
    assert conventions.find_misnamed(used() | set(project.catalog()), FLOW) == []


@pytest.mark.parametrize(
    "name",
    [
        *("clean.statements", "clean.statements@pandas", "models.champion", "reports.training"),
        *("reports.training_trials", "training.spine", "params:training.split", "extract.customers", "reports.summary"),
    ],
)
def test_grammar_takes(name: str) -> None:
    assert conventions.find_misnamed([name], ["training"]) == []


@pytest.mark.parametrize(
    "name",
    [
        *("statements", "Clean.statements", "clean.statements@csv", "reports.other", "reports.trainings"),
        *("params:", "other.spine", "training.spine.part", "parameters", "models.Champion"),
    ],
)
def test_grammar_refuses(name: str) -> None:
    assert conventions.find_misnamed([name], ["training"]) == [name]


def test_every_dataset_used_is_declared() -> None:
    assert conventions.find_undeclared(used(), project.catalog()) == []


def test_undeclared_dataset_is_found() -> None:
    used = ["clean.statements@pandas", "training.spine", "params:as_of"]
    assert conventions.find_undeclared(used, ["training.spine", "clean.statements"]) == ["clean.statements@pandas"]


def test_every_entry_is_used() -> None:
    assert conventions.find_unused(used(), project.catalog()) == []


def test_unused_entry_is_found() -> None:
    assert conventions.find_unused({"clean.statements"}, ["clean.statements", "clean.old"]) == ["clean.old"]


def test_memory_datasets_are_named_after_their_pipeline() -> None:
    assert conventions.find_strangers_in_memory(project.catalog(), FLOW) == []


def test_memory_dataset_under_a_table_s_name_is_found() -> None:
    catalog = {"clean.rows": {"type": "MemoryDataset"}, "training.rows": {"type": "MemoryDataset"}}
    assert conventions.find_strangers_in_memory(catalog, ["training"]) == ["clean.rows"]


@pytest.mark.parametrize("environment", project.environments())
def test_every_table_has_contract_layer_and_description(environment: str) -> None:
    assert conventions.describe_gaps(project.catalog(environment), known_contracts()) == []


def test_gaps_of_a_table_are_found() -> None:
    bare = {"type": conventions.DELTA, "table": "dev.clean.other", "contract": "clean.gone"}
    assert conventions.describe_gaps({"clean.rows": bare}, {"clean.rows"}) == [
        "clean.rows: table 'dev.clean.other' does not end in 'clean.rows'",
        "clean.rows: no contract 'clean.gone'",
        "clean.rows: no known metadata.kedro-viz.layer",
        "clean.rows: no metadata.description",
    ]
