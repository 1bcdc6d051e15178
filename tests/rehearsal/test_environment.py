"""The environment of rehearsed tasks is kept as long as it is used."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from boathouse.rehearsal import environment


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache; nothing is installed, pip's part is only noted."""
    monkeypatch.setenv("XDG_CACHE_HOME", tmp_path.as_posix())
    monkeypatch.setattr(environment, "find_python", lambda: ("python", "3.12"))
    monkeypatch.setattr(environment, "_read_requirements", lambda wheel: [wheel.name])
    monkeypatch.setattr(environment, "_run", lambda command: Path(command[-1]).mkdir(parents=True))
    monkeypatch.setattr(environment, "_install", lambda python, words: None)
    return environment.cache_folder()


def built(name: str, said: list[str]) -> Path:
    return environment.prepare(Path(name), None, said.append).parent.parent


def test_an_environment_is_built_once_for_each_set_of_requirements(cache: Path) -> None:
    said: list[str] = []
    first, again, other = (built(name, said) for name in ("a", "a", "b"))
    assert first == again
    assert other != first
    assert {first.parent, other.parent} == {cache}
    assert [str(first) in said[0], str(other) in said[1], len(said)] == [True, True, 2]


def test_what_was_not_used_for_a_week_or_left_half_built_is_removed(cache: Path) -> None:
    said: list[str] = []
    used, unused = built("a", said), built("b", said)
    long_ago = time.time() - 8 * 86_400
    for folder in (used, unused):
        os.utime(folder / "ready", (long_ago, long_ago))
    half = cache / "3.12-half"
    half.mkdir()
    assert built("a", said) == used
    assert [used.exists(), unused.exists(), half.exists(), len(said)] == [True, False, False, 2]


def test_spark_s_processes_import_the_wheel_first(tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    folders = environment.list_worker_folders(python, tmp_path / "wheel")
    assert folders.split(os.pathsep) == [str(tmp_path / "wheel"), str(tmp_path / "environment" / "spark")]
