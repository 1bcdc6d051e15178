"""Spark's own Connect server with Delta, in a JVM of its own."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import EngineError
from boathouse.tables.engines.spark import CONNECT_VARIABLES, SparkEngine, name_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
_LONGEST_START_S, _LONGEST_STOP_S = 120.0, 20.0
_JAVA = "-XX:+UseSerialGC -Duser.timezone=UTC"
# A virtual machine that compiles once, and a Spark that compiles no expressions, answer the same on a few rows and
# take less of the processor than the optimisers of both; on a hundred thousand they take a multiple.
_JAVA_FEW = "-XX:TieredStopAtLevel=1"
_FEW = {
    # A few rows in one partition: most of the time goes into starting tasks.
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.log.level": "WARN",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # As on the platform.
    "spark.sql.sources.default": "delta",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    # Plans are read on their way: names in a compressed one could not be.
    "spark.connect.session.planCompression.threshold": "-1",
}
_MEMORY = "2g"
# Ends the server when its input does: also with a process that is killed.
_GUARD = 'exec 3<&0; "$@" </dev/null & read -r _ <&3; kill $!; wait'
_WORKER = """#!/bin/sh
# Workers of a stream reach the tables as their caller does: through the catalogs, not past them.
case "$SPARK_CONNECT_LOCAL_URL" in
  sc://*)
    SPARK_CONNECT_LOCAL_URL="{url};{key};${{SPARK_CONNECT_LOCAL_URL#*/;}}"
    export SPARK_CONNECT_LOCAL_URL
    ;;
esac
{path}exec {python} "$@"
"""
_PATH = """PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}"{packages}
export PYTHONPATH
"""


def find_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_worker(file: Path, *, url: str, key: str, python: str, packages: str = "") -> None:
    """Write the program that Spark starts as Python: the clients', with another address for a stream's worker.

    Args:
        file: Where to write it.
        url: Address of the catalogs.
        key: What a worker shows there.
        python: Python of the clients.
        packages: Folders with packages that their functions import before those of ``python``, as in ``PYTHONPATH``.
    """
    path = _PATH.format(packages=shlex.quote(packages)) if packages else ""
    file.write_text(_WORKER.format(url=url, key=key, path=path, python=shlex.quote(python)), encoding="utf-8")
    file.chmod(0o700)


@contextmanager
def run_spark(folder: Path, port: int, *, worker: Path, few_rows: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server on ``port`` of the loopback interface; tables lie below ``folder``.

    Args:
        folder: Holds the warehouse, temporary files and the log ``spark.log``.
        port: Free port.
        worker: Program that Spark starts as Python.
        few_rows: Whether tables have a few rows, as in tests, and its start counts more than its speed.

    Raises:
        EngineError: If Java or the jars are missing.
    """
    import pyspark

    SparkEngine().check()
    home = Path(str(pyspark.__file__)).parent
    settings = {
        **_SETTINGS,
        **(_FEW if few_rows else {}),
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        "spark.local.dir": (folder / "tmp").as_posix(),
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.extraJavaOptions": f"{_JAVA_FEW} {_JAVA}" if few_rows else _JAVA,
        "spark.jars.packages": name_packages(),
    }
    options = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    environment = {name: value for name, value in os.environ.items() if name not in CONNECT_VARIABLES}
    # Of the client alone: Spark's own programs would ask a workspace.
    for name in ("DATABRICKS_RUNTIME_VERSION", "JAVA_TOOL_OPTIONS"):
        environment.pop(name, None)
    # The server runs in another folder.
    paths = [Path(each).absolute().as_posix() for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    environment |= {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": worker.as_posix(), "SPARK_HOME": home.as_posix()}
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    command = [(home / "bin" / "spark-submit").as_posix(), "--class", _CLASS, "--master", "local[2]"]
    command += ["--driver-memory", _MEMORY, *options, "spark-internal"]
    with (folder / "spark.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - Spark's own program
            ["/bin/sh", "-c", _GUARD, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the server listens.

    Raises:
        EngineError: If it ends before, or takes longer than two minutes; with the end of its log.
    """
    end = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    text = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise EngineError(
        f"Spark Connect did not start on port {port}; its log is {log}. If jars are missing: make jars.\n{text}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_LONGEST_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
