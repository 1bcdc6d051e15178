"""Entries and patterns of the catalog, as the pipelines' names meet them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from kedro.framework.project import configure_project
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Node, Pipeline

from boathouse.cli.conf_state import read_conf
from boathouse.errors import ConfigError
from boathouse.hooks.failures import is_ephemeral
from boathouse.pipeline_registry import resolve_entries
from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from tests.conventions import project

if TYPE_CHECKING:
    from pathlib import Path

CATALOG: dict[str, dict[str, Any]] = {
    "clean.{table}": {"type": "table", "table": "dev.clean.{table}", "columns": ["{table}_id"]},
    "clean.boats": {"type": "table", "table": "dev.clean.boats", "version": 3},
    "training.{value}": {"type": "kedro.io.MemoryDataset"},
}


def flow(*names: str) -> Pipeline:
    return Pipeline([Node(len, name, f"training.value_{i}", name=f"n{i}") for i, name in enumerate(names)])


def open_catalog(overlay: Path | None = None, load_versions: dict[str, str] | None = None) -> DataCatalog:
    """Return the project's catalog of the environment ``test``, or with the files of ``overlay`` above base."""
    source, environment = (project.CONF, "test") if overlay is None else (overlay.parent, overlay.name)
    loader = CONFIG_LOADER_CLASS(conf_source=str(source), env=environment, **CONFIG_LOADER_ARGS)
    return DataCatalog.from_config(dict(loader["catalog"]), load_versions=load_versions)


def test_names_of_pipelines_are_made_by_patterns_and_written_entries_win() -> None:
    found = resolve_entries(CATALOG, [flow("clean.boats", "clean.crews", "params:as_of", "nowhere")])
    assert found == {
        "clean.boats": {"type": "table", "table": "dev.clean.boats", "version": 3},
        "clean.crews": {"type": "table", "table": "dev.clean.crews", "columns": ["crews_id"]},
        **{f"training.value_{i}": {"type": "kedro.io.MemoryDataset"} for i in range(4)},
    }
    assert CATALOG["clean.{table}"]["table"] == "dev.clean.{table}"


def test_a_new_source_and_a_new_view_need_no_line() -> None:
    loader = CONFIG_LOADER_CLASS(conf_source=str(project.CONF), env="test", **CONFIG_LOADER_ARGS)
    written = ["extract.boats", "raw.boats", "clean.boats", "clean.boats_quarantine", "features.boats_v2"]
    found = resolve_entries(loader["catalog"], [flow(*written, "data_prep.boats_judged", "data_prep.boats_counts")])
    assert [found[name]["contract"] for name in written] == ["raw.boats", *written[1:]]
    assert [found[name]["table"] for name in written[1:]] == [f"test.{name}" for name in written[1:]]
    assert found["extract.boats"]["filepath"].endswith("/01_raw/boats.csv")
    layers = [found[name]["metadata"]["kedro-viz"]["layer"] for name in written]
    assert layers == ["extract", "raw", "clean", "clean", "features"]
    assert {found[f"data_prep.boats_{each}"]["type"] for each in ("judged", "counts")} == {"kedro.io.MemoryDataset"}


@pytest.mark.parametrize(
    ("environment", "expected"), [("dev", "additive"), ("staging", "refuse"), ("prod", "refuse"), ("test", "refuse")]
)
def test_saves_add_columns_to_tables_of_dev_alone(environment: str, expected: str) -> None:
    loader = CONFIG_LOADER_CLASS(conf_source=str(project.CONF), env=environment, **CONFIG_LOADER_ARGS)
    written = ["raw.boats", "clean.boats", "clean.boats_quarantine", "features.boats_v2"]
    entries = [*resolve_entries(loader["catalog"], [flow(*written)]).values(), *loader["catalog"].values()]
    settings = {str(each["lakehouse"]["schema_evolution"]) for each in entries if "lakehouse" in each}
    assert settings == {expected}


@pytest.mark.parametrize(
    "name", ["clean.custmers", "raw.custmers", "features.spendings", "extract.boats", "monitoring.as_off", "audit.x"]
)
def test_name_without_a_contract_is_refused(name: str) -> None:
    with pytest.raises(DatasetError) as caught:
        open_catalog()[name]
    assert isinstance(caught.value.__cause__, ConfigError)
    assert "There is no contract '" in str(caught.value.__cause__)


def test_closest_contract_is_named() -> None:
    with pytest.raises(DatasetError, match=r"no contract 'clean.custmers'. Did you mean 'clean.customers'\?"):
        open_catalog()["clean.custmers"]


def test_doctor_sees_what_a_pattern_makes() -> None:
    configure_project("boathouse")
    state = read_conf(project.CONF, "test", {"data_prep": flow("clean.custmers", "extract.customers")})
    refused = [each for each in state.problems if each.startswith("catalog 'clean.custmers': There is no contract")]
    assert len(refused) == 1
    assert [path for path in state.extracts if path.endswith("/customers.csv")]


def test_patterns_are_datasets_for_hooks() -> None:
    catalog = open_catalog()
    names = ("training.spine", "clean.customers", "features.spending", "undeclared")
    assert [is_ephemeral(name, catalog) for name in names] == [True, False, False, True]
    assert catalog["model_input.groups@pandas"]._load_as == "pandas"  # type: ignore[attr-defined]


def test_one_table_of_a_pattern_is_read_at_a_version() -> None:
    """``kedro run --load-versions clean.statements:3`` pins that table alone."""
    catalog = open_catalog(load_versions={"clean.statements": "3"})
    names = ("clean.statements", "clean.customers")
    assert [catalog[name]._describe()["version"] for name in names] == [3, None]


def test_version_that_is_no_number_is_refused() -> None:
    with pytest.raises(DatasetError, match="version 'newest' must be a whole number"):
        open_catalog(load_versions={"clean.statements": "newest"})["clean.statements"]


def test_one_table_of_a_pattern_is_read_as_of_a_time(tmp_path: Path) -> None:
    """An environment that writes the entry out goes back with that table alone."""
    (tmp_path / "base").symlink_to(project.CONF / "base")
    (tmp_path / "pinned").mkdir()
    entry = """
clean.statements:
  type: boathouse.tables.dataset.DeltaTableDataset
  table: ${globals:environment}.clean.statements
  lakehouse: ${globals:lakehouse}
  contract: clean.statements
  timestamp: 2026-01-01T00:00:00
"""
    (tmp_path / "pinned" / "catalog.yml").write_text(entry, encoding="utf-8")
    catalog = open_catalog(tmp_path / "pinned")
    pinned = [catalog[name]._timestamp for name in ("clean.statements", "clean.customers")]  # type: ignore[attr-defined]
    assert pinned == [datetime(2026, 1, 1, tzinfo=UTC), None]
