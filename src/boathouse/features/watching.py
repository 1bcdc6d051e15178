"""Publishing on trigger: each new version of a table goes online soon after it was committed, until it is stopped."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boathouse.errors import BoathouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def watch(
    steps: Sequence[Callable[[], str]], *, every_s: float, stop: threading.Event, rounds: int | None = None
) -> Iterator[str]:
    """Do all ``steps`` in rounds and yield the line of each; a failed step is reported and tried again next round.

    A line is yielded only if it changed: a view whose version is live already is reported once.

    Args:
        steps: What is done in a round, in order; each returns a line.
        every_s: Seconds between rounds.
        stop: Ends it: at once while waiting, else after the step that is under way.
        rounds: End after as many rounds; None for no end.
    """
    last_lines: dict[int, str] = {}
    done = 0
    while not stop.is_set():
        for number, step in enumerate(steps):
            if stop.is_set():
                return
            line = _attempt(step, every_s)
            if line != last_lines.get(number):
                yield line
            last_lines[number] = line
        done += 1
        if done == rounds or stop.wait(every_s):
            return


def _attempt(step: Callable[[], str], every_s: float) -> str:
    try:
        return step()
    except BoathouseError as error:
        return f"{error} (next try in {every_s:g} s)"


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set; a second signal does what it always does."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    # Handlers belong to the main thread; signals arrive nowhere else.
    is_main = threading.current_thread() is threading.main_thread()
    if is_main:
        for number in _SIGNALS:
            signal.signal(number, ask)
    try:
        yield stop
    finally:
        if is_main:
            for number, handler in before.items():
                signal.signal(number, handler)
