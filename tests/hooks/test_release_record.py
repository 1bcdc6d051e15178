"""The version of a build: bare for a release, else with the commit and the difference; and when it was built."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from boathouse.errors import ReleaseError
from boathouse.hooks.provenance import read_source_state
from boathouse.hooks.release_record import RELEASE_FILE, ReleaseRecord, name_version, read_release
from boathouse.hooks.releases import describe_release, read_build_time
from boathouse.lifecycle.evidence import SourceState
from tests.fixtures.trained_workspace import run_git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.programs("git")

COMMIT, DIGEST = "0123456789abcdef0123456789abcdef01234567", "fedcba9876543210" * 4
CLEAN = SourceState(commit=COMMIT, branch="main", dirty="false", difference="none")
DIRTY = replace(CLEAN, dirty="true", difference=DIGEST)


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boathouse.hooks.release_record.__version__", "0.3.0")
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (replace(CLEAN, tag="v0.3.0"), "0.3.0"),
        (replace(CLEAN, tag="0.3.0"), "0.3.0"),
        (CLEAN, "0.3.0+g0123456789ab"),
        (replace(CLEAN, tag="reviewed"), "0.3.0+g0123456789ab"),
        (DIRTY, "0.3.0+g0123456789ab.dirtyfedcba987654"),
        # A tag says nothing of files that differ from its commit.
        (replace(DIRTY, tag="v0.3.0"), "0.3.0+g0123456789ab.dirtyfedcba987654"),
        (replace(CLEAN, dirty="unknown", difference="unknown"), "0.3.0+g0123456789ab.unknown"),
        (SourceState(difference=DIGEST), "0.3.0+dirtyfedcba987654"),
        (SourceState(commit="(initial)", dirty="true", difference=DIGEST), "0.3.0+dirtyfedcba987654"),
        (SourceState(), "0.3.0+unknown"),
    ],
)
def test_a_version_says_commit_and_difference_unless_it_is_released(source: SourceState, expected: str) -> None:
    found = name_version(source)
    assert found == expected
    # As installers write it: nothing of it is normalized away.
    assert str(Version(found)) == found
    assert Version(found).base_version == "0.3.0"


def test_a_wheel_has_the_version_that_it_was_built_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boathouse.hooks.release_record.__version__", "0.3.0+gaaaaaaaaaaaa")
    assert name_version(replace(CLEAN, is_wheel=True, tag="v0.3.0")) == "0.3.0+gaaaaaaaaaaaa"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a committed project, its lock file with it."""
    files = {
        "src/boathouse/__init__.py": '__version__ = "0.3.0"\n',
        "conf/base/globals.yml": "environment: dev\n",
        "requirements.lock": "kedro==1.7.0\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        run_git(tmp_path, *words)
    return tmp_path


def test_builds_of_different_code_never_share_a_version(project: Path) -> None:
    code, versions = project / "src" / "boathouse" / "__init__.py", []

    def note() -> None:
        versions.append(describe_release(project).version)

    note()
    code.write_text('__version__ = "0.3.0"\nx = 1\n', encoding="utf-8")
    note()
    code.write_text('__version__ = "0.3.0"\nx = 2\n', encoding="utf-8")
    note()
    (project / "src" / "boathouse" / "new.py").write_text("y = 1\n", encoding="utf-8")
    note()
    run_git(project, "add", ".")
    run_git(project, "commit", "-q", "-m", "Go on")
    note()
    run_git(project, "tag", "v0.3.0")
    note()
    assert len(set(versions)) == len(versions) == 6
    assert versions[-1] == "0.3.0"
    assert [bool(re.search("dirty", each)) for each in versions] == [False, True, True, True, False, False]


def test_a_tag_of_the_version_counts_though_a_newer_one_stands_on_the_commit(project: Path) -> None:
    run_git(project, "tag", "v0.3.0")
    run_git(project, "tag", "-a", "reviewed", "-m", "Reviewed")
    assert read_source_state(project / "src" / "boathouse").tag == "v0.3.0"
    assert describe_release(project).version == "0.3.0"


def test_a_tag_of_another_version_is_refused(project: Path) -> None:
    run_git(project, "tag", "v0.4.0")
    with pytest.raises(ReleaseError, match=r"The tag v0\.4\.0 stands on this commit, whose code is version 0\.3\.0"):
        describe_release(project)


def test_code_without_a_repository_is_told_apart_by_its_files(project: Path) -> None:
    (project / ".git").rename(project / "elsewhere")
    sources = [(project / "src/boathouse/__init__.py").relative_to(project)]
    first = describe_release(project, sources)
    assert (first.commit, first.built_at_is) == ("unknown", "clock")
    assert re.fullmatch(r"0\.3\.0\+dirty[0-9a-f]{12}", first.version)
    assert describe_release(project, sources).version == first.version
    (project / sources[0]).write_text('__version__ = "0.3.0"\nx = 1\n', encoding="utf-8")
    assert describe_release(project, sources).version != first.version


def test_the_time_of_a_build_is_the_commits_the_variables_or_the_clocks(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = datetime.fromtimestamp(int(run_git(project, "log", "-1", "--format=%ct")), UTC)
    assert read_build_time(project, replace(CLEAN)) == (committed, "commit")
    before = datetime.now(UTC).replace(microsecond=0)
    time, origin = read_build_time(project, DIRTY)
    assert (time >= before, time.microsecond, origin) == (True, 0, "clock")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert read_build_time(project, CLEAN) == (datetime(1970, 1, 2, tzinfo=UTC), "SOURCE_DATE_EPOCH")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ReleaseError, match="SOURCE_DATE_EPOCH is 'yesterday'; expected whole seconds"):
        read_build_time(project, CLEAN)


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    content = {**json.loads(ReleaseRecord(commit="abc").to_json()), "signed_by": "somebody"}
    (tmp_path / RELEASE_FILE).write_text(json.dumps(content), encoding="utf-8")
    assert read_release(tmp_path) == ReleaseRecord(commit="abc")
