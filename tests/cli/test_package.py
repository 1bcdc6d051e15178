"""What is packaged: everything that a run needs, nothing that is one machine's own or secret."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import zipfile
from datetime import UTC, datetime
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from boathouse import __version__
from boathouse.cli.main import cli
from boathouse.cli.package import pack_conf
from boathouse.databricks.published_sets import list_sets
from boathouse.hooks.releases import is_private
from tests.cli.conftest import PLANTED, ROOT, SECRET
from tests.fixtures.trained_workspace import run_git

if TYPE_CHECKING:
    from click.testing import Result

PLATFORM_BRINGS = {"pyspark", "delta-spark", "pysail", "deltalake", "databricks-connect"}


def name_of(requirement: str) -> str:
    """Return the name of the package that ``requirement`` asks for."""
    return re.match(r"[\w.-]+", requirement).group()  # type: ignore[union-attr]


@pytest.fixture
def wheel(packaged: tuple[Path, Result]) -> zipfile.ZipFile:
    (path,) = packaged[0].glob("boathouse-*.whl")
    return zipfile.ZipFile(path)


def test_the_configuration_has_every_layer_and_no_secret(packaged: tuple[Path, Result]) -> None:
    with tarfile.open(packaged[0] / "conf-boathouse.tar.gz") as archive:
        names = archive.getnames()
        texts = [archive.extractfile(name).read().decode() for name in names]  # type: ignore[union-attr]
        owners = {(member.uname, member.uid) for member in archive.getmembers()}
    tracked = {
        f"conf/{path.relative_to(ROOT / 'conf').as_posix()}"
        for path in (ROOT / "conf").rglob("*")
        if path.is_file() and not is_private(path.relative_to(ROOT / "conf"))
    }
    assert set(names) == tracked
    assert {"conf/base/globals.yml", "conf/prod/globals.yml", "conf/logging.yml"} <= tracked
    assert not [text for text in texts if SECRET in text]
    assert owners == {("", 0)}


def test_what_was_left_out_is_named(packaged: tuple[Path, Result]) -> None:
    assert all(f"Left out: conf/{name}\n" in packaged[1].output for name in PLANTED)


def test_the_wheel_has_the_files_that_git_knows_and_its_record(
    wheel: zipfile.ZipFile, packaged: tuple[Path, Result]
) -> None:
    names = wheel.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"boathouse"}
    assert not [name for name in names if SECRET.encode() in wheel.read(name)]
    known = run_git(packaged[0].parent, "ls-files", "src/boathouse").splitlines()
    assert len(known) > 200
    held = {f"src/{name}" for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert held == {*known, "src/boathouse/release.json"}


def test_the_wheel_says_what_it_was_built_from(wheel: zipfile.ZipFile, packaged: tuple[Path, Result]) -> None:
    record = json.loads(wheel.read("boathouse/release.json"))
    project = packaged[0].parent
    commit = run_git(project, "rev-parse", "HEAD").strip()
    version = f"{__version__.partition('+')[0]}+g{commit[:12]}"
    assert (record["commit"], record["dirty"], record["difference"]) == (commit, "false", "none")
    assert record["lock_digest"] == hashlib.sha256((project / "requirements.lock").read_bytes()).hexdigest()
    committed = int(run_git(project, "log", "-1", "--format=%ct"))
    assert datetime.fromisoformat(record["built_at"]).timestamp() == committed
    assert record["built_at_is"] == "commit"
    assert record["version"] == version
    assert f'__version__ = "{version}"' in wheel.read("boathouse/__init__.py").decode()
    (metadata,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    assert Parser().parsestr(wheel.read(metadata).decode())["Version"] == version
    assert Path(str(wheel.filename)).name == f"boathouse-{version}-py3-none-any.whl"


def test_there_are_constraints_for_each_environment_of_the_platform(packaged: tuple[Path, Result]) -> None:
    names = {path.name for path in packaged[0].glob("constraints-*.txt")}
    assert names == {f"constraints-{name}.txt" for name in list_sets()}
    assert {"constraints-serverless-5.txt", "constraints-dbr-17.3-ml.txt"} <= names


def test_an_environment_that_is_not_known_is_refused_before_anything_is_built(
    packaged: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(packaged[0].parent)
    result = CliRunner().invoke(cli, ["package", "--out", str(tmp_path / "out"), "--check-environment", "3"])
    assert result.exit_code == 1
    assert "No set of packages is known of the environment '3'" in result.output
    assert not (tmp_path / "out").exists()


def test_the_archive_of_the_configuration_is_the_same_for_the_same_files_and_time(tmp_path: Path) -> None:
    time = datetime(2026, 1, 2, tzinfo=UTC)
    for name, mode in (("one", 0o600), ("two", 0o644)):
        path = tmp_path / name / "base" / "globals.yml"
        path.parent.mkdir(parents=True)
        path.write_text("a: 1\n", encoding="utf-8")
        path.chmod(mode)
        os.utime(path, (mode, mode))
        pack_conf(tmp_path / name, tmp_path / f"{name}.tar.gz", time)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        assert [member.mtime for member in archive.getmembers()] == [1767312000]


def test_the_wheel_names_its_dependencies_and_leaves_spark_to_the_platform(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    required = {line.split(";")[0].strip() for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    names = {name_of(line) for line in required}
    assert {"kedro", "kedro-mlflow", "mlflow", "xgboost", "scikit-learn", "pandas", "pyarrow"} <= names
    assert not names & PLATFORM_BRINGS
    extra = [line for line in metadata.get_all("Requires-Dist", []) if "extra == 'local'" in line.replace('"', "'")]
    assert {"pysail", "deltalake"} <= {name_of(line) for line in extra}
    assert metadata["Requires-Python"] == "<3.13,>=3.11"


def test_the_wheel_has_the_entry_point_of_the_jobs(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "boathouse = boathouse.__main__:main" in wheel.read(name).decode()


@pytest.mark.parametrize(
    ("path", "private"),
    [
        ("base/globals.yml", False),
        ("base/training/parameters_training.yml", False),
        ("base/credentials.yml", True),
        ("prod/Credentials-db.yaml", True),
        ("local/parameters.yml", True),
        ("base/server.pem", True),
        ("base/.env", True),
        ("base/localities.yml", False),
    ],
)
def test_private_files_are_told_by_name(path: str, *, private: bool) -> None:
    assert is_private(Path(path)) is private


def test_a_failing_build_keeps_the_older_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "globals.yml").write_text("a: 1", encoding="utf-8")
    archive = tmp_path / "conf.tar.gz"
    pack_conf(tmp_path / "conf", archive)
    before = archive.read_bytes()
    monkeypatch.setattr(tarfile.TarFile, "add", lambda *_args, **_options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pack_conf(tmp_path / "conf", archive)
    assert archive.read_bytes() == before


def test_outside_the_project_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["package"])
    assert result.exit_code == 1
    assert "is not the project" in result.output
