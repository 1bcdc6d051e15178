"""A test whose need is missing is skipped with its reason, or fails where nothing may be skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import needs

ROOT = Path(__file__).resolve().parents[2]
SKIPPING = """
import pytest

@pytest.mark.skip(reason="no coffee")
def test_skipped():
    pass

@pytest.mark.xfail(strict=True, reason="known")
def test_expected_failure():
    raise ValueError
"""


def run(folder: Path, **environment: str) -> tuple[int, str]:
    (folder / "test_one.py").write_text(SKIPPING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "tests.fixtures.needs", "-c", os.devnull]
    runtime_environment = {**os.environ, "BOATHOUSE_NO_SKIPS": "", **environment}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        cwd=ROOT,
        env=runtime_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_skip_is_listed_with_its_reason(tmp_path: Path) -> None:
    code, report = run(tmp_path)
    assert code == 0
    assert "no coffee" in report
    assert "1 skipped, 1 xfailed" in report


def test_skip_fails_where_none_is_allowed(tmp_path: Path) -> None:
    code, report = run(tmp_path, BOATHOUSE_NO_SKIPS="1")
    assert code == 1
    assert "was skipped, and BOATHOUSE_NO_SKIPS=1 allows none: Skipped: no coffee" in report
    assert "1 xfailed, 1 error" in report


def install_postgres(folder: Path, program: str) -> None:
    path = folder / "15" / "bin" / program
    path.parent.mkdir(parents=True)
    path.touch()


def test_the_client_alone_is_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_postgres(tmp_path, "psql")
    monkeypatch.setattr(needs, "POSTGRES_FOLDERS", str(tmp_path))
    assert needs.find_missing()["postgres"] == "needs PostgreSQL: apt-get install postgresql"


@pytest.mark.parametrize(("user", "missing"), [(0, True), (1000, False)])
def test_root_needs_a_program_to_start_the_server_as_another_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int, *, missing: bool
) -> None:
    install_postgres(tmp_path, "pg_ctl")
    monkeypatch.setattr(needs, "POSTGRES_FOLDERS", str(tmp_path))
    monkeypatch.setattr(needs.os, "geteuid", lambda: user)
    monkeypatch.setattr(needs.shutil, "which", lambda _: None)
    assert ("runuser" in needs.find_missing().get("postgres", "")) is missing


def test_nothing_is_missing_where_all_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(needs, "find_java", lambda: "/usr/bin/java")
    monkeypatch.setattr(needs, "find_delta_jar", lambda: tmp_path)
    install_postgres(tmp_path, "pg_ctl")
    monkeypatch.setattr(needs, "POSTGRES_FOLDERS", str(tmp_path))
    monkeypatch.setattr(needs, "find_jars", lambda: [tmp_path])
    monkeypatch.setattr(needs, "find_other_python", lambda: "/usr/bin/python3.12")
    monkeypatch.setattr(needs, "find_built", lambda: ["serverless-5"])
    monkeypatch.setattr(needs.shutil, "which", lambda _: "/usr/bin/chromium")
    assert needs.find_missing() == {}
