"""A version trained once more: identical where everything is, the cause named where something is not."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.session import KedroSession

from boathouse.cli.main import cli
from boathouse.errors import ReproductionError
from boathouse.lineage import reproduction
from boathouse.lineage.differences import write_reproduction
from boathouse.lineage.reproduction import check_reproducible, digest_rows, reproduce
from boathouse.lineage.retraining import nest, store_at
from boathouse.lineage.version_facts import read_version
from tests.fixtures.small_workspace import ROOT
from tests.fixtures.trained_workspace import MODEL, run_git, tag

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.lineage.facts import ModelVersionFacts
    from boathouse.lineage.work_tree import WorkTree
    from tests.fixtures.trained_workspace import TrainedWorkspace


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def describe_checkout(project: Path) -> list[str]:
    questions = (["status", "--porcelain"], ["rev-parse", "HEAD"], ["branch", "--all"], ["worktree", "list"])
    return [run_git(project, *words) for words in questions]


def test_the_same_code_data_and_parameters_predict_the_same(trained: TrainedWorkspace) -> None:
    """The parameters given on the command line of the run are taken from the record: no commit holds them."""
    before = snapshot(trained.data), describe_checkout(trained.project)
    command = ["models", "reproduce", "1", "--env", "test"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"identical: {MODEL} version 1, trained again from commit {trained.commit[:12]},")
    assert "each of the 300 recorded test rows (the same files)" in done.output
    assert "not the same" not in done.output
    assert (snapshot(trained.data), describe_checkout(trained.project)) == before
    assert mlflow.get_tracking_uri() == trained.store


def train_with_fewer_rounds(facts: ModelVersionFacts, tree: WorkTree, conf: Path) -> str:
    """Train in this process, which spares the start of another, with one parameter changed on the way."""
    path = conf / "base" / "parameters.yml"
    parameters = yaml.safe_load(path.read_text(encoding="utf-8"))
    parameters["training"]["search"]["candidates"][0]["rounds"] = 2
    path.write_text(yaml.safe_dump(parameters), encoding="utf-8")
    store = f"sqlite:///{tree.folder / 'data' / 'mlflow.db'}"
    with pytest.MonkeyPatch.context() as patch, store_at(store):
        patch.setenv("BOATHOUSE_DATA", str(tree.folder / "data"))
        with KedroSession.create(project_path=ROOT, env="test", conf_source=str(conf)) as session:
            session.run(pipeline_names=["training"])
    here = {"git_sha": str(facts.code.commit), "git_difference": "none", "git_dirty": "false"}
    for key, value in here.items():
        mlflow.MlflowClient(store, store).set_model_version_tag(MODEL, "1", key, value)
    return store


def test_another_parameter_is_named_as_the_cause(
    trained: TrainedWorkspace, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(facts: ModelVersionFacts, tree: WorkTree, conf: Path) -> str:
        shutil.copy(empty_store, tree.folder / "data")
        return train_with_fewer_rounds(facts, tree, conf)

    monkeypatch.setattr(reproduction, "train_again", train)
    done = reproduce(MODEL, "1", lakehouse=trained.lakehouse, views=(), project=trained.project)
    assert (done.is_identical, done.rows) == (False, 300)
    assert 0 < done.different <= 300
    assert 0 < done.largest < 1

    (difference,) = done.differences
    assert (difference.cause, difference.what) == ("parameters", "training.search.candidates")
    assert ("'rounds': 8" in difference.recorded, "'rounds': 2" in difference.found) == (True, True)
    assert "Likely cause: parameters." in write_reproduction(done)


@pytest.fixture
def facts(trained: TrainedWorkspace) -> ModelVersionFacts:
    return read_version(MODEL, "1", trained.lakehouse, views=())


def test_everything_on_record_can_be_reproduced(facts: ModelVersionFacts, trained: TrainedWorkspace) -> None:
    check_reproducible(facts, trained.project, allow_dirty=False)
    assert (facts.code.commit, facts.code.dirty) == (trained.commit, "false")
    assert {each.readable for each in facts.tables if each.version is not None} == {True}
    without = dataclasses.replace(facts, tables=())
    with pytest.raises(ReproductionError):
        check_reproducible(without, trained.project, allow_dirty=False)


def test_a_dirty_tree_is_refused_unless_allowed(facts: ModelVersionFacts, trained: TrainedWorkspace) -> None:
    code = dataclasses.replace(facts.code, dirty="true", difference="feed")
    dirty = dataclasses.replace(facts, code=code)
    with pytest.raises(ReproductionError, match=r"digest of the difference: feed.*--allow-dirty"):
        check_reproducible(dirty, trained.project, allow_dirty=False)
    check_reproducible(dirty, trained.project, allow_dirty=True)
    unknown = dataclasses.replace(facts, code=dataclasses.replace(facts.code, dirty=None, difference=None))
    with pytest.raises(ReproductionError, match="not recorded"):
        check_reproducible(unknown, trained.project, allow_dirty=False)


def test_a_missing_commit_is_refused(facts: ModelVersionFacts, trained: TrainedWorkspace) -> None:
    code = dataclasses.replace(facts.code, commit="0" * 40)
    with pytest.raises(ReproductionError, match=r"does not have\. Fetch it: git fetch"):
        check_reproducible(dataclasses.replace(facts, code=code), trained.project, allow_dirty=False)
    code = dataclasses.replace(facts.code, commit=None)
    with pytest.raises(ReproductionError, match="no commit is on record"):
        check_reproducible(dataclasses.replace(facts, code=code), trained.project, allow_dirty=False)


def test_a_folder_that_is_no_checkout_is_refused(facts: ModelVersionFacts, tmp_path: Path) -> None:
    with pytest.raises(ReproductionError, match="is not in a git checkout"):
        check_reproducible(facts, tmp_path, allow_dirty=False)


def test_another_python_is_refused_and_another_patch_is_not(
    facts: ModelVersionFacts, trained: TrainedWorkspace
) -> None:
    major, minor, _ = str(facts.runtime_environment.python).split(".")
    other = dataclasses.replace(facts.runtime_environment, python=f"{major}.{int(minor) + 1}.0")
    with pytest.raises(ReproductionError, match=rf"Run this command with Python {major}\.{int(minor) + 1}"):
        check_reproducible(dataclasses.replace(facts, runtime_environment=other), trained.project, allow_dirty=False)
    patch = dataclasses.replace(facts.runtime_environment, python=f"{major}.{minor}.999")
    check_reproducible(dataclasses.replace(facts, runtime_environment=patch), trained.project, allow_dirty=False)


def test_tables_without_folders_are_refused(facts: ModelVersionFacts, trained: TrainedWorkspace) -> None:
    other = dataclasses.replace(facts.runtime_environment, engine="databricks")
    with pytest.raises(ReproductionError, match="go by name"):
        check_reproducible(dataclasses.replace(facts, runtime_environment=other), trained.project, allow_dirty=False)


def test_a_run_that_left_no_tables_is_refused(facts: ModelVersionFacts, trained: TrainedWorkspace) -> None:
    with pytest.raises(ReproductionError, match="train again"):
        check_reproducible(dataclasses.replace(facts, tables=()), trained.project, allow_dirty=False)


def test_a_vacuumed_version_is_refused(trained: TrainedWorkspace, tmp_path: Path) -> None:
    shutil.copytree(trained.data / "lakehouse", tmp_path / "lakehouse")
    for file in (tmp_path / "lakehouse" / "test" / "features" / "spending").glob("*.parquet"):
        file.unlink()
    with pytest.raises(ReproductionError, match=r"features/spending cannot be read: \d+ of its files are gone"):
        reproduce(
            MODEL,
            "1",
            lakehouse={"engine": "sail", "root": str(tmp_path / "lakehouse")},
            views=(),
            project=trained.project,
        )


def test_a_training_that_fails_is_quoted_and_leaves_nothing(
    trained: TrainedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit whose code cannot be imported."""
    (trained.project / "src" / "boathouse" / "errors" / "__init__.py").write_text(
        "raise RuntimeError('no such luck')\n", encoding="utf-8"
    )
    run_git(trained.project, "commit", "-q", "-a", "-m", "Break")
    tag(trained, git_sha=run_git(trained.project, "rev-parse", "HEAD"))
    try:
        with pytest.raises(ReproductionError, match=r"(?s)training it again failed.*no such luck"):
            reproduce(MODEL, "1", lakehouse=trained.lakehouse, views=(), project=trained.project)
    finally:
        run_git(trained.project, "reset", "-q", "--hard", trained.commit)
    assert len(run_git(trained.project, "worktree", "list").splitlines()) == 1


def test_a_store_for_a_while_leaves_the_registry_to_follow_the_tracking_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = (f"sqlite:///{tmp_path}/{name}.db" for name in ("first", "other"))
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    before = mlflow.get_tracking_uri()
    try:
        with store_at(first):
            assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == (first, first)
        mlflow.set_tracking_uri(other)
        assert mlflow.get_registry_uri() == other
    finally:
        mlflow.set_tracking_uri(before)


def test_rows_have_one_digest_in_any_order() -> None:
    rows = pa.table({"a": [1.0, np.nan, 2.0], "b": ["x", None, "y"]})
    assert digest_rows(rows) == digest_rows(rows.take([2, 0, 1]).select(["b", "a"]))
    assert digest_rows(rows) != digest_rows(rows.take([0, 1, 1]))


def test_parameters_become_a_tree_again() -> None:
    assert nest({"as_of": None, "a.b.c": 1, "a.b.d": [1, {"x": 2}]}) == {
        "as_of": None,
        "a": {"b": {"c": 1, "d": [1, {"x": 2}]}},
    }
