"""What a marked test needs besides Python: it is skipped with the reason where that is missing.

With ``BOATHOUSE_NO_SKIPS=1`` a skipped test fails instead: where everything is meant to be installed,
a skip is a test that silently stopped testing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.engines.spark import find_delta_jar, find_java
from tests.kafka_broker import find_jars

if TYPE_CHECKING:
    from collections.abc import Iterator

# Debian keeps the server's programs outside the PATH.
POSTGRES_FOLDERS = "/usr/lib/postgresql"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_missing() -> dict[str, str]:
    """Return for each marker whose need is not met here the reason, with the command that installs it."""
    met = {
        "spark": (find_java() and find_delta_jar(), "needs Java and Delta's jars: install a JRE 17, then make jars"),
        "kafka": (find_java() and find_jars(), "needs Kafka's jars: python tests/kafka_broker.py"),
        "postgres": (Path(POSTGRES_FOLDERS).is_dir(), "needs PostgreSQL: apt-get install postgresql"),
        "browser": (any(map(shutil.which, BROWSERS)), "needs Chromium: apt-get install chromium"),
    }
    return {marker: reason for marker, (is_met, reason) in met.items() if not is_met}


def must_not_skip() -> bool:
    """Tell whether a skipped test counts as failed."""
    return os.environ.get("BOATHOUSE_NO_SKIPS") == "1"


def forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says why it was skipped; an expected failure stays one."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, and BOATHOUSE_NO_SKIPS=1 allows none: {reason}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip each test whose marker names something that is missing here."""
    missing = find_missing()
    for item in items:
        for marker in sorted(missing.keys() & {mark.name for mark in item.iter_markers()}):
            item.add_marker(pytest.mark.skip(reason=missing[marker]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[Any]:
    """Apply the rule on skips to the report of a test."""
    report = yield
    if must_not_skip():
        forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[Any]:
    """Apply the rule on skips to a module that is skipped as a whole."""
    report = yield
    if must_not_skip():
        forbid_skip(report)
    return report
