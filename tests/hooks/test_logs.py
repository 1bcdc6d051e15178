"""Logs are quiet in a checkout and in a packaged run alike."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from boathouse.hooks.logs import LOGGING, quiet_third_parties, set_quiet_defaults

if TYPE_CHECKING:
    import pytest

CONF = Path(__file__).parents[2] / "conf"


def test_the_packaged_logging_is_that_of_the_checkout() -> None:
    assert yaml.safe_load((CONF / "logging.yml").read_text(encoding="utf-8")) == LOGGING


def test_telemetry_is_off_unless_set_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    set_quiet_defaults()
    import os

    assert (os.environ["DO_NOT_TRACK"], os.environ["MLFLOW_DISABLE_TELEMETRY"]) == ("1", "true")


def test_debugging_leaves_all_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOATHOUSE_DEBUG", "1")
    logger = logging.getLogger("kedro_mlflow")
    monkeypatch.setattr(logger, "level", logging.INFO)
    quiet_third_parties()
    assert logger.level == logging.INFO
    monkeypatch.setenv("BOATHOUSE_DEBUG", "0")
    quiet_third_parties()
    assert logger.level == logging.ERROR
