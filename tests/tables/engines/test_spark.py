"""Classic Spark: what it needs, and that it starts quietly even where Connect is configured."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import EngineError
from boathouse.tables.engines import get_engine, registry
from boathouse.tables.engines.spark import SparkEngine, find_delta_jar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.engine_worker import EngineWorker


def test_missing_java_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """JAVA_HOME without a java counts as missing."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match=r"Java 17 or newer is missing. Install it: apt-get install openjdk-17"):
        SparkEngine().session()


def test_missing_jars_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another home, another Ivy cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_delta_jar() is None
    assert "the first start fetches them, or `make jars`" in SparkEngine().note()


def test_jars_that_are_there_need_no_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jar = tmp_path / ".ivy2" / "jars" / f"io.delta_delta-spark_2.13-{version('delta-spark')}.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert SparkEngine().note() == ""


def test_classic_spark_refuses_to_start_beside_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process has one or the other."""
    monkeypatch.setattr(registry, "running_engines", lambda: (get_engine("sail"),))
    monkeypatch.setattr(SparkEngine, "check", lambda _: None)
    with pytest.raises(EngineError, match=r"cannot start beside 'sail'"):
        SparkEngine().session()


@pytest.mark.spark
def test_a_session_is_classic_and_quiet_whatever_spark_remote_says(spark_worker: EngineWorker) -> None:
    """Neither Ivy nor host names reach the terminal."""
    assert spark_worker.session == ["pyspark.sql.session", "UTC", "4", "3"]
    assert spark_worker.noise_at_start == ""
