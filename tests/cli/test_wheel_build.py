"""A wheel has what git knows, and nothing that lies about; a file that was forgotten stops the build."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.cli.wheel_build import build_wheel, check_contents, list_sources
from boathouse.errors import ConfigError, ReleaseError
from tests.fixtures.trained_workspace import run_git

pytestmark = pytest.mark.programs("git")

FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "boathouse"
dynamic = ["version"]
[tool.setuptools.dynamic]
version = { attr = "boathouse.__version__" }
[tool.setuptools.packages.find]
where = ["src"]
[tool.setuptools.package-data]
"boathouse" = ["release.json", "*.txt"]
""",
    ".gitignore": "ignored.py\nbuild/\ndist/\n__pycache__/\n",
    "conf/base/globals.yml": "environment: dev\n",
    "src/boathouse/__init__.py": '__version__ = "0.1.0"\n',
    "src/boathouse/code.py": "x = 1\n",
    "src/boathouse/room/__init__.py": "",
    "src/boathouse/notes.txt": "note\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small committed project, with what an earlier build, Python and an editor left in it."""
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        run_git(root, *words)
    for name in ("build/lib/boathouse/gone.py", "src/boathouse/__pycache__/code.pyc", "src/boathouse/.code.py.swp"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("left = behind\n", encoding="utf-8")
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return root


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_a_file_that_git_does_not_know_stops_the_build(project: Path) -> None:
    (project / "src/boathouse/room/forgotten.py").write_text("y = 1\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"not in git: src/boathouse/room/forgotten\.py.*git add src/boathouse/room"):
        build_wheel(project, project / "dist")
    assert not (project / "dist").exists()
    run_git(project, "add", ".")
    assert Path("src/boathouse/room/forgotten.py") in list_sources(project)


def test_what_is_ignored_deleted_or_left_behind_does_not_travel(project: Path) -> None:
    (project / "src/boathouse/ignored.py").write_text("y = 1\n", encoding="utf-8")
    (project / "src/boathouse/code.py").unlink()
    wheel = build_wheel(project, project / "dist")
    assert names_in(wheel) == {
        "boathouse/__init__.py",
        "boathouse/notes.txt",
        "boathouse/release.json",
        "boathouse/room/__init__.py",
    }
    assert "dirty" in wheel.name


def test_two_builds_of_a_commit_are_the_same_bytes_wherever_they_are_made(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    run_git(tmp_path, "clone", "-q", str(project), str(copy))
    (copy / "src/boathouse/code.py").chmod(0o600)
    first, second = (build_wheel(root, tmp_path / name) for root, name in ((project, "one"), (copy, "two")))
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_folder_holds_one_wheel_however_often_it_is_packaged(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "dist").mkdir()
    (project / "dist" / "boathouse-0.0.9-py3-none-any.whl").touch()
    (project / "dist" / "another-1.0-py3-none-any.whl").touch()
    result = CliRunner().invoke(cli, ["package"])
    assert result.exit_code == 0, result.output
    commit = run_git(project, "rev-parse", "HEAD")[:12]
    wheels = {path.name for path in (project / "dist").glob("*.whl")}
    assert wheels == {"another-1.0-py3-none-any.whl", f"boathouse-0.1.0+g{commit}-py3-none-any.whl"}


def test_without_a_repository_everything_of_the_package_travels(project: Path) -> None:
    shutil.rmtree(project / ".git")
    (project / "src/boathouse/more.py").write_text("y = 1\n", encoding="utf-8")
    found = {path.as_posix() for path in list_sources(project)}
    assert found == {"pyproject.toml", *(name for name in FILES if name.startswith("src/")), "src/boathouse/more.py"}


def test_a_wheel_that_lacks_a_file_or_has_another_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "boathouse-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("boathouse/__init__.py", "boathouse/release.json", "boathouse/old.py", "boathouse-1.dist-info/W"):
            archive.writestr(name, "")
    sources = [Path("pyproject.toml"), Path("src/boathouse/__init__.py"), Path("src/boathouse/notes.txt")]
    with pytest.raises(ConfigError, match=r"lacks boathouse/notes\.txt and has boathouse/old\.py.*package-data"):
        check_contents(wheel, sources)
    check_contents(wheel, [sources[0], sources[1], Path("src/boathouse/old.py")])


def test_a_data_file_without_a_line_in_the_settings_is_found(project: Path) -> None:
    (project / "src/boathouse/room/table.csv").write_text("a,b\n", encoding="utf-8")
    run_git(project, "add", ".")
    with pytest.raises(ConfigError, match=r"lacks boathouse/room/table\.csv"):
        build_wheel(project, project / "dist")
