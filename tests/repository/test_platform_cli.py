"""The platform's command line is installed only if it is the one whose checksum is pinned."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from scripts import platform_cli
from tests.fixtures.http_service import serve


def pack(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("databricks", f"#!/bin/sh\necho {text}\n")
    return content.getvalue()


PROGRAM = pack("hello")


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_cli, "CHECKSUMS", {"linux_amd64": hashlib.sha256(PROGRAM).hexdigest()})


def test_the_pinned_program_is_installed_once(tmp_path: Path) -> None:
    name = f"/v{platform_cli.VERSION}/databricks_cli_{platform_cli.VERSION}_linux_amd64.zip"
    with serve({f"GET {name}": lambda _: PROGRAM}) as service:
        for _ in range(2):
            platform_cli.install(tmp_path / "bin", service.url, "linux_amd64")
        assert [each.path for each in service.asked] == [name]
    done = subprocess.run([str(tmp_path / "bin" / "databricks")], capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n"


def test_another_program_is_refused(tmp_path: Path) -> None:
    with serve({"GET .*": lambda _: pack("evil")}) as service, pytest.raises(ValueError, match="has the SHA-256"):
        platform_cli.install(tmp_path / "bin", service.url, "linux_amd64")
    assert not (tmp_path / "bin").exists()


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with serve({}) as service, pytest.raises(OSError, match="404"):
        platform_cli.install(tmp_path / "bin", service.url, "linux_amd64")


def test_a_system_without_a_checksum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checksum for 'windows_amd64'; there are: linux_amd64"):
        platform_cli.install(tmp_path / "bin", "http://127.0.0.1:9", "windows_amd64")


def test_the_checksums_are_of_the_pinned_version() -> None:
    text = Path(platform_cli.__file__).read_text(encoding="utf-8")
    assert re.search(r'^VERSION = "\d+\.\d+\.\d+"$', text, re.MULTILINE)
    assert len(set(re.findall(r'"([0-9a-f]{64})"', text))) == 4
