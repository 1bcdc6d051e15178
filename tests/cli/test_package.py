"""What is packaged: everything that a run needs, nothing that is one machine's own or secret."""

from __future__ import annotations

import re
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.cli.package import pack_conf
from boathouse.hooks.releases import is_private
from tests.cli.conftest import PLANTED, ROOT, SECRET

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


def test_the_wheel_is_the_package_alone(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"boathouse"}
    assert not [name for name in names if "credentials" in name or "deleted_long_ago" in name or name.endswith(".yml")]
    assert not [name for name in names if SECRET.encode() in wheel.read(name)]
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / "boathouse").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    templates = ROOT / "src" / "boathouse" / "reports" / "templates"
    assert {name for name in names if "/templates/" in name} == {
        path.relative_to(ROOT / "src").as_posix() for path in templates.iterdir()
    }


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
