"""A release has notes and checksums, is of a commit of main, and is checked again before it is deployed."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from scripts.previous_release import check_out, find_previous
from scripts.release_files import NOTES, SUMS, ReleaseError, find_section, run_git, verify, write

pytestmark = pytest.mark.programs("git")
CHANGES = """\
# Changelog

## Unreleased

- Later.

## 1.2.0 (2026-11-30)

- Models are judged twice.

## 1.1.0

- First.
"""


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, tag: str = "") -> str:
    path = folder / "changes"
    path.write_text(path.read_text(encoding="utf-8") + "x" if path.exists() else "x", encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Change")
    if tag:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a repository whose main has the release v1.2.0."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch", "main")
    (root / "CHANGELOG.md").write_text(CHANGES, encoding="utf-8")
    commit(root, "v1.1.0")
    commit(root, "v1.2.0")
    return root


def build(project: Path, folder: Path, *, version: str = "1.2.0", built_at: str = "10:00", **stamp: object) -> Path:
    """Write a wheel of the commit that is checked out, and what is released beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"commit": git(project, "rev-parse", "HEAD"), "dirty": "false", "built_at": built_at, **stamp}
    with zipfile.ZipFile(folder / f"boathouse-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("boathouse/release.json", json.dumps(record))
        wheel.writestr("boathouse/scorer.py", "LIMIT = 1\n")
        wheel.writestr(f"boathouse-{version}.dist-info/RECORD", built_at)
    (folder / "conf-boathouse.tar.gz").write_bytes(b"conf")
    (folder / "constraints.txt").write_text("numpy==2\n", encoding="utf-8")
    return folder


@pytest.fixture
def release(project: Path, tmp_path: Path) -> Path:
    folder = build(project, tmp_path / "release")
    write(project, "v1.2.0", folder)
    return folder


def test_a_release_has_its_notes_and_a_checksum_of_each_file(release: Path) -> None:
    assert (release / NOTES).read_text(encoding="utf-8") == "- Models are judged twice.\n"
    names = {line.split("  ")[1] for line in (release / SUMS).read_text(encoding="utf-8").splitlines()}
    assert names == {path.name for path in release.iterdir()} - {SUMS}
    if program := shutil.which("sha256sum"):
        subprocess.run([program, "--check", "--quiet", SUMS], cwd=release, check=True)


def test_a_release_is_what_its_commit_builds(project: Path, release: Path, tmp_path: Path) -> None:
    verify(project, "v1.2.0", release, build(project, tmp_path / "built", built_at="11:00"))


@pytest.mark.parametrize(
    "name", ["constraints.txt", "conf-boathouse.tar.gz", NOTES, "boathouse-1.2.0-py3-none-any.whl"]
)
def test_a_file_that_was_changed_is_found(project: Path, release: Path, name: str) -> None:
    with (release / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ReleaseError, match=f"Not as released: {name}"):
        verify(project, "v1.2.0", release)


def test_a_file_that_is_missing_or_too_many_is_found(project: Path, release: Path) -> None:
    (release / "constraints.txt").unlink()
    (release / "extra.whl").touch()
    with pytest.raises(ReleaseError, match=r"Not as released: constraints.txt, extra.whl"):
        verify(project, "v1.2.0", release)


def test_files_without_checksums_are_no_release(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="No SHA256SUMS"):
        verify(project, "v1.2.0", build(project, tmp_path / "release"))


def test_a_wheel_with_other_code_is_found(project: Path, release: Path, tmp_path: Path) -> None:
    built = build(project, tmp_path / "built")
    with zipfile.ZipFile(built / "boathouse-1.2.0-py3-none-any.whl", "a") as wheel:
        wheel.writestr("boathouse/more.py", "")
    with pytest.raises(ReleaseError, match=r"differing: boathouse/more.py"):
        verify(project, "v1.2.0", release, built)


@pytest.mark.parametrize(
    ("stamp", "fault"),
    [
        ({"commit": "0" * 40}, "The wheel says: commit 000000000000"),
        ({"dirty": "true"}, "dirty true"),
        ({"version": "1.2.1"}, r"has version 1.2.1, the tag is v1.2.0"),
    ],
)
def test_a_wheel_of_something_else_is_not_released(
    project: Path, tmp_path: Path, stamp: dict[str, str], fault: str
) -> None:
    with pytest.raises(ReleaseError, match=fault):
        write(project, "v1.2.0", build(project, tmp_path / "release", **stamp))


def test_a_tag_of_another_commit_is_not_released(project: Path, tmp_path: Path) -> None:
    commit(project)
    with pytest.raises(ReleaseError, match=r"v1.2.0 is commit .*git checkout v1.2.0"):
        write(project, "v1.2.0", build(project, tmp_path / "release"))


def test_a_commit_that_is_not_on_main_is_not_released(project: Path, tmp_path: Path) -> None:
    git(project, "checkout", "--quiet", "-b", "own")
    commit(project, "v1.3.0")
    with pytest.raises(ReleaseError, match="is not on main: it did not pass a pull request"):
        write(project, "v1.3.0", build(project, tmp_path / "release", version="1.3.0"))


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "v1.2.0-rc1", "v1.2.0; echo"])
def test_another_tag_is_no_release(project: Path, tmp_path: Path, tag: str) -> None:
    with pytest.raises(ReleaseError, match=r"Expected a tag such as v1.2.0"):
        write(project, tag, build(project, tmp_path / "release"))


def test_two_wheels_are_no_release(project: Path, tmp_path: Path) -> None:
    build(project, tmp_path / "release", version="1.2.1")
    with pytest.raises(ReleaseError, match="Expected one wheel in .*, found 2"):
        write(project, "v1.2.0", build(project, tmp_path / "release"))


def test_a_section_of_the_changelog_is_found_whole() -> None:
    assert find_section(CHANGES, "1.1.0") == "- First.\n"
    assert find_section("## [2.0.0]\n\n- a\n\n### Fixed\n\n- b\n", "2.0.0") == "- a\n\n### Fixed\n\n- b\n"


@pytest.mark.parametrize(
    "changes", ["# Changelog\n", "## 1.2.0\n\n## 1.1.0\n\n- a\n", "## 1.2.01\n- a\n", "text of 1.2.0"]
)
def test_a_version_without_changes_is_not_released(changes: str) -> None:
    with pytest.raises(ReleaseError, match=r"CHANGELOG.md says nothing of 1.2.0"):
        find_section(changes, "1.2.0")


def test_git_says_why_it_failed(project: Path) -> None:
    with pytest.raises(ReleaseError, match="git rev-parse"):
        run_git(project, "rev-parse", "--verify", "gone")


def test_the_release_before_is_the_newest_below_in_its_history(project: Path) -> None:
    for tag in ("v1.10.0", "v1.9.0", "v1.11.0-rc1", "voyage"):
        commit(project, tag)
    git(project, "checkout", "--quiet", "-b", "hotfix", "v1.2.0")
    commit(project, "v1.2.1")
    git(project, "checkout", "--quiet", "main")
    commit(project, "v1.12.0")
    assert find_previous(project, "v1.12.0") == "v1.10.0"
    assert find_previous(project, "v1.2.1") == "v1.2.0"
    assert find_previous(project, "v1.2.0") == "v1.1.0"


@pytest.mark.parametrize(
    ("tag", "fault"), [("v1.1.0", "is the first release"), ("", "expected a tag"), ("main", "expected")]
)
def test_without_a_release_before_nothing_is_rolled_back(project: Path, tag: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        find_previous(project, tag)


def test_the_release_before_is_checked_out_as_it_was(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "previous"
    for _ in range(2):
        check_out(project, "v1.1.0", out)
        assert (out / "changes").read_text(encoding="utf-8") == "x"
        assert git(out, "describe", "--tags", "--exact-match") == "v1.1.0"
    assert git(project, "rev-parse", "HEAD") == git(project, "rev-parse", "v1.2.0")
