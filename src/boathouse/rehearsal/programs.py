"""The programs of tasks: each in a process of its own, in the rehearsal's environment, with what the platform sets."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from boathouse.rehearsal.jobs import Ending
from boathouse.rehearsal.task_context import TaskContext, read_values

_LAUNCH = Path(__file__).with_name("launch.py")
_LAST_LINES = 25
# What a run of pipelines shows first: its configuration is read, its first node begins.
_BEGINS = "Boathouse "
_INHERITED = ("PATH", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")


@dataclass(frozen=True)
class WheelPrograms:
    """Starts programs of an installed wheel.

    Attributes:
        python: Interpreter of the environment of the tasks.
        installed: Folder that has the wheel.
        folder: Where each attempt has its log and its task values.
        runtime_version: What the platform's runtime says of itself.
        until_first_node: Seconds from start to the first node, by name of the attempt; of runs of pipelines alone.
    """

    python: Path
    installed: Path
    folder: Path
    runtime_version: str
    until_first_node: dict[str, float] = field(default_factory=dict)

    def start(
        self,
        name: str,
        wheel: tuple[str, str],
        words: Sequence[str],
        context: TaskContext,
        remote: str,
        *,
        timeout: float | None = None,
    ) -> Ending:
        """Start the entry point of a package and wait for its end, or for the end of its time.

        Args:
            name: Name of the attempt, for its files.
            wheel: Package and entry point.
            words: Words of the command line.
            context: What the runtime says of it.
            remote: Address of Spark.
            timeout: Seconds that it may take.
        """
        home = self.folder / name
        told = context.write(home / "task")
        (home / "home").mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with (home / "log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603 - the words are those of the bundle
                [str(self.python), str(_LAUNCH), *wheel, *words],
                # A task finds an empty folder, and what it leaves there is lost.
                cwd=home / "home",
                env=self._settings(context, told, home, remote),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            output = _Output(process.stdout, log, started)
            code = _wait(process, timeout)
            output.thread.join()
        if output.began is not None:
            self.until_first_node[name] = output.began
        seconds, said = time.monotonic() - started, "\n".join(output.last)
        return Ending(code=code, seconds=seconds, values=read_values(home / "task"), said=said)

    def _settings(self, context: TaskContext, told: Mapping[str, str], home: Path, remote: str) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "HOME": str(home / "home"),
            "DATABRICKS_RUNTIME_VERSION": self.runtime_version,
            "DATABRICKS_CONFIG_FILE": str(home / "none"),
            # Older releases of MLflow ask a provider that the runtime sets inside of its own process, else these.
            "DATABRICKS_HOST": context.host,
            "DATABRICKS_TOKEN": context.token,
            "SPARK_REMOTE": remote,
            **told,
            "PYTHONPATH": os.pathsep.join([told["PYTHONPATH"], str(self.installed)]),
        }


def _wait(process: subprocess.Popen[str], timeout: float | None) -> int | None:
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


class _Output:
    """Copies what a program says to its log; keeps the last lines and when its first node began."""

    def __init__(self, stream: IO[str] | None, log: IO[str], started: float) -> None:
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self.began: float | None = None
        self._stream, self._log, self._started = stream, log, started
        self.thread = threading.Thread(target=self._copy, daemon=True)
        self.thread.start()

    def _copy(self) -> None:
        for line in self._stream or ():
            if self.began is None and line.startswith(_BEGINS):
                self.began = time.monotonic() - self._started
            self._log.write(line)
            self._log.flush()
            self.last.append(line.rstrip())
