"""Datasets are named by the grammar, declared, used and described."""

from __future__ import annotations

import pytest
from kedro.pipeline import Node, Pipeline

from boathouse.pipeline_registry import FLOW
from boathouse.pipelines.table_dataset import known_contracts
from tests.conventions import dataset_names as conventions
from tests.conventions import project

ENTRIES = {name for name in project.written_catalog() if "{" not in name}
PATTERNS = set(project.written_catalog()) - ENTRIES


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


def test_every_entry_and_pattern_is_used() -> None:
    assert conventions.find_unused(used(), ENTRIES) == []
    assert conventions.find_idle_patterns(PATTERNS, used(), ENTRIES) == []


def test_idle_pattern_is_found() -> None:
    found = conventions.find_idle_patterns(["raw.{source}", "clean.{table}"], {"raw.rows", "clean.rows"}, {"raw.rows"})
    assert found == ["raw.{source}"]


@pytest.mark.parametrize("environment", project.environments())
def test_a_pattern_takes_the_names_of_one_namespace(environment: str) -> None:
    written = project.written_catalog(environment)
    patterns = {name: entry for name, entry in written.items() if "{" in name}
    assert patterns
    assert conventions.find_loose_patterns(patterns, FLOW) == []


def test_catch_all_and_memory_among_tables_are_found() -> None:
    memory, table = {"type": "MemoryDataset"}, {"type": conventions.DELTA}
    patterns = {
        "{default}": memory,
        "{schema}.{table}": table,
        "monitoring.{value}": memory,
        "models.{alias}": table,
        "training.{value}": memory,
        "clean.{table}": table,
    }
    found = conventions.find_loose_patterns(patterns, ["training", "monitoring"])
    assert found == ["models.{alias}", "monitoring.{value}", "{default}", "{schema}.{table}"]


def test_what_lives_in_memory_is_made_and_read() -> None:
    assert conventions.find_loose_ends(project.pipelines().values(), project.catalog()) == []


def test_misspelt_memory_dataset_is_found_at_both_ends() -> None:
    flow = Pipeline([Node(len, "clean.rows", "training.spine"), Node(len, "training.spin", "clean.more")])
    memory = {"type": "MemoryDataset"}
    catalog = {"training.spine": memory, "training.spin": memory, "clean.rows": {"type": conventions.DELTA}}
    assert conventions.find_loose_ends([flow], catalog) == ["training.spin", "training.spine"]


def test_unused_entry_is_found() -> None:
    assert conventions.find_unused({"clean.statements"}, ["clean.statements", "clean.old"]) == ["clean.old"]


def test_memory_datasets_are_named_after_their_pipeline() -> None:
    assert conventions.find_strangers_in_memory(project.catalog(), FLOW) == []


def test_memory_dataset_under_a_table_s_name_is_found() -> None:
    catalog = {"clean.rows": {"type": "MemoryDataset"}, "training.rows": {"type": "MemoryDataset"}}
    assert conventions.find_strangers_in_memory(catalog, ["training"]) == ["clean.rows"]


@pytest.mark.parametrize("environment", project.environments())
def test_every_table_has_contract_and_layer(environment: str) -> None:
    assert conventions.describe_gaps(project.catalog(environment), known_contracts()) == []


def test_gaps_of_a_table_are_found() -> None:
    bare = {"type": conventions.DELTA, "table": "dev.clean.other", "contract": "clean.gone"}
    assert conventions.describe_gaps({"clean.rows": bare}, {"clean.rows"}) == [
        "clean.rows: table 'dev.clean.other' does not end in 'clean.rows'",
        "clean.rows: no contract 'clean.gone'",
        "clean.rows: no known metadata.kedro-viz.layer",
    ]


def test_description_beside_a_contract_is_found() -> None:
    twice = {
        "type": conventions.DELTA,
        "table": "dev.clean.rows",
        "contract": "clean.rows",
        "metadata": {"kedro-viz": {"layer": "clean"}, "description": "Rows."},
    }
    found = conventions.describe_gaps({"clean.rows": twice}, {"clean.rows"})
    assert found == ["clean.rows: metadata.description is the contract's to say"]
