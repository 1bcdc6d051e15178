"""A broker of its own for the tests of Kafka, from the jars in Spark's cache.

As a program it fetches those jars once: ``python tests/kafka_broker.py``.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVER = "org.apache.kafka:kafka_2.13:3.9.1"
_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/logs
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def find_jars() -> list[Path]:
    """Return what a broker's class path needs; nothing if the server or Spark's connector was not fetched."""
    import pyspark

    cached = sorted(Path.home().glob(".ivy2*/jars/*.jar"))
    names = " ".join(jar.name for jar in cached)
    if "org.apache.kafka_kafka_2.13" not in names or "spark-sql-kafka" not in names:
        return []
    scala = (Path(pyspark.__file__).parent / "jars").glob("scala-*.jar")
    return [*cached, *sorted(scala)]


class KafkaBroker:
    """One broker that is its own controller, on free ports of the loopback interface."""

    def __init__(self, folder: Path) -> None:
        """Remember where it keeps its logs; start nothing."""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def servers(self) -> str:
        """The address for clients."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers; a port that somebody else took meanwhile is another try."""
        for _ in range(3):
            if self._try_to_start():
                return
            self.stop()
        lines = (self._folder / "broker.log").read_text(encoding="utf-8", errors="replace").splitlines()
        message = "the broker did not start: " + "\n".join(lines[-20:])
        raise RuntimeError(message)

    def _try_to_start(self) -> bool:
        self._port, controller = _free_ports()
        settings = self._folder / "server.properties"
        logs = self._folder / uuid.uuid4().hex
        text = _SETTINGS.format(port=self._port, controller=controller, folder=logs)
        settings.write_text(text, encoding="utf-8")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._java("kafka.tools.StorageTool", ["format", "-t", cluster, "-c", str(settings)]).wait()
        self._process = self._java("kafka.Kafka", [str(settings)])
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return True
            if self._process.poll() is not None:
                return False
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _java(self, program: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(map(str, find_jars()))
        command = ["java", "-Xmx512m", "-cp", path, program, *arguments]
        with (self._folder / "broker.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)


def _free_ports() -> tuple[int, int]:
    """Return two ports that are free, and not the same."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return int(first.getsockname()[1]), int(second.getsockname()[1])


def main() -> None:
    """Fetch the jars by a start of Spark that asks for them."""
    from boathouse.engines.spark import PACKAGES_VARIABLE, fetch_jars
    from boathouse.inference.kafka_output import connector_package

    os.environ[PACKAGES_VARIABLE] = f"{connector_package()},{SERVER}"
    sys.stdout.write(f"{fetch_jars()}\n")


if __name__ == "__main__":
    main()
