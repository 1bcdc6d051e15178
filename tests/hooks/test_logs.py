"""Logs are quiet in a checkout and in a packaged run alike."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from py4j import java_gateway

from boathouse.cli.main import main
from boathouse.hooks.logs import LOGGING, quiet_third_parties, set_quiet_defaults

if TYPE_CHECKING:
    import pytest

CONF = Path(__file__).parents[2] / "conf"


def test_the_packaged_logging_is_that_of_the_checkout() -> None:
    assert yaml.safe_load((CONF / "logging.yml").read_text(encoding="utf-8")) == LOGGING


def test_kedro_does_not_announce_its_own_file_outside_of_a_checkout(tmp_path: Path) -> None:
    """A task of a job starts in an empty folder, and imports Kedro when the command is known."""
    done = subprocess.run(
        [sys.executable, "-c", "import boathouse.__main__, kedro.framework.project"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": (CONF.parent / "src").as_posix()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout + done.stderr == ""


def test_telemetry_is_off_unless_set_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    set_quiet_defaults()
    assert (os.environ["DO_NOT_TRACK"], os.environ["MLFLOW_DISABLE_TELEMETRY"]) == ("1", "true")


def test_commands_are_as_quiet_as_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "DO_NOT_TRACK": "1"}
    for name in wanted:
        monkeypatch.delenv(name, raising=False)
    main(["trace", "--help"], standalone_mode=False)
    assert {name: os.environ.get(name) for name in wanted} == wanted


def test_debugging_leaves_all_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOATHOUSE_DEBUG", "1")
    logger = logging.getLogger("kedro_mlflow")
    monkeypatch.setattr(logger, "level", logging.INFO)
    quiet_third_parties()
    assert logger.level == logging.INFO
    monkeypatch.setenv("BOATHOUSE_DEBUG", "0")
    quiet_third_parties()
    assert logger.level == logging.ERROR


def test_a_signal_is_not_shown_as_an_error_of_the_gateway(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The gateway of classic Spark logs to the root logger, with a traceback, and raises the exception too."""
    monkeypatch.delenv("BOATHOUSE_DEBUG", raising=False)
    for _ in range(2):
        quiet_third_parties()
    root = logging.getLogger()
    root.error("KeyboardInterrupt while sending command.")
    root.error("Another error.")
    assert caplog.messages == ["Another error."]
    py4j = Path(java_gateway.__file__).read_text(encoding="utf-8")
    assert 'logging.exception("KeyboardInterrupt while sending command.")' in py4j
