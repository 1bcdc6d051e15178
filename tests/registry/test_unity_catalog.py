"""The registry in Unity Catalog, asked by MLflow's own client: pages, refusals, long tags, unfinished versions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
from kedro.io import DatasetError
from mlflow.entities.model_registry.model_version_search import ModelVersionSearch
from mlflow.models import ModelSignature

from boathouse.errors import ModelError, UntrustedModelError
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lineage.version_facts import find_version
from boathouse.registry import model_files
from boathouse.registry.client import open_client
from boathouse.registry.feature_usage import FeatureUsageDataset
from boathouse.registry.tags import TAG_LENGTH, read_tags, write_tags
from boathouse.registry.versions import RegistryVersions, copy_registered, list_numbers, read_versions
from boathouse.rehearsal.workspace.answers import ServiceError
from tests.fixtures.model_store import FEATURES, NAME, ON_PLATFORM, find_stored, make_dataset, make_model, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from boathouse.rehearsal.workspace.server import Workspace

pytestmark = [ON_PLATFORM, pytest.mark.usefixtures("store")]


def register(workspace: Workspace, count: int) -> None:
    """Register one model, and its like ``count - 1`` times by the store's own copy of it."""
    make_dataset().save(make_model())
    registry = workspace.registry
    first = registry.models[NAME].versions["1"]
    for number in map(str, range(2, count + 1)):
        twin = type(first)(type(first.known)(), tags=dict(first.tags))
        twin.known.CopyFrom(first.known)
        twin.known.version = number
        registry.models[NAME].versions[number] = twin
    registry.models[NAME].newest = count


def test_hits_of_a_search_have_no_tags_and_versions_have_them_all_the_same(workspace: Workspace) -> None:
    register(workspace, 1)
    page = open_client().search_model_versions(f"name = '{NAME}'")
    (hit,) = open_client().search_model_versions(f"name = '{NAME}'", page_token=page.token)
    assert isinstance(hit, ModelVersionSearch)
    assert callable(hit.tags)
    entry = ModelRegistry(NAME).read().versions["1"]
    assert entry.tags["algorithm"] == "rate_table"
    assert entry.digest == RegistryVersions().digest(NAME, "1")


def test_every_page_is_read_and_numbers_are_numbers(workspace: Workspace) -> None:
    register(workspace, 11)
    assert list_numbers(open_client(), NAME) == [str(number) for number in range(1, 12)]
    assert list(ModelRegistry(NAME).read().versions) == [str(number) for number in range(1, 12)]
    with pytest.raises(ModelError, match=r"version 12.*10, 11\."):
        find_version(open_client(), NAME, "12")


def test_the_newest_version_costs_no_question_for_each_of_the_others(workspace: Workspace) -> None:
    register(workspace, 7)
    workspace.calls.clear()
    assert make_dataset().exists()
    assert (workspace.calls["SearchModelVersions"], workspace.calls["GetModelVersion"]) == (5, 1)


def test_a_version_without_its_files_is_not_there_yet(workspace: Workspace) -> None:
    register(workspace, 1)
    workspace.refusals["FinalizeModelVersion"] = ServiceError("TEMPORARILY_UNAVAILABLE", "later")
    with refused(ModelError, match="MLflow store cannot be used"):
        make_dataset().save(make_model(0.8))
    assert [version.known.status for version in workspace.registry.models[NAME].versions.values()] == [3, 1]
    assert list(ModelRegistry(NAME).read().versions) == ["1"]
    assert make_dataset().load().version == "1"


def test_a_version_that_is_deleted_meanwhile_is_passed_over(workspace: Workspace) -> None:
    register(workspace, 3)
    workspace.refusals["GetModelVersion"] = ServiceError.missing("Routine or Model Version")
    assert read_versions(open_client(), NAME) == []
    assert FeatureUsageDataset(models=[NAME], every_version=True).load() == []


def test_only_versions_with_an_alias_are_asked_for(workspace: Workspace) -> None:
    register(workspace, 5)
    open_client().set_registered_model_alias(NAME, "champion", "4")
    workspace.calls.clear()
    (use,) = FeatureUsageDataset(models=[NAME]).load()
    assert (use.version, use.aliases, workspace.calls["GetModelVersion"]) == ("4", ("champion",), 1)


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNAUTHENTICATED"])
def test_a_refusal_says_which_rights_are_needed(workspace: Workspace, code: str) -> None:
    workspace.refusals["CreateRegisteredModel"] = ServiceError(code, "User lacks CREATE MODEL on the schema.")
    with refused(ModelError, match=rf"{code}: User lacks CREATE MODEL.*USE SCHEMA"):
        make_dataset().save(make_model())


def test_a_missing_schema_is_named(workspace: Workspace) -> None:
    workspace.catalog.remove("test.models", "schema")
    with refused(ModelError, match=r"Schema 'test\.models' does not exist.*schema has to exist"):
        make_dataset().save(make_model())
    assert ModelRegistry(NAME).read().versions == {}
    with refused(ModelError, match="has no version"):
        make_dataset().load()


def test_a_signature_without_outputs_is_refused_before_anything_is_registered(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model_files.make_signature

    def without_outputs(*given: Any) -> ModelSignature:
        return ModelSignature(inputs=whole(*given).inputs)

    monkeypatch.setattr(model_files, "make_signature", without_outputs)
    with refused(ModelError, match="signature that includes only inputs"):
        make_dataset().save(make_model())
    assert all(not model.versions for model in workspace.registry.models.values())


def test_a_service_that_fails_is_named_with_its_words(workspace: Workspace) -> None:
    workspace.refusals["GetRegisteredModel"] = ServiceError("INTERNAL_ERROR", "Metastore is moving.")
    with pytest.raises(ModelError, match=r"INTERNAL_ERROR: Metastore is moving\."):
        RegistryVersions().aliases(NAME)


@pytest.mark.parametrize(
    ("part", "match"),
    [
        ("directories", r"refuses the request \(PermissionDenied: .*EXECUTE to read"),
        ("files", r"cannot be used \(INTERNAL_ERROR: .*No grant on the storage"),
    ],
)
def test_files_that_are_refused_are_named(workspace: Workspace, part: str, match: str) -> None:
    make_dataset().save(make_model())
    workspace.refusals[part] = ServiceError("PERMISSION_DENIED", "No grant on the storage.")
    with refused(ModelError, match=match):
        make_dataset().load()


def test_a_refusal_is_without_the_settings_of_the_client(workspace: Workspace) -> None:
    make_dataset().save(make_model())
    workspace.refusals["files"] = ServiceError("PERMISSION_DENIED", "No grant on the storage.")
    with pytest.raises(DatasetError) as found:
        make_dataset().load()
    assert "No grant on the storage" in str(found.value)
    assert "host=" not in str(found.value)


@pytest.mark.parametrize("length", [TAG_LENGTH - 1, TAG_LENGTH, TAG_LENGTH + 1, 3 * TAG_LENGTH])
def test_a_long_tag_comes_back_whole(workspace: Workspace, length: int) -> None:
    register(workspace, 1)
    for value in ("t" * 4 * TAG_LENGTH, "u" * length):
        write_tags(NAME, "1", {"table_versions": value})
        assert ModelRegistry(NAME).read().versions["1"].tags["table_versions"] == value
    assert make_dataset().load().tags["table_versions"] == value
    assert not [name for name in read_tags(open_client().get_model_version(NAME, "1").tags) if name.endswith("_2")]


def test_a_long_tag_of_a_new_version_is_not_refused() -> None:
    make_dataset(owner="o" * 300).save(make_model())
    assert make_dataset().load().tags["owner"] == "o" * 300


def test_mlflow_itself_loads_the_version() -> None:
    make_dataset().save(make_model())
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    assert model.predict({FEATURES[0]: [0.0, 2.0], FEATURES[1]: [1.0, 1.0]})["decision"].tolist() == [0, 1]


def test_a_copy_keeps_files_tags_and_page(workspace: Workspace) -> None:
    make_dataset(description="What it is.").save(make_model())
    for number in ("1", "2"):
        copied = copy_registered(open_client(), NAME, "1", "prod.models.late")
        assert (str(copied.version), copied.description) == (number, "What it is.")
    twin, original = (replace(make_dataset().load(), name=NAME), make_dataset().load())
    assert (dict(twin.files), twin.tags) == (dict(original.files), original.tags)
    assert workspace.calls["CreateRegisteredModel"] == 2


def change_metadata(path: Path) -> None:
    (path / "metadata" / "MLmodel").write_text("flavors: {}", encoding="utf-8")


def add_code(path: Path) -> None:
    (path / "metadata" / "attack.py").write_text("raise SystemExit", encoding="utf-8")


def add_folder(path: Path) -> None:
    (path / "metadata" / "code").mkdir()
    (path / "metadata" / "code" / "attack.py").write_text("raise SystemExit", encoding="utf-8")


def copy_without_original(path: Path) -> None:
    (path / "conda.yaml").unlink()


def make_it_a_file(path: Path) -> None:
    for each in (path / "metadata").iterdir():
        each.unlink()
    (path / "metadata").rmdir()
    (path / "metadata").write_text("raise SystemExit", encoding="utf-8")


CHANGES = (change_metadata, add_code, add_folder, copy_without_original, make_it_a_file)


def test_of_the_folder_metadata_only_copies_are_allowed(store: Path) -> None:
    make_dataset().save(make_model())
    stored = find_stored("spec.json", store).parents[2]
    copies = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"}
    assert {path.name for path in (stored / "metadata").iterdir()} == copies
    assert make_dataset().load().version == "1"


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_whatever_else_is_in_the_folder_metadata_is_refused(store: Path, change: Callable[[Path], None]) -> None:
    make_dataset().save(make_model())
    change(find_stored("spec.json", store).parents[2])
    with refused(UntrustedModelError, match="metadata"):
        make_dataset().load()
