"""An endpoint for a test: started on a free port, and gone afterwards whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from boathouse.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LINUX_DIE_WITH_PARENT = 1
# Bytes of an answer that are shown where the endpoint says why it is not ready.
_LONGEST_REASON = 500


@contextlib.contextmanager
def temporary_endpoint(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = (sys.executable, "-m", "boathouse", "serve"),
    ready_path: str = "/ready",
    patience_seconds: float = 60.0,
) -> Iterator[str]:
    """Start an endpoint, give its address once it is ready, and end it with all of its workers.

    It ends when the block ends or fails, and on Linux also when this process is killed.

    Args:
        arguments: After ``command``; ``--host`` and ``--port`` are added.
        environment: Variables besides those of this process.
        command: What serves.
        ready_path: Answers 200 when requests can be answered.
        patience_seconds: Longest wait for that.

    Raises:
        RolloutError: If it ends or is not ready in time; with the end of its output.
    """
    port = find_free_port()
    # A file, not a pipe: it is not read while the endpoint answers, and a full pipe would stop it.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - this project's own command
            [*command, *arguments, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads before exec
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(process, address + ready_path, patience_seconds, output)
            yield address
        finally:
            _end(process)


def find_free_port() -> int:
    """Return a port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, patience: float, output: IO[bytes]) -> None:
    deadline, why = time.monotonic() + patience, "not yet started"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            output.seek(0)
            text = output.read().decode(errors="replace")[-2000:]
            raise RolloutError.no_server(url, f"it ended with exit code {process.returncode}: {text.strip()}")
        try:
            with urlopen(url, timeout=2) as answer:  # noqa: S310 - an address of the loopback
                if answer.status == 200:
                    return
                why = f"status {answer.status}"
        except HTTPError as error:
            why = f"status {error.code}: {error.read(_LONGEST_REASON).decode(errors='replace')}"
            error.close()
        except (URLError, OSError) as error:
            why = type(error).__name__
        time.sleep(0.1)
    raise RolloutError.no_server(url, f"not ready after {patience:g} s: {why}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for step in (signal.SIGTERM, signal.SIGKILL):
        # The group, not the process: workers of a server that was killed would live on.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, step)
        try:
            process.wait(timeout=25)
            break
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_LINUX_DIE_WITH_PARENT, signal.SIGTERM)
