"""Sail: Spark Connect in this process, without a JVM."""

from __future__ import annotations

import os
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

from boathouse.errors import EngineError
from boathouse.tables.engines.base import Capabilities, Engine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LONGEST_CLOSE_S = 1.0


class SailEngine(Engine):
    """The default engine of a laptop: starts in about a second."""

    name: ClassVar[str] = "sail"
    capabilities: ClassVar[Capabilities] = Capabilities(
        table_names=False,
        table_services=False,
        streaming=False,
        clustering=False,
        time_travel=False,
        change_feed=False,
    )

    def __init__(self) -> None:
        """Start nothing."""
        super().__init__()
        self._server: Any = None

    def version(self) -> str:
        """Return the version of pysail, or ``not installed``."""
        try:
            return version("pysail")
        except PackageNotFoundError:
            return "not installed"

    def check(self) -> None:
        """Check that pysail and Spark Connect's client can be imported."""
        try:
            import grpc  # noqa: F401
            import pysail.spark  # noqa: F401
            import pyspark  # noqa: F401
        except ImportError as error:
            raise EngineError.not_installed(
                self.name, error.name or "pysail", "pip install 'boathouse[local]'"
            ) from error

    def _start(self) -> SparkSession:
        """Serve on a free port of the loopback interface and connect to it."""
        self.check()
        # Sail logs every start and stop at INFO to stderr unless this is set before it is loaded.
        os.environ.setdefault("RUST_LOG", "error")
        from pysail.spark import SparkConnectServer
        from pyspark.sql import SparkSession

        self._server = SparkConnectServer("127.0.0.1", 0)
        self._server.start(background=True)
        _, port = self._server.listening_address
        session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return session

    def _shut_down(self, session: SparkSession) -> None:
        """Close the connection, then the server."""
        session.stop()
        self._server.stop()
        self._server = None

    def abandon(self) -> None:
        """Close the channel, and leave nothing to do at exit: PySpark would call the server again for minutes."""
        client: Any = getattr(self._session, "client", None)
        super().abandon()
        if client is not None:
            client._closed = True  # noqa: SLF001 - its own close waits for calls that are under way
            # It waits for the end of a call, and one that an exception has left in its middle does not end.
            close = threading.Thread(target=client._channel.close, daemon=True)  # noqa: SLF001
            close.start()
            close.join(_LONGEST_CLOSE_S)
