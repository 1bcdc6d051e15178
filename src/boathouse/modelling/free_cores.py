"""How many threads a fit may use: as many as there are processors that other programs leave free.

A fit meets its other threads many times in a second. Beside other programs each meeting waits for the thread that was
given a processor last, and two threads take longer than one.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time

# Long enough for the system to have given every waiting program its turn, on a machine with a few of them.
_LOOK_SECONDS = 0.06
# What was seen is believed for this long: a run of trials looks once for many fits.
_BELIEVED_SECONDS = 10.0
_WORK = bytes(1 << 16)

_lock = threading.Lock()
_seen: dict[int, tuple[float, int]] = {}


def free_threads(most: int) -> int:
    """Return how many threads get a processor of their own now, from 1 to ``most``; looked at every ten seconds.

    The number changes how long a fit takes and nothing of what it returns.
    """
    most = min(most, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if most <= 1:
        return 1
    with _lock:
        when, found = _seen.get(most, (-_BELIEVED_SECONDS, 1))
        if time.monotonic() - when >= _BELIEVED_SECONDS:
            found = threads_for(_take_shares(most))
            _seen[most] = time.monotonic(), found
        return found


def threads_for(shares: list[float]) -> int:
    """Return the number of threads for ``shares``: the part of its time that each of some threads was running."""
    return max(1, round(sum(shares)))


def _take_shares(threads: int) -> list[float]:
    """Let ``threads`` work side by side, and return which part of the time each had a processor.

    Asking the system for its load would count what other machines on the same hardware do, and this process itself.
    """
    shares: list[float] = []

    def work() -> None:
        started, running = time.perf_counter(), time.thread_time()
        while (passed := time.perf_counter() - started) < _LOOK_SECONDS:
            # Releases the interpreter's lock for as long as it takes.
            hashlib.sha256(_WORK).digest()
        shares.append(min(1.0, (time.thread_time() - running) / passed))

    others = [threading.Thread(target=work, name="free-cores") for _ in range(threads)]
    for each in others:
        each.start()
    for each in others:
        each.join()
    return shares
