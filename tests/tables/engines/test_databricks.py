"""Databricks up to the boundary: the SDK's own session builder is a fake."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from boathouse.errors import EngineError
from boathouse.tables.engines.databricks import DatabricksEngine

VARIABLES = (
    "DATABRICKS_RUNTIME_VERSION",
    "DATABRICKS_HOST",
    "DATABRICKS_TOKEN",
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_CONFIG_PROFILE",
    "DATABRICKS_CLUSTER_ID",
)


class FakeBuilder:
    """Stands for ``DatabricksSession.builder``; remembers what was asked of it."""

    def __init__(self, failure: Exception | None = None) -> None:
        """Fail with ``failure``, if there is one."""
        self.calls: list[str] = []
        self.failure = failure
        self.settings: dict[str, str] = {}

    def serverless(self) -> FakeBuilder:
        """Remember that serverless compute was asked for."""
        self.calls.append("serverless")
        return self

    def getOrCreate(self) -> SimpleNamespace:  # noqa: N802 - Spark's name
        """Return a session that remembers its settings."""
        self.calls.append("getOrCreate")
        if self.failure:
            raise self.failure
        return SimpleNamespace(
            conf=SimpleNamespace(set=self.settings.__setitem__), stop=lambda: self.calls.append("stop")
        )


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without any of the platform's variables."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> FakeBuilder:
    """Put a fake in place of Databricks Connect."""
    fake = FakeBuilder()
    module = ModuleType("databricks.connect")
    module.DatabricksSession = SimpleNamespace(builder=fake)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "databricks.connect", module)
    return fake


@pytest.mark.parametrize(
    ("extra", "calls"),
    [
        ({"DATABRICKS_TOKEN": "t"}, ["serverless", "getOrCreate"]),
        ({"DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s"}, ["serverless", "getOrCreate"]),
        ({"DATABRICKS_TOKEN": "t", "DATABRICKS_CLUSTER_ID": "c"}, ["getOrCreate"]),
        ({"DATABRICKS_CONFIG_PROFILE": "p"}, ["getOrCreate"]),
    ],
)
def test_credentials_open_a_remote_session(
    builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch, extra: dict[str, str], calls: list[str]
) -> None:
    """Serverless unless a cluster or profile is named; in UTC; closed at the end."""
    for name, value in ({"DATABRICKS_HOST": "https://host"} | extra).items():
        monkeypatch.setenv(name, value)
    engine = DatabricksEngine()
    engine.session()
    assert builder.calls == calls
    assert builder.settings == {"spark.sql.session.timeZone": "UTC"}
    engine.stop()
    assert builder.calls[-1] == "stop"


def test_a_host_without_credentials_is_an_error_and_no_local_session(
    builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a pair is no credential either."""
    monkeypatch.setenv("DATABRICKS_HOST", "https://host")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "only-half")
    with pytest.raises(EngineError, match=r"no credentials are. Set DATABRICKS_TOKEN or DATABRICKS_CLIENT_ID and"):
        DatabricksEngine().session()
    assert builder.calls == []


def test_no_workspace_is_an_error(builder: FakeBuilder) -> None:
    """The message names both remedies."""
    with pytest.raises(EngineError, match=r"Set DATABRICKS_HOST .* BOATHOUSE_ENGINE=sail"):
        DatabricksEngine().session()
    assert builder.calls == []


def test_missing_databricks_connect_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how to install it."""
    monkeypatch.setenv("DATABRICKS_HOST", "https://host")
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    monkeypatch.setitem(sys.modules, "databricks.connect", None)
    with pytest.raises(EngineError, match=r"databricks-connect is missing. Install it: pip install"):
        DatabricksEngine().session()


def test_a_refused_session_is_an_error_without_the_reply(builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's reply may quote credentials."""
    monkeypatch.setenv("DATABRICKS_HOST", "https://host")
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    builder.failure = PermissionError("token dapi123 is invalid")
    with pytest.raises(EngineError, match=r"\(PermissionError\)") as error:
        DatabricksEngine().session()
    assert "dapi123" not in str(error.value)


def test_on_a_runtime_its_own_session_is_used_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """No workspace, credentials or Databricks Connect are asked for."""
    from pyspark.sql import SparkSession

    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    fake = FakeBuilder()
    monkeypatch.setattr(SparkSession, "builder", fake)
    engine = DatabricksEngine()
    engine.session()
    engine.stop()
    assert fake.calls == ["getOrCreate"]
    assert engine.version() == "runtime 17.3"
