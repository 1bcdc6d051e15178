"""A temporary work tree is there while it is needed and never longer."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import ReproductionError
from boathouse.lineage.work_tree import check_out, sweep
from tests.fixtures.trained_workspace import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
pytestmark = pytest.mark.programs("git")


PROGRAM = """
import sys, time
from pathlib import Path
from boathouse.lineage.work_tree import check_out
with check_out(Path(sys.argv[1]), "HEAD") as tree:
    print(tree.folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with the project in a folder below its top."""
    folder = tmp_path / "repository" / "model"
    folder.mkdir(parents=True)
    (folder / "code.py").write_text("x = 1\n", encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        run_git(folder.parent, *words)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def is_clean(project: Path, tmp_path: Path) -> bool:
    trees = run_git(project, "worktree", "list").splitlines()
    return len(trees) == 1 and list((tmp_path / "tmp").iterdir()) == []


def test_the_commit_is_there_and_gone_afterwards(project: Path, tmp_path: Path) -> None:
    (project / "code.py").write_text("x = 2\n", encoding="utf-8")
    with check_out(project, "HEAD") as tree:
        assert (tree.project.name, (tree.project / "code.py").read_text(encoding="utf-8")) == ("model", "x = 1\n")
    assert (project / "code.py").read_text(encoding="utf-8") == "x = 2\n"
    assert is_clean(project, tmp_path)


def test_a_hook_of_the_repository_does_not_run(project: Path, tmp_path: Path) -> None:
    hook = project.parent / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n", encoding="utf-8")
    hook.chmod(0o755)
    with check_out(project, "HEAD"):
        pass
    assert not (tmp_path / "called").exists()


def test_an_unknown_commit_leaves_nothing(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ReproductionError, match="git could not"), check_out(project, "0" * 40):
        pass
    assert is_clean(project, tmp_path)


@contextmanager
def holding(project: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds a work tree; it is waited for at the end."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(project)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_tidies_up(project: Path, tmp_path: Path, number: signal.Signals) -> None:
    with holding(project) as process:
        process.send_signal(number)
    assert process.returncode != 0
    assert is_clean(project, tmp_path)


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(project: Path, tmp_path: Path) -> None:
    with holding(project) as running:
        with holding(project) as killed:
            killed.send_signal(signal.SIGKILL)
        assert len(list((tmp_path / "tmp").iterdir())) == 2
        assert len(sweep(project)) == 1
        assert len(run_git(project, "worktree", "list").splitlines()) == 2
        running.send_signal(signal.SIGTERM)
    assert is_clean(project, tmp_path)


def test_a_tree_on_a_disk_that_is_away_is_not_forgotten(project: Path, tmp_path: Path) -> None:
    run_git(project, "worktree", "add", "--detach", str(tmp_path / "disk" / "tree"))
    (tmp_path / "disk").rename(tmp_path / "away")
    with check_out(project, "HEAD"):
        pass
    assert len(run_git(project, "worktree", "list").splitlines()) == 2


def test_a_folder_that_is_being_made_is_left_alone(project: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp" / "boathouse-reproduce-new").mkdir()
    assert sweep(project) == []
