"""Released code and configuration: what differs from them is named, and an edited conf does not switch that off."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from boathouse.cli.package import pack_conf
from boathouse.environment import open_environment
from boathouse.errors import ReleaseError
from boathouse.hooks.preflight import PreflightHooks
from boathouse.hooks.provenance import read_source_state
from boathouse.hooks.release_record import RELEASE_FILE, find_changed_files
from boathouse.hooks.releases import (
    Release,
    check_release,
    describe_release,
    find_code_faults,
    read_conf_files,
    read_release_in_use,
)
from boathouse.lifecycle.datasets import ClaimsDataset
from boathouse.lifecycle.evidence import SourceState
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.rules_in_force import ConfState
from tests.conventions import project as project_of
from tests.fixtures.life_cycle import options
from tests.fixtures.trained_workspace import run_git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.programs("git")

GOVERNANCE = "prod/governance/parameters_governance.yml"
SHIPPED = project_of.CONF / "base" / "governance" / "parameters_governance.yml"
CONF = {
    "base/globals.yml": "environment: dev\nlakehouse: {engine: sail, root: lake}\n",
    "base/governance/parameters_governance.yml": SHIPPED.read_text(encoding="utf-8"),
    "prod/globals.yml": "environment: prod\n",
    GOVERNANCE: "governance: {released_runs: enforce, released_code: clean_commit}\n",
    "staging/globals.yml": "environment: staging\n",
    "staging/governance/parameters_governance.yml": "governance: {released_runs: warn}\n",
    "dev/globals.yml": "{}\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a committed project whose package this process takes for its own."""
    root = tmp_path / "project"
    files = {f"conf/{name}": content for name, content in CONF.items()}
    files |= {
        ".gitignore": "conf/local/\n*.tmp.py\n",
        "src/boathouse/code.py": "x = 1\n",
        "pyproject.toml": "[project]\n",
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        run_git(root, *words)
    code = root / "src" / "boathouse"
    for module in ("releases", "preflight"):
        take = f"boathouse.hooks.{module}.read_release_in_use"
        monkeypatch.setattr(take, lambda source, name: read_release_in_use(source, name, code))
    return root


def rules(**changes: Any) -> GovernanceOptions:
    return replace(options(), **changes)


def check(project: Path, env: str = "prod", own: GovernanceOptions | None = None, **given: Any) -> None:
    """Check a run in ``env`` whose own conf would let everything pass."""
    conf = given.pop("conf", project / "conf")
    check_release(open_environment(env, conf), own or rules(released_code="clean_commit"), given or None)


def test_a_clean_commit_may_write_in_prod_also_after_a_run(project: Path) -> None:
    (project / "data" / "lakehouse").mkdir(parents=True)
    (project / "data" / "mlflow.db").write_text("", encoding="utf-8")
    (project / "src" / "boathouse" / "__pycache__").mkdir()
    (project / "src" / "boathouse" / "__pycache__" / "code.cpython-311.pyc").write_bytes(b"x")
    (project / "conf" / "local").mkdir()
    (project / "conf" / "local" / "credentials.yml").write_text("a: b\n", encoding="utf-8")
    (project / "conf" / "base" / "credentials.yml").write_text("a: b\n", encoding="utf-8")
    run_git(project, "config", "core.excludesFile", str(project / "none"))
    (project / ".git" / "info" / "exclude").write_text("credentials*.yml\n", encoding="utf-8")
    check(project)


@pytest.mark.parametrize(
    "name", ["src/boathouse/code.py", "src/boathouse/new.py", f"conf/{GOVERNANCE}", "pyproject.toml"]
)
def test_an_edited_file_is_refused_by_name_whatever_the_conf_in_use_says(project: Path, name: str) -> None:
    (project / name).write_text("# edited\n", encoding="utf-8")
    with pytest.raises(ReleaseError) as refused:
        check(project)
    assert f"1 file(s) that decide what runs ({name}) are not as in commit" in str(refused.value)
    assert "git stash --include-untracked" in str(refused.value)


@pytest.mark.parametrize("way", ["assume-unchanged", "skip-worktree", "ignored", "excluded"])
def test_a_change_that_git_was_told_to_pass_over_is_found(project: Path, way: str) -> None:
    name = "src/boathouse/code.py" if way in {"assume-unchanged", "skip-worktree"} else "src/boathouse/more.tmp.py"
    if way in {"assume-unchanged", "skip-worktree"}:
        run_git(project, "update-index", f"--{way}", name)
    (project / name).write_text("x = 2\n", encoding="utf-8")
    assert run_git(project, "status", "--porcelain") == ""
    state = read_source_state(project / "src" / "boathouse")
    assert (state.dirty, tuple(state.changed)) == ("true", (name,))
    with pytest.raises(ReleaseError, match=name):
        check(project)


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_INDEX_FILE"])
def test_the_repository_asked_is_that_of_the_code_wherever_variables_lead(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    other = tmp_path / "other"
    shutil.copytree(project, other)
    (project / "src" / "boathouse" / "code.py").write_text("x = 2\n", encoding="utf-8")
    run_git(other, "commit", "-q", "--allow-empty", "-m", "Of another project")
    commit = run_git(project, "rev-parse", "HEAD").strip()
    monkeypatch.setenv(variable, str(other / ".git" / ("index" if variable == "GIT_INDEX_FILE" else "")))
    state = read_source_state(project / "src" / "boathouse")
    assert (state.commit, tuple(state.changed)) == (commit, ("src/boathouse/code.py",))


def test_a_copy_that_another_project_ignores_is_not_in_its_commit(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(project / "src", other / "src")
    (other / ".gitignore").write_text("src/\n", encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Another project"]):
        run_git(other, *words)
    state = read_source_state(other / "src" / "boathouse")
    assert (state.dirty, tuple(state.changed)) == ("true", ("src/boathouse/code.py",))


def test_a_downloaded_archive_says_that_it_has_no_commit_and_what_to_do(project: Path) -> None:
    shutil.rmtree(project / ".git")
    with pytest.raises(ReleaseError, match="neither a git checkout nor an installed wheel") as refused:
        check(project, own=rules(released_code="clean_commit", released_runs="enforce"))
    assert "git clone" in str(refused.value)


# The configuration


def test_another_conf_is_refused_by_its_files_and_the_same_elsewhere_is_not(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "conf"
    shutil.copytree(project / "conf", elsewhere)
    archive = tmp_path / "conf.tar.gz"
    pack_conf(elsewhere, archive)
    zipped = tmp_path / "conf.zip"
    with zipfile.ZipFile(zipped, "w") as packed:
        for name, content in CONF.items():
            packed.writestr(f"conf/{name}", content)
    for same in (elsewhere, archive, zipped):
        check(project, conf=same)
    (elsewhere / GOVERNANCE).write_text("governance: {released_runs: false}\n", encoding="utf-8")
    (elsewhere / "base" / "parameters.yml").write_text("as_of: null\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=f"is not the one of the commit: base/parameters.yml, {GOVERNANCE}. Commit"):
        check(project, conf=elsewhere)


def test_the_layer_of_another_environment_does_not_matter(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "conf"
    shutil.copytree(project / "conf", elsewhere)
    (elsewhere / "dev" / "globals.yml").write_text("lakehouse: {root: other}\n", encoding="utf-8")
    check(project, conf=elsewhere)


def test_a_layer_that_takes_the_name_of_another_environment_is_refused(project: Path) -> None:
    (project / "conf" / "local").mkdir()
    (project / "conf" / "local" / "globals.yml").write_text("environment: prod\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match="Layer 'local' of conf names environment 'prod', which has a layer"):
        check(project, env="local")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"governance": {"approvals": {"needed": 0}}}, "governance"),
        ({"promotion": {"gates": {"modes": {"approval": "off"}}}}, "promotion.gates"),
        ({"governance": {}, "promotion": {"gates": {"min_roc_auc": 0.5}}}, "governance and promotion.gates"),
    ],
)
def test_rules_given_for_one_run_are_refused(project: Path, given: dict[str, Any], named: str) -> None:
    with pytest.raises(ReleaseError, match=f"--params sets {named}: the rules are those of the released"):
        check(project, **given)
    check(project, env="dev", **given)


def test_other_parameters_may_be_given(project: Path) -> None:
    check(project, as_of="2005-08-31", promotion={"load": {"repetitions": 5}})


def test_staging_warns_and_goes_on(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project / "src" / "boathouse" / "code.py").write_text("x = 2\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        check(project, env="staging")
    assert "Environment 'staging' should be written by released code" in caplog.text
    assert "src/boathouse/code.py" in caplog.text
    caplog.clear()
    check(project, env="dev")
    assert caplog.text == ""


def test_the_digest_of_a_conf_is_that_of_its_environment_wherever_it_lies(project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "conf.tar.gz"
    pack_conf(project / "conf", archive)
    code = project / "src" / "boathouse"
    in_folder, packed = (read_release_in_use(each, "prod", code).conf for each in (project / "conf", archive))
    assert in_folder.digest == packed.digest
    assert (in_folder.source, in_folder.is_released, packed.is_released) == ("conf", True, True)
    assert read_release_in_use(project / "conf", "staging", code).conf.digest != in_folder.digest
    (project / "conf" / GOVERNANCE).write_text("governance: {}\n", encoding="utf-8")
    edited = read_release_in_use(project / "conf", "prod", code).conf
    assert (edited.digest != in_folder.digest, edited.is_released) == (True, False)


def test_every_run_is_checked_before_it_begins_and_says_its_conf_to_the_decision(project: Path) -> None:
    hooks = PreflightHooks()
    hooks._environment = open_environment("prod", project / "conf")
    claims = ClaimsDataset()
    pipeline = Pipeline([Node(lambda who: who, inputs="promotion.claims", outputs="done", name="decide")])
    catalog = DataCatalog({"promotion.claims": claims})
    hooks.before_pipeline_run({"runtime_params": {}}, pipeline, catalog)
    assert claims.read_conf is not None
    conf = claims.load().conf
    assert conf is not None
    assert (conf.is_released, len(conf.digest)) == (True, 64)
    with pytest.raises(ReleaseError, match="--params sets governance"):
        hooks.before_pipeline_run({"runtime_params": {"governance": {"roles": {}}}}, pipeline, catalog)
    (project / "src" / "boathouse" / "code.py").write_text("x = 2\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"src/boathouse/code\.py"):
        hooks.before_pipeline_run({"runtime_params": {}}, pipeline, catalog)


def test_secrets_and_local_files_are_no_part_of_a_release(project: Path) -> None:
    (project / "conf" / "prod" / "credentials_db.yml").write_text("a: b\n", encoding="utf-8")
    assert set(read_conf_files(project / "conf")) == set(CONF)
    assert set(read_conf_files(project / "conf", "dev")) == {name for name in CONF if name[:4] in {"base", "dev/"}}


@pytest.mark.parametrize(
    "name", ["credentials/parameters_x.yml", "a.key/parameters.yml", "parameters_credentials/credentials.yml"]
)
def test_parameters_do_not_hide_behind_the_name_of_a_secret(project: Path, name: str) -> None:
    """A run reads them as parameters, wherever they lie and whatever git is told to ignore."""
    path = project / "conf" / "prod" / name
    path.parent.mkdir()
    path.write_text("training: {costs: {missed: 1}}\n", encoding="utf-8")
    (project / ".git" / "info" / "exclude").write_text("credentials*\n*.key\n", encoding="utf-8")
    assert open_environment("prod", project / "conf").section("parameters")["training"]["costs"] == {"missed": 1}
    with pytest.raises(ReleaseError, match=f"prod/{name}"):
        check(project)


# The rule of the environment

CLEAN = SourceState(commit="a" * 40, branch="main", dirty="false", difference="none")


@pytest.mark.parametrize(
    ("source", "rule", "told"),
    [
        (CLEAN, "clean_commit", None),
        (CLEAN, "tag", "give it a tag: git tag NAME"),
        (replace(CLEAN, tag="v1"), "tag", None),
        (CLEAN, "wheel", "build the wheel"),
        (replace(CLEAN, is_wheel=True), "wheel", None),
        (replace(CLEAN, is_wheel=True, dirty="true"), "clean_commit", "built from changed files"),
        (replace(CLEAN, is_wheel=True, dirty="true", changed=("boathouse/x.py",)), "wheel", "Install the wheel again"),
        (SourceState(is_wheel=True), "clean_commit", "its commit is unknown"),
        (replace(CLEAN, commit="(initial)"), "clean_commit", "commit it"),
    ],
)
def test_what_is_not_released_says_what_to_do(tmp_path: Path, source: SourceState, rule: str, told: str | None) -> None:
    conf = ConfState(source="conf", digest="d", changed=())
    faults = find_code_faults(Release(source=source, conf=conf, mode="enforce", checkout=tmp_path), rule)
    assert (not faults) if told is None else (told in faults[0])


# The wheel


def test_a_wheel_says_its_commit_and_holds_its_conf(project: Path, tmp_path: Path) -> None:
    """Installed by pip: edited afterwards, or run with another conf, it is not released any more."""
    record = describe_release(project)
    assert (record.commit, record.dirty) == (run_git(project, "rev-parse", "HEAD").strip(), "false")
    assert record.released_runs == {"dev": "off", "prod": "enforce", "staging": "warn"}
    assert set(record.conf) == set(CONF)
    code = install(project, tmp_path, record.to_json())
    state = read_source_state(code)
    assert (state.is_wheel, state.commit, state.dirty, state.changed) == (True, record.commit, "false", ())
    assert (state.difference, record.difference) == ("none", "none")
    release = read_release_in_use(project / "conf", "prod", code)
    assert (release.mode, release.conf.is_released) == ("enforce", True)
    (code / "code.py").write_text("x = 2\n", encoding="utf-8")
    (code / "new.py").write_text("y = 1\n", encoding="utf-8")
    state = read_source_state(code)
    assert (state.dirty, state.changed) == ("true", ("boathouse/code.py", "boathouse/new.py"))
    (project / "conf" / GOVERNANCE).write_text("governance: {}\n", encoding="utf-8")
    assert read_release_in_use(project / "conf", "prod", code).conf.changed == (GOVERNANCE,)


def install(project: Path, folder: Path, record: str) -> Path:
    """Build and install the project's package with pip, its record of the release in it; return where it is."""
    copy, target = folder / "build", folder / "env" / "site-packages"
    shutil.copytree(project / "src", copy / "src")
    (copy / "src" / "boathouse" / "__init__.py").touch()
    (copy / "src" / "boathouse" / RELEASE_FILE).write_text(record, encoding="utf-8")
    settings = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    settings += '[project]\nname = "boathouse"\nversion = "1"\n[tool.setuptools.package-data]\nboathouse = ["*.json"]\n'
    (copy / "pyproject.toml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*command, str(target), str(copy)], check=True, env=kept)
    return target / "boathouse"


def test_an_installed_package_without_a_list_of_its_files_counts_as_changed(tmp_path: Path) -> None:
    code = tmp_path / "site-packages" / "boathouse"
    code.mkdir(parents=True)
    (code / "code.py").write_text("x = 1\n", encoding="utf-8")
    assert find_changed_files(code) == ("boathouse/code.py",)
