"""Classic local Spark with delta-spark: a JVM in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from boathouse.errors import EngineError
from boathouse.tables.engines.base import Capabilities, Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark import SparkConf
    from pyspark.sql import SparkSession

# Spark picks Connect instead of classic mode when one of these is set.
CONNECT_VARIABLES = ("SPARK_REMOTE", "SPARK_LOCAL_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_API_MODE")
# Maven coordinates of further jars, comma-separated: fetched once, then from the cache as Delta's are.
PACKAGES_VARIABLE = "BOATHOUSE_SPARK_PACKAGES"
_LOCAL_SETTINGS = {
    "spark.master": "local[2]",
    "spark.app.name": "boathouse",
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # The default of 200 makes thousands of tiny tasks on two cores.
    "spark.sql.shuffle.partitions": "4",
    # Unset, a read replays a table's log in 50 tasks.
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # The machine's host name need not resolve, and no other machine shall reach the driver.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "4g",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
}


class SparkEngine(Engine):
    """Classic Spark on two cores of this machine; starts in about seven seconds."""

    name: ClassVar[str] = "spark"
    capabilities: ClassVar[Capabilities] = Capabilities(
        table_names=False,
        table_services=True,
        streaming=True,
        clustering=False,
        time_travel=True,
        change_feed=True,
    )

    def version(self) -> str:
        """Return the versions of pyspark and delta-spark, or ``not installed``."""
        try:
            return f"{version('pyspark')} (delta {version('delta-spark')})"
        except PackageNotFoundError:
            return "not installed"

    def check(self) -> None:
        """Check for Java and the Python packages; the jars are fetched at the first start."""
        try:
            import delta  # noqa: F401
            import pyspark  # noqa: F401
        except ImportError as error:
            raise EngineError.not_installed(
                self.name, error.name or "delta-spark", "pip install 'boathouse[local]'"
            ) from error
        if not find_java():
            raise EngineError.not_installed(
                self.name, "Java 17 or newer", "apt-get install openjdk-17-jre-headless, or set JAVA_HOME"
            )

    def note(self) -> str:
        """Return a note where the first start will fetch Delta's jars."""
        if find_delta_jar() is not None:
            return ""
        return "Delta's jars are not here yet: the first start fetches them, or `make jars` beforehand"

    def _start(self) -> SparkSession:
        """Launch the JVM with its log in a file of its own and return its session."""
        self.check()
        self._refuse_beside_connect()
        for name in CONNECT_VARIABLES:
            os.environ.pop(name, None)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # Workers of a virtual environment that is not activated would use another Python.
        os.environ["PYSPARK_PYTHON"] = sys.executable
        return _launch(_settings())

    def _refuse_beside_connect(self) -> None:
        """Check that no Spark Connect engine runs: a process has classic Spark or Connect, not both."""
        from boathouse.tables.engines.registry import running_engines

        others = [engine.name for engine in running_engines() if engine is not self]
        if others:
            raise EngineError(
                f"The engine '{self.name}' cannot start beside '{', '.join(others)}': a process has classic Spark or "
                "Spark Connect, not both. Stop the other engine and use a new process."
            )


def find_java() -> str | None:
    """Return the path of the ``java`` that Spark would use, or None."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def find_delta_jar() -> Path | None:
    """Return the Delta jar in the Ivy cache, or None if it has not been fetched yet."""
    try:
        wanted = version("delta-spark")
    except PackageNotFoundError:
        return None
    return next(iter(sorted(Path.home().glob(f".ivy2*/jars/io.delta_delta-spark_*-{wanted}.jar"))), None)


def fetch_jars() -> Path:
    """Bring Delta's jars into the Ivy cache by starting Spark once; afterwards it starts offline.

    Raises:
        EngineError: If Java is missing or Maven Central cannot be reached.
    """
    engine = SparkEngine()
    try:
        engine.session()
    finally:
        engine.stop()
    jar = find_delta_jar()
    if jar is None:
        folder = Path.home() / ".ivy2*"
        raise EngineError(f"Delta's jars are not in {folder}. Fetch them: make jars (needs Maven Central once).")
    return jar


def _settings() -> SparkConf:
    """Return all settings, with the coordinates of the jars."""
    from pyspark import SparkConf

    return SparkConf(loadDefaults=False).setAll([*_LOCAL_SETTINGS.items(), ("spark.jars.packages", name_packages())])


def name_packages() -> str:
    """Return the Maven coordinates of the jars that fit the installed delta-spark, and of further ones, with commas."""
    from delta import configure_spark_with_delta_pip
    from pyspark.sql import SparkSession

    further = [each for each in os.environ.get(PACKAGES_VARIABLE, "").split(",") if each]
    builder = configure_spark_with_delta_pip(SparkSession.Builder(), extra_packages=further)
    packages: str = builder._options["spark.jars.packages"]  # noqa: SLF001 - no other way to ask for it
    return packages


def _launch(conf: SparkConf) -> SparkSession:
    """Return a session of a new JVM whose output goes to a file, not into the run's log."""
    from pyspark import SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    handle, log_path = tempfile.mkstemp(prefix="boathouse-spark-", suffix=".log")
    with os.fdopen(handle, "wb") as log:
        try:
            gateway = launch_gateway(  # type: ignore[no-untyped-call]
                conf=conf, popen_kwargs={"stdout": log, "stderr": log}
            )
        except PySparkException as error:
            raise EngineError(
                f"The engine 'spark' did not start; its log is {log_path}. If jars are missing: make jars (needs Maven "
                "Central once)."
            ) from error
    with _keep_interrupt():
        context = SparkContext(conf=conf, gateway=gateway)
    return SparkSession(context)


@contextmanager
def _keep_interrupt() -> Iterator[None]:
    """Give Ctrl-C back to whatever had it: Spark's own handler waits for the jobs that it cancels."""
    before = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)


def main() -> None:
    """Fetch the jars and print where they are; the command behind ``make jars``."""
    sys.stdout.write(f"{fetch_jars()}\n")


if __name__ == "__main__":
    main()
