"""Which process an MLflow run belongs to, so that no run stays RUNNING when its process is gone."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.registry.client import guard_store, open_client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlflow import MlflowClient

# Set on each run, nested ones too, by the process that starts it.
OWNER_TAG = "boathouse.process"
KILLED = "KILLED"
# Of all processes of a Linux system outside containers (PROC_PID_INIT_INO).
_SYSTEM_NAMESPACE = "4026531836"
_PAGE = 1000
# Whether this process has started a run: looking for one would make the store where there is none.
_started = threading.Event()


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one machine.

    Attributes:
        host: Host name and machine id.
        boot: Id of the start of the system.
        namespace: Id of the space in which process ids are counted: a container has its own.
        pid: Process id.
        started: When the process began, as the system counts it.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def of_this_process(cls) -> ProcessIdentity:
        """Return the identity of the process that asks."""
        host, boot, namespace = _identify_system()
        return cls(host, boot, namespace, os.getpid(), _find_start(os.getpid()))

    @classmethod
    def from_tag(cls, text: str) -> ProcessIdentity | None:
        """Return the identity in a tag, or None if it is not in this form."""
        parts = text.split(" ")
        if len(parts) != len(cls.__annotations__) or not parts[3].isdigit():
            return None
        return cls(parts[0], parts[1], parts[2], int(parts[3]), parts[4])

    def to_tag(self) -> str:
        """Return the identity as the text of a tag."""
        return f"{self.host} {self.boot} {self.namespace} {self.pid} {self.started}"

    def is_gone(self) -> bool:
        """Return whether this machine knows that the process has ended; of another machine's, nothing is known."""
        host, boot, namespace = _identify_system()
        if (self.host, self.namespace) != (host, namespace) or not self.started:
            return False
        if self.boot != boot:
            # The same machine, started again since; a container's name and ids may be those of another.
            return namespace == _SYSTEM_NAMESPACE
        return _find_start(self.pid) != self.started


@cache
def _identify_system() -> tuple[str, str, str]:
    machine = _read("/etc/machine-id") or "-"
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        namespace = "-"
    return f"{socket.gethostname()}/{machine}", _read("/proc/sys/kernel/random/boot_id") or "-", namespace


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _find_start(pid: int) -> str:
    """Return when the process ``pid`` began; empty if there is none, or it has ended and is only not yet collected."""
    if Path("/proc/self/stat").exists():
        try:
            # The command's name, in parentheses, may hold anything.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    done = subprocess.run(  # noqa: S603 - a number of ours
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "_".join(done.stdout.split())


def sign_runs() -> None:
    """Have each run that this process starts from now on carry its identity."""
    from mlflow.tracking.context.abstract_context import RunContextProvider
    from mlflow.tracking.context.registry import _run_context_provider_registry as registry

    class Owner(RunContextProvider):
        """Says which process starts a run."""

        def in_context(self) -> bool:
            return True

        def tags(self) -> dict[str, str]:
            _started.set()
            return {OWNER_TAG: ProcessIdentity.of_this_process().to_tag()}

    if not any(type(each).__qualname__ == Owner.__qualname__ for each in registry):
        registry.register(Owner)  # type: ignore[no-untyped-call]


def end_own_runs() -> int:
    """Mark the runs that this process has left RUNNING as KILLED, whichever thread started them; return how many.

    Raises:
        ModelError: If the store does not answer.
    """
    if not _started.is_set():
        return 0
    with guard_store():
        client = open_client()
        experiments = [each.experiment_id for each in client.search_experiments()]
        own = ProcessIdentity.of_this_process().to_tag()
        return _end(client, (run_id for run_id, tag in _find_running(client, experiments) if tag == own))


def close_abandoned_runs(experiment_id: str) -> int:
    """Mark the experiment's runs whose process is gone as KILLED; return how many.

    A run of a process that lives, of another machine, or without the tag is left alone.

    Raises:
        ModelError: If the store does not answer.
    """
    with guard_store():
        client = open_client()
        running = [(run_id, ProcessIdentity.from_tag(tag)) for run_id, tag in _find_running(client, [experiment_id])]
        return _end(client, (run_id for run_id, owner in running if owner is not None and owner.is_gone()))


def _find_running(client: MlflowClient, experiments: list[str]) -> list[tuple[str, str]]:
    """Return id and owner of the runs that are RUNNING and have one, the newest first."""
    found = client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=_PAGE)
    return [(run.info.run_id, run.data.tags[OWNER_TAG]) for run in found if OWNER_TAG in run.data.tags]


def _end(client: MlflowClient, run_ids: Iterable[str]) -> int:
    ended = 0
    for run_id in run_ids:
        client.set_terminated(run_id, KILLED)
        ended += 1
    return ended
