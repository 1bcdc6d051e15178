"""Every file of the project is in git: a module that was not added works here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conventions.project import ROOT
from tests.conventions.tracked_files import FOLDERS, list_unknown
from tests.fixtures.trained_workspace import run_git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.programs("git")
in_checkout = pytest.mark.skipif(list_unknown(ROOT) is None, reason="needs a git checkout of the project")


@in_checkout
def test_every_file_is_in_git() -> None:
    assert list_unknown(ROOT) == [], "git add them, or remove them"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_that_was_not_added_is_found(tmp_path: Path, folder: str) -> None:
    run_git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    (tmp_path / folder / "__pycache__").mkdir(parents=True)
    (tmp_path / folder / "__pycache__" / "new.pyc").touch()
    (tmp_path / "notes.txt").touch()
    assert list_unknown(tmp_path) == []
    (tmp_path / folder / "new.py").touch()
    assert list_unknown(tmp_path) == [f"{folder}/new.py"]
    run_git(tmp_path, "add", folder)
    assert list_unknown(tmp_path) == []


def test_outside_a_checkout_nothing_is_said(tmp_path: Path) -> None:
    assert list_unknown(tmp_path) is None
