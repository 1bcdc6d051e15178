"""What makes a checkout differ from its commit: what runs, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from boathouse.hooks.provenance import parse_git_status, read_source_state
from boathouse.lifecycle.evidence import SourceState, is_released

pytestmark = pytest.mark.programs("git")


STATUS = """# branch.oid 0123abc
# branch.head main
# branch.upstream origin/main
1 .M N... 100644 100644 100644 aaaa aaaa src/x.py
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return the package of a committed checkout that has everything that decides what runs."""
    package = tmp_path / "src" / "boathouse"
    package.mkdir(parents=True)
    (package / "code.py").write_text("x = 1\n", encoding="utf-8")
    for name in ("conf/base/parameters.yml", "data/01_raw/customers.csv", "pyproject.toml", "requirements.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as committed\n", encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], check=True)
    return package


@pytest.mark.parametrize(
    "name",
    [
        *("report.html", "notes/idea.md", "edge/score.py", "data/scores/part.csv", "data/tokens_dev.json"),
        *("data/01_raw/customers.csv", "dist/report.html", "README.md"),
    ],
)
def test_what_decides_no_run_leaves_a_checkout_clean(package: Path, name: str) -> None:
    """New files and changed ones, next to the code."""
    path = package.parents[1] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left behind\n", encoding="utf-8")
    state = read_source_state(package)
    assert (state.dirty, state.difference) == ("false", "none")
    assert is_released(state, "clean_commit")


@pytest.mark.parametrize(
    "name",
    [
        *("src/boathouse/code.py", "src/boathouse/new.py", "conf/base/parameters.yml", "conf/base/new.yml"),
        *("pyproject.toml", "requirements.lock"),
    ],
)
def test_what_decides_a_run_makes_a_checkout_dirty(package: Path, name: str) -> None:
    (package.parents[1] / name).write_text("changed\n", encoding="utf-8")
    state = read_source_state(package)
    assert state.dirty == "true"
    assert len(state.difference) == 64
    assert not is_released(state, "clean_commit")


def test_a_file_that_is_gone_makes_a_checkout_dirty(package: Path) -> None:
    (package / "code.py").unlink()
    assert read_source_state(package).dirty == "true"


def test_a_report_beside_a_change_does_not_alter_its_digest(package: Path) -> None:
    (package / "code.py").write_text("x = 2\n", encoding="utf-8")
    before = read_source_state(package).difference
    (package.parents[1] / "report.html").touch()
    (package.parents[1] / "data" / "01_raw" / "customers.csv").write_text("more\n", encoding="utf-8")
    assert read_source_state(package).difference == before


def test_git_status_tells_commit_branch_and_dirt() -> None:
    assert parse_git_status(STATUS) == SourceState(commit="0123abc", branch="main", dirty="true")
    clean = "\n".join(STATUS.splitlines()[:3])
    assert parse_git_status(clean).dirty == "false"


def test_an_untracked_file_makes_a_checkout_dirty(tmp_path: Path) -> None:
    package = tmp_path / "src" / "boathouse"
    package.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "trunk", tmp_path], check=True)
    clean = SourceState(commit="(initial)", branch="trunk", dirty="false", difference="none")
    assert read_source_state(package) == clean
    (package / "new.py").touch()
    assert read_source_state(package).dirty == "true"


def test_a_dirty_checkout_is_told_apart_by_the_digest_of_its_difference(package: Path) -> None:
    code, new = package / "code.py", package / "new.py"
    digests = [read_source_state(package).difference]
    code.write_text("x = 2\n", encoding="utf-8")
    digests.append(read_source_state(package).difference)
    assert read_source_state(package).difference == digests[-1]
    new.write_text("y = 1\n", encoding="utf-8")
    digests.append(read_source_state(package).difference)
    new.write_text("y = 2\n", encoding="utf-8")
    digests.append(read_source_state(package).difference)
    assert digests[0] == "none"
    assert len(set(digests)) == 4


def test_a_wheel_knows_its_commit_only_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOATHOUSE_GIT_COMMIT", raising=False)
    assert read_source_state(tmp_path / "site-packages" / "boathouse") == SourceState(is_wheel=True)
    monkeypatch.setenv("BOATHOUSE_GIT_COMMIT", "feed")
    assert read_source_state(tmp_path / "site-packages" / "boathouse").commit == "feed"
