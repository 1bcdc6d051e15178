"""Databricks: the runtime's own session, or Databricks Connect from outside."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, ClassVar

from boathouse.errors import EngineError
from boathouse.tables.engines.base import Capabilities, Engine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Any one of these groups lets the SDK authenticate without asking a person.
_CREDENTIALS = (
    ("DATABRICKS_TOKEN",),
    ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"),
    ("DATABRICKS_CONFIG_PROFILE",),
)


def is_serverless() -> bool:
    """Return whether this process runs on serverless compute, whose runtime is named ``client.`` and a version."""
    return os.environ.get("DATABRICKS_RUNTIME_VERSION", "").startswith("client.")


class DatabricksEngine(Engine):
    """Production: tables live in Unity Catalog and are addressed by their names."""

    name: ClassVar[str] = "databricks"
    capabilities: ClassVar[Capabilities] = Capabilities(
        table_names=True,
        table_services=True,
        streaming=True,
        clustering=True,
        time_travel=True,
        change_feed=True,
    )

    def version(self) -> str:
        """Return the runtime's version, else that of Databricks Connect, else ``not installed``."""
        runtime = os.environ.get("DATABRICKS_RUNTIME_VERSION")
        if runtime:
            return f"runtime {runtime}"
        try:
            return f"connect {version('databricks-connect')}"
        except PackageNotFoundError:
            return "not installed"

    def check(self) -> None:
        """Check for a runtime, else for a workspace, credentials and Databricks Connect, by name only."""
        if os.environ.get("DATABRICKS_RUNTIME_VERSION"):
            return
        profile = os.environ.get("DATABRICKS_CONFIG_PROFILE")
        if not profile and not os.environ.get("DATABRICKS_HOST"):
            raise EngineError(
                "The engine 'databricks' has no workspace to connect to. Set DATABRICKS_HOST or "
                "DATABRICKS_CONFIG_PROFILE, or choose a local engine: BOATHOUSE_ENGINE=sail."
            )
        if not any(all(os.environ.get(name) for name in group) for group in _CREDENTIALS):
            # Names of variables, never their values.
            variables = " or ".join(" and ".join(group) for group in _CREDENTIALS)
            raise EngineError(
                f"DATABRICKS_HOST is set but no credentials are. Set {variables}; no local session is used instead."
            )
        try:
            import databricks.connect  # noqa: F401
        except ImportError as error:
            raise EngineError.not_installed(
                self.name,
                "databricks-connect",
                "pip install 'databricks-connect' of your cluster's version, in an environment without pyspark",
            ) from error

    def _start(self) -> SparkSession:
        """Return the runtime's session or a remote one, never a local one."""
        self.check()
        session = _runtime_session() if os.environ.get("DATABRICKS_RUNTIME_VERSION") else _connect_session()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return session

    def _shut_down(self, session: SparkSession) -> None:
        """Leave the runtime's session to its owner; close one that we opened."""
        if not os.environ.get("DATABRICKS_RUNTIME_VERSION"):
            session.stop()


def _runtime_session() -> SparkSession:
    """Return the session that the runtime has opened for this job or notebook."""
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def _connect_session() -> SparkSession:
    """Return a session on the workspace that the environment names; serverless unless a cluster is named."""
    from databricks.connect import DatabricksSession

    builder = DatabricksSession.builder
    if not os.environ.get("DATABRICKS_CLUSTER_ID") and not os.environ.get("DATABRICKS_CONFIG_PROFILE"):
        builder = builder.serverless()
    try:
        session: SparkSession = builder.getOrCreate()
    except Exception as error:
        raise EngineError(
            f"Databricks Connect could not open a session ({type(error).__name__}). Check host, credentials and "
            "cluster; no local session is used instead."
        ) from error
    return session
