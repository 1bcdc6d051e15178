"""A real PostgreSQL server on loopback, from the machine's own programs, that tests may kill and start again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.needs import POSTGRES_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

# The server refuses to run as root; the package makes this user.
_USER = "postgres"


def _as_user(command: list[str]) -> list[str]:
    """Return ``command`` as a user other than root."""
    return ["runuser", "-u", _USER, "--", *command] if os.geteuid() == 0 else command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _children_of(process: int) -> list[int]:
    """Return the processes whose parent is ``process``."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{process}\n" in status.read_text(encoding="utf-8"):
                found.append(int(status.parent.name))
    return found


class PostgresServer:
    """One cluster in a folder of its own."""

    def __init__(self) -> None:
        """Make the cluster; start nothing."""
        newest = max(Path(POSTGRES_FOLDERS).iterdir(), key=lambda path: float(path.name))
        self._programs = newest / "bin"
        # Not below pytest's folders, which another user may not enter.
        self._folder = Path(tempfile.mkdtemp(prefix="boathouse_pg_"))
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self._port = _free_port()
        self._data = self._folder / "data"
        options = ["-D", str(self._data), "-A", "trust", "-U", "boathouse", "--no-sync", "-E", "UTF8"]
        subprocess.run(_as_user([str(self._programs / "initdb"), *options]), check=True, capture_output=True)

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"postgresql+psycopg://boathouse@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start the server and wait until it answers; after a kill the old one's memory may be held for a moment."""
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off"
        )
        log = str(self._folder / "log")
        command = [str(self._programs / "pg_ctl"), "-D", str(self._data), "-w", "-l", log, "-o", options, "start"]
        for _ in range(20):
            done = subprocess.run(_as_user(command), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                return
            time.sleep(0.5)
        raise RuntimeError((self._folder / "log").read_text(encoding="utf-8")[-2000:])

    def make_database(self) -> str:
        """Return the URL of a new, empty database."""
        import psycopg

        name = f"db_{uuid.uuid4().hex}"
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return self.url.rsplit("/", 1)[0] + f"/{name}"

    def kill(self) -> None:
        """Kill the server and its children at once, as a machine that loses power does."""
        server = int((self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        for process in [server, *_children_of(server)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while self._answers() and time.monotonic() < deadline:
            time.sleep(0.05)

    def remove(self) -> None:
        """Stop the server and remove its folder."""
        command = [str(self._programs / "pg_ctl"), "-D", str(self._data), "-m", "immediate", "stop"]
        subprocess.run(_as_user(command), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=0.2).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a running server; a test that kills it starts it again."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()
