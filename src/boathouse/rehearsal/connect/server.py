"""A workspace's Spark Connect on loopback: Spark, the proxy in front of it, and the catalogs between them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import grpc
from pyspark.sql.connect.proto import base_pb2_grpc

from boathouse.rehearsal.connect.catalog import Catalogs
from boathouse.rehearsal.connect.deep_plans import DeepRequests
from boathouse.rehearsal.connect.proxy import (
    LABEL_KEY,
    MESSAGE_OPTIONS,
    PLANS,
    TOKEN_KEY,
    WORKER_KEY,
    CatalogProxy,
    SparkBackend,
)
from boathouse.rehearsal.connect.spark_server import find_port, run_spark, wait_for, write_worker

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from boathouse.rehearsal.connect.catalog import AccessProtocol
    from boathouse.rehearsal.connect.proxy import Statement

# A stream's batch waits for calls that it makes itself, so that threads must not run out.
_THREADS = 64


class ConnectServer:
    """A running server.

    Attributes:
        url: Address without a token, with which every call is refused.
        catalogs: Catalogs and schemas, and what was declared of tables.
        log: Log of Spark.
    """

    def __init__(self, url: str, proxy: CatalogProxy, catalogs: Catalogs, log: Path) -> None:
        """Keep the parts of a server that runs."""
        self.url, self.catalogs, self.log = url, catalogs, log
        self._proxy = proxy

    def url_for(self, token: str, *, label: str = "") -> str:
        """Return the address (``SPARK_REMOTE``) for the token's owner; ``label`` names what its requests count as."""
        named = f";{LABEL_KEY}={quote(label, safe='')}" if label else ""
        return f"{self.url};{TOKEN_KEY}={quote(token, safe='')}{named}"

    @property
    def requests(self) -> Sequence[Statement]:
        """What was asked so far, in order."""
        return tuple(self._proxy.records.requests)

    @property
    def counts(self) -> Mapping[str, Counter[str]]:
        """How often each kind of statement and call was made, by label."""
        return dict(self._proxy.records.counts)

    def create_schema(self, catalog: str, name: str) -> None:
        """Make a schema, and its catalog if it is not there, as deploying the bundle does."""
        self.catalogs.create_schema(catalog, name)

    def drop_schema(self, catalog: str, name: str) -> None:
        """Remove a schema with its tables."""
        self.catalogs.drop_schema(catalog, name)


@contextmanager
def serve_connect(
    folder: Path,
    access: AccessProtocol,
    *,
    python: str = sys.executable,
    packages: str = "",
    serverless: bool = True,
    few_rows: bool = False,
) -> Iterator[ConnectServer]:
    """Run Spark Connect with the catalogs and rights of a workspace.

    Args:
        folder: Where tables and logs go; made if need be.
        access: Who may do what.
        python: Python of the clients, which runs their functions: the same version, with their packages.
        packages: Folders with packages that these functions import before those of ``python``, such as the installed
            wheel; as in ``PYTHONPATH``.
        serverless: Whether to refuse what serverless compute refuses.
        few_rows: Whether tables have a few rows, as in tests.

    Raises:
        EngineError: If Java or Spark's jars are missing, or Spark does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.absolute()
    port = find_port()
    target = f"127.0.0.1:{port}"
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=MESSAGE_OPTIONS)
    with closing(SparkBackend(target)) as backend:
        catalogs = Catalogs(access, backend)
        with closing(CatalogProxy(target, access, catalogs, serverless=serverless)) as proxy:
            base_pb2_grpc.add_SparkConnectServiceServicer_to_server(  # type: ignore[no-untyped-call]
                proxy, DeepRequests(server, PLANS)
            )
            url = f"sc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}/"
            worker = folder / "python"
            write_worker(worker, url=url, key=f"{WORKER_KEY}={proxy.worker_key}", python=python, packages=packages)
            with run_spark(folder, port, worker=worker, few_rows=few_rows) as process:
                wait_for(process, port, folder / "spark.log")
                server.start()
                try:
                    yield ConnectServer(url, proxy, catalogs, folder / "spark.log")
                finally:
                    server.stop(grace=1).wait()
