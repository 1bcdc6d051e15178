"""The build context of an image: complete, pinned, without secrets; and its command serves what is in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from importlib.metadata import version
from typing import TYPE_CHECKING

import httpx
import pytest

from boathouse.cli.model_files import copy_conf
from boathouse.cli.wheel_build import build_wheel
from boathouse.errors import ImageError
from boathouse.lifecycle.decided_versions import SealedVersions
from boathouse.registry.versions import FolderVersions
from boathouse.scoring.files import digest_of
from boathouse.serving.image import (
    DOCKERFILE,
    SUMS,
    ImageParts,
    check_context,
    pin_requirements,
    read_entrypoint,
    write_context,
)
from tests.fixtures.model_store import make_model
from tests.fixtures.small_workspace import CONF, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "test.models.missed_payment"
PARTS = ImageParts(
    environment="test",
    versions={(NAME, "4"): make_model().files},
    aliases={NAME: {"champion": "4"}},
    decisions={(NAME, "4"): {"digest": digest_of(make_model().files), "stage": "champion"}},
    requirements=["numpy==2.4.6", "orjson==3.13.0"],
    python="3.11",
)


def write(folder: Path, *, overwrite: bool = False) -> Path:
    def write_wheel(out: Path) -> None:
        (out / "boathouse-0-py3-none-any.whl").write_bytes(b"wheel")

    def write_conf(out: Path) -> None:
        out.mkdir()
        (out / "globals.yml").write_text("environment: test\n", encoding="utf-8")

    return write_context(PARTS, folder, build_wheel=write_wheel, copy_conf=write_conf, overwrite=overwrite)


def test_everything_that_is_copied_is_there(tmp_path: Path) -> None:
    folder = write(tmp_path / "context")
    check_context(folder)
    text = (folder / DOCKERFILE).read_text(encoding="utf-8")
    sources = re.findall(r"^COPY (\S+) ", text, re.MULTILINE)
    assert sources == ["requirements.txt", "boathouse-0-py3-none-any.whl", "conf", "models"]
    assert text.index("RUN pip install") < text.index("USER 10001")
    assert read_entrypoint(folder)[:4] == ["boathouse", "serve", "--env", "test"]
    assert [each.name for each in tmp_path.iterdir()] == ["context"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"models/{NAME}/4/spec.json", "spec.json was changed or removed"),
        ("requirements.txt", "COPY requirements.txt has no source"),
        (DOCKERFILE, "Dockerfile is missing"),
        (SUMS, "SHA256SUMS is missing"),
    ],
)
def test_what_was_removed_is_named(path: str, message: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "context")
    (folder / path).unlink()
    with pytest.raises(ImageError, match=message):
        check_context(folder)


def test_a_folder_is_replaced_only_if_asked_and_only_if_it_is_a_context(tmp_path: Path) -> None:
    folder = write(tmp_path / "context")
    with pytest.raises(ImageError, match="--overwrite"):
        write(folder)
    write(folder, overwrite=True)
    check_context(folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(ImageError, match="is there already"):
        write(tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_the_models_of_a_folder_answer_as_a_registry_does(tmp_path: Path) -> None:
    models = FolderVersions(write(tmp_path / "context") / "models")
    assert models.aliases(NAME) == {"champion": "4"}
    assert models.aliases("test.models.other") == {}
    assert models.files(NAME, "4") == make_model().files
    with pytest.raises(ImageError, match="no version 5"):
        models.files(NAME, "5")
    with pytest.raises(ImageError, match=r"registry\.json is missing"):
        FolderVersions(tmp_path)


def test_a_version_without_the_decision_that_it_left_with_is_not_served(tmp_path: Path) -> None:
    models = write(tmp_path / "context") / "models"
    found = SealedVersions(FolderVersions(models)).find(NAME)("champion")
    assert (found.version, found.digest, found.stage) == ("4", digest_of(make_model().files), "champion")  # type: ignore[union-attr]
    assert SealedVersions(FolderVersions(models)).find(NAME)("challenger") is None
    index = json.loads((models / "registry.json").read_text(encoding="utf-8"))
    index[NAME]["digests"]["4"] = "0" * 64
    (models / "registry.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(ImageError, match="holds no decision of a ledger on version 4"):
        SealedVersions(FolderVersions(models)).find(NAME)("champion")


def test_requirements_are_pinned_to_what_is_installed_here() -> None:
    pinned = dict(line.split("==") for line in pin_requirements("boathouse", frozenset({"serving"})))
    assert pinned["uvicorn"] == version("uvicorn")
    assert pinned["xgboost"] == version("xgboost")
    # Neither the package itself, nor Spark, nor what only tests need.
    assert not {"boathouse", "pyspark", "pysail", "pytest", "ruff"} & set(pinned)
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = {re.sub(r"[-_.]+", "-", line.split("==")[0].lower()) for line in lines if "==" in line}
    assert set(pinned) <= locked


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(ImageError, match="no-such-package"):
        pin_requirements("no-such-package", frozenset())


def test_the_configuration_goes_in_without_secrets(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    for name in ("base/globals.yml", "base/credentials.yml", "local/globals.yml", "prod/tls/server.key"):
        (conf / name).parent.mkdir(parents=True, exist_ok=True)
        (conf / name).write_text("x", encoding="utf-8")
    copy_conf(conf, tmp_path / "copied")
    copied = [path.relative_to(tmp_path / "copied").as_posix() for path in (tmp_path / "copied").rglob("*.*")]
    assert copied == ["base/globals.yml"]


@pytest.fixture
def image(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Return what the image's file system would hold: the unpacked wheel, and the folder of its WORKDIR."""
    folder = write_context(
        PARTS,
        tmp_path / "context",
        build_wheel=lambda out: build_wheel(ROOT, out),
        copy_conf=lambda out: copy_conf(CONF, out),
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    return tmp_path / "site", folder


def test_the_command_of_the_image_serves_the_model_in_it(image: tuple[Path, Path], tmp_path: Path) -> None:
    site, folder = image
    (tmp_path / "data").mkdir()
    command = read_entrypoint(folder)
    command[command.index("--host") + 1] = "127.0.0.1"
    command[command.index("--port") + 1] = "0"
    environment = {**os.environ, "PYTHONPATH": str(site), "BOATHOUSE_DATA": str(tmp_path / "data")}
    started = [sys.executable, "-m", command[0], *command[1:]]
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(started, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = wait_for_url(process, tmp_path / "log")
        answer = httpx.post(f"{url}/invocations", json={"dataframe_records": [{"months_late": 2, "limit": 1}]})
        assert answer.json()["predictions"][0]["probability"] == pytest.approx(0.7)
        assert answer.headers["served-model-version"] == "4"
        assert not (tmp_path / "data" / "mlflow.db").exists()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_for_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address once it answers."""
    for _ in range(1_200):
        text = log.read_text(encoding="utf-8")
        assert process.poll() is None, text
        found = re.search(r"on (http://\S+)", text)
        try:
            if found and httpx.get(f"{found[1]}/ready").status_code == 200:
                return found[1]
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))
