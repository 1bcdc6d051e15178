"""The wheel of a stored model: packed again from what is installed, named by its path, checked by its digest."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from boathouse.errors import ConfigError, UntrustedModelError
from boathouse.registry.model_files import download_version
from boathouse.registry.versions import copy_registered
from boathouse.registry.wheels import choose_wheel, find_wheel, has_code_of, pack_installed
from tests.fixtures.model_store import EACH_REGISTRY, FEATURES, NAME, find_stored, make_dataset, make_model, refused

if TYPE_CHECKING:
    from collections.abc import Callable

WHEEL = "boathouse-9.1+gabc-py3-none-any.whl"
CODE = {"__init__.py": '__version__ = "9.1+gabc"\n', "code.py": "x = 1\n", "release.json": '{"commit": "abc"}\n'}


def record(name: str, text: str) -> str:
    """Return the line of a file as the format of wheels has it: a digest in base64 for URLs, without padding."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{name},sha256={digest},{len(text)}\n"


def write_wheel(folder: Path, name: str = WHEEL, files: dict[str, str] | None = None) -> Path:
    """Write a wheel of a small package."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = "-".join(name.split("-")[:2])
    metadata = f"Metadata-Version: 2.1\nName: boathouse\nVersion: {stem.partition('-')[2]}\n"
    held = {f"boathouse/{each}": text for each, text in (CODE if files is None else files).items()} | {
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": "[console_scripts]\nboathouse = boathouse:main\n",
    }
    with zipfile.ZipFile(folder / name, "w") as archive:
        for each, text in held.items():
            archive.writestr(each, text)
        archive.writestr(f"{stem}.dist-info/RECORD", "".join(record(each, text) for each, text in held.items()))
    return folder / name


def install(wheel: Path, target: Path) -> Path:
    """Install a wheel by pip; return the folder of its package."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True)
    return target / "boathouse"


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    return install(write_wheel(folder), folder / "site-packages")


@pytest.fixture
def installed(installed_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(installed_once.parent, tmp_path / "installed")
    return tmp_path / "installed" / "boathouse"


def read(content: bytes, folder: Path) -> dict[str, bytes]:
    (folder / "read.zip").write_bytes(content)
    with zipfile.ZipFile(folder / "read.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_installed_package_is_packed_again_as_it_was(installed: Path, tmp_path: Path) -> None:
    name, content = find_wheel(installed)
    assert name == WHEEL
    files = read(content, tmp_path)  # type: ignore[arg-type]
    assert {each: text for each, text in files.items() if each.startswith("boathouse/")} == {
        f"boathouse/{each}": text.encode() for each, text in CODE.items()
    }
    # What an installer wrote beside is left out, and scripts that it made are too.
    information = {each.partition("/")[2] for each in files if not each.startswith("boathouse/")}
    assert information == {"METADATA", "WHEEL", "entry_points.txt", "RECORD"}
    again = install(_write(tmp_path / name, content), tmp_path / "again")  # type: ignore[arg-type,operator]
    assert (again / "code.py").read_text() == "x = 1\n"
    assert find_wheel(again) == (name, content)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_package_that_was_changed_since_is_not_packed(installed: Path) -> None:
    (installed / "code.py").write_text("x = 2\n", encoding="utf-8")
    assert find_wheel(installed) == "boathouse/code.py is not as it was installed; install the wheel again, then train"
    (distribution,) = distributions(path=[str(installed.parent)])
    assert isinstance(pack_installed(distribution), str)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return the package of a checkout: as in the wheel, but for the version and the record that a build stamps."""
    package = tmp_path / "project" / "src" / "boathouse"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__pycache__" / "code.pyc").touch()
    (package / "__init__.py").write_text('__version__ = "9.1"\n', encoding="utf-8")
    (package / "code.py").write_text("x = 1\n", encoding="utf-8")
    return package


def test_a_checkout_has_the_wheel_that_was_built_of_its_very_files(checkout: Path) -> None:
    dist = checkout.parents[1] / "dist"
    assert "boathouse package, then train" in str(find_wheel(checkout))
    write_wheel(dist, "boathouse-9.0-py3-none-any.whl", {**CODE, "code.py": "x = 0\n"})
    assert "boathouse package, then train" in str(find_wheel(checkout))
    wheel = write_wheel(dist)
    assert find_wheel(checkout) == (WHEEL, wheel.read_bytes())


@pytest.mark.parametrize("name", ["more.py", "__init__.py", "code.py"])
def test_a_wheel_of_other_code_is_none_of_this_checkout(checkout: Path, tmp_path: Path, name: str) -> None:
    wheel = write_wheel(tmp_path)
    assert has_code_of(wheel, checkout)
    (checkout / name).write_text("y = 1\n", encoding="utf-8")
    assert not has_code_of(wheel, checkout)


def test_what_is_no_archive_is_no_wheel(checkout: Path, tmp_path: Path) -> None:
    assert not has_code_of(_write(tmp_path / WHEEL, b"not a zip"), checkout)


def test_a_folder_gets_the_wheel_once(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    with pytest.raises(ConfigError, match="is no folder here. Create the volume"):
        choose_wheel(str(folder), installed)
    folder.mkdir()
    first = choose_wheel(f"{folder}/", installed)
    assert (first.requirement, first.content) == (f"{folder}/{WHEEL}", None)
    kept = folder / WHEEL
    assert first.tag == f"{folder}/{WHEEL}@sha256:{hashlib.sha256(kept.read_bytes()).hexdigest()}"
    kept.write_bytes(b"as somebody built it")
    assert choose_wheel(str(folder), installed).digest == hashlib.sha256(b"as somebody built it").hexdigest()


@pytest.mark.parametrize("option", ["yes", "wheels", "dbfs:/wheels", ""])
def test_another_way_to_name_a_wheel_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match="expected carried .beside the model., none, or the absolute path"):
        make_dataset(wheel=option)


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch, installed: Path) -> tuple[str, bytes]:
    """Have this process save models as the installed package does."""
    found = find_wheel(installed)
    assert not isinstance(found, str)
    monkeypatch.setattr("boathouse.registry.wheels.find_wheel", lambda _package: found)
    return found


def model_folder(store: Path) -> Path:
    return find_stored("spec.json", store).parents[2]


@EACH_REGISTRY
@pytest.mark.usefixtures("packed")
def test_a_carried_wheel_lies_beside_the_model_and_is_named_by_its_path(store: Path) -> None:
    make_dataset(wheel="carried").save(make_model())
    folder = model_folder(store)
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == f"wheels/{WHEEL}"
    assert not [line for line in lines if line.startswith("boathouse")]
    (pip,) = [each["pip"] for each in yaml.safe_load((folder / "conda.yaml").read_text())["dependencies"][2:]]
    assert f"wheels/{WHEEL}" in pip
    assert [path.name for path in (folder / "wheels").iterdir()] == [WHEEL]
    loaded = make_dataset().load()
    digest = hashlib.sha256((folder / "wheels" / WHEEL).read_bytes()).hexdigest()
    assert loaded.tags["wheel"] == f"wheels/{WHEEL}@sha256:{digest}"
    assert loaded.files == make_model().files


@EACH_REGISTRY
@pytest.mark.usefixtures("packed", "store")
def test_both_loaders_score_a_model_with_its_wheel() -> None:
    make_dataset(wheel="carried").save(make_model())
    rows = pd.DataFrame([[0.0, 10.0], [2.0, 20.0]], columns=list(FEATURES))
    theirs = mlflow.pyfunc.load_model(f"models:/{NAME}/1").predict(rows)["probability"]
    ours = make_dataset().load().scorer.answer(rows.to_numpy())["probability"]
    assert list(theirs) == list(ours)
    assert np.allclose(theirs, [0.05, 0.7])


@EACH_REGISTRY
@pytest.mark.usefixtures("packed")
def test_a_copy_carries_the_wheel_too(store: Path) -> None:
    make_dataset(wheel="carried").save(make_model())
    tag = make_dataset().load().tags["wheel"]
    copied = copy_registered(mlflow.MlflowClient(), NAME, "1", "prod.models.late")
    del store
    files, _ = download_version("prod.models.late", str(copied.version), {"wheel": tag})
    assert files == make_model().files


@EACH_REGISTRY
def test_without_a_wheel_the_package_is_not_named_and_the_tag_says_why(store: Path) -> None:
    make_dataset(wheel="none").save(make_model())
    assert make_dataset().load().tags["wheel"] == "none: conf says so (model_wheel in globals.yml)"
    names = [line.partition("=")[0] for line in (model_folder(store) / "requirements.txt").read_text().splitlines()]
    assert names == ["mlflow", "numpy", "pandas"]


def swap(folder: Path) -> None:
    (folder / "wheels" / WHEEL).write_bytes(b"another package")


def take_away(folder: Path) -> None:
    shutil.rmtree(folder / "wheels")


def rename(folder: Path) -> None:
    (folder / "wheels" / WHEEL).rename(folder / "wheels" / WHEEL.replace("9.1", "9.2"))


@pytest.mark.parametrize("change", [swap, take_away, rename], ids=lambda each: each.__name__)
@pytest.mark.usefixtures("packed")
def test_another_wheel_beside_a_model_is_refused(store: Path, change: Callable[[Path], None]) -> None:
    make_dataset(wheel="carried").save(make_model())
    change(model_folder(store))
    with refused(UntrustedModelError, match="is not the one that was registered"):
        make_dataset().load()


def test_a_wheel_beside_a_model_that_was_registered_without_is_refused(store: Path) -> None:
    make_dataset().save(make_model())
    write_wheel(model_folder(store) / "wheels")
    with refused(UntrustedModelError, match="its tag says none: conf says so"):
        make_dataset().load()


@pytest.mark.parametrize("name", ["evil-1.0-py3-none-any.whl", "boathouse-9.9-py3-none-any.whl", "setup.py"])
@pytest.mark.usefixtures("packed")
def test_what_else_lies_beside_the_wheel_is_refused(store: Path, name: str) -> None:
    make_dataset(wheel="carried").save(make_model())
    (model_folder(store) / "wheels" / name).write_bytes(b"x")
    with refused(UntrustedModelError, match="wheels/.*allowed"):
        make_dataset().load()
