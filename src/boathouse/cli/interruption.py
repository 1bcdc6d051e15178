"""The end by Ctrl-C, SIGTERM or SIGHUP: within seconds, in order if the work can be left, else without it.

A handler of Python runs when the main thread is back in Python; while it fits a model or waits for an engine that is
gone, it is not. A second thread therefore learns of the signal from the system, and ends the process if the main
thread has not done so within some seconds, or if the signal comes again.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# Long enough to leave a node and write the end of a run to its store; short for somebody who waits.
_GRACE_S = 6.0
_TIDY_S = 4.0
# An exception in the middle of a transaction leaves its lock behind, and in a finaliser it is ignored; these take
# milliseconds, so the work is left after them, tried again by a signal that is ignored otherwise.
_TRANSACTIONS = ("sqlalchemy", "mlflow.store", "sqlite3")
_LONGEST_TRANSACTION_S = 3.0
_RETRY_S = 0.05
_RETRY = getattr(signal, "SIGURG", None)
_EXIT_BASE = 128
# The last is ``python -m boathouse``.
_PROGRAMS = ("boathouse", "kedro", "__main__")


class Interruption(KeyboardInterrupt):
    """A signal that ends the command; code that tidies up after Ctrl-C does so after each of them.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        """Keep the signal."""
        super().__init__(signal.Signals(number).name)
        self.number = number


class _Guard:
    """Handlers and the thread beside them; one for each process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number: int | None = None
        self._tidy: Callable[[], None] = _do_nothing
        self._advice = "Nothing was done."
        self._is_tidied = False
        self._said = False
        self._process = os.getpid()
        self._depth = 0
        self._is_expected = False
        # Until when the work is not left in the middle of a transaction; None while it is not put off.
        self._put_off_until: float | None = None
        self._writing: int | None = None

    def arm(self) -> None:
        """Take over the signals that nothing else handles."""
        for number in _SIGNALS:
            # One that is ignored, as by nohup, stays so; a server's handler stays too.
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self._leave)
        if _RETRY is not None and signal.getsignal(_RETRY) == signal.SIG_DFL:
            signal.signal(_RETRY, self._retry)
        if self._writing is None:
            reading, self._writing = os.pipe()
            os.set_blocking(self._writing, False)
            threading.Thread(target=self._watch, args=(reading,), name="interruption", daemon=True).start()
            os.register_at_fork(after_in_child=self._start_over)
            # Registered early, so called late: what is left then are threads of libraries, which may wait for long.
            atexit.register(self._exit_if_interrupted)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def expect(self) -> None:
        """Keep the signals until the process ends."""
        self._is_expected = True
        self.arm()

    def disarm(self) -> None:
        """Give the signals back."""
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            if signal.getsignal(number) == self._leave:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        if _RETRY is not None and signal.getsignal(_RETRY) == self._retry:
            signal.signal(_RETRY, signal.SIG_DFL)

    def _start_over(self) -> None:
        """Let go in a forked child, which would write into the pipe of its parent and has no thread that reads one."""
        self.disarm()
        self._lock, self._writing, self._number, self._process = threading.Lock(), None, None, os.getpid()

    def protect(self, tidy: Callable[[], None], advice: str) -> tuple[Callable[[], None], str]:
        """Say what is to be done and said when the work is left from now on; return what it was before."""
        before = self._tidy, self._advice
        self._depth += 1
        self._tidy, self._advice, self._is_tidied = tidy, advice, False
        return before

    def release(self, before: tuple[Callable[[], None], str]) -> None:
        """Go back to what :meth:`protect` returned; the last time, give back what the first has taken."""
        self._depth -= 1
        self._tidy, self._advice = before
        if self._depth == 0:
            self._advice = "The command had ended already."
        if self._depth == 0 and not self._is_expected and self._number is None:
            self.disarm()

    def finish(self, number: int) -> None:
        """Tidy up and say that the work has ended; only the first call does."""
        with self._lock:
            if not self._is_tidied:
                self._is_tidied = True
                with suppress(Exception):
                    self._tidy()
        self._say(number)

    def _say(self, number: int) -> None:
        if self._said:
            return
        self._said = True
        name = {signal.SIGINT: "Ctrl-C"}.get(signal.Signals(number), signal.Signals(number).name)
        with suppress(OSError, ValueError):
            click.secho(f"\nEnded by {name}. {self._advice}".rstrip(), fg="red", err=True)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        if self._number is not None:
            return
        self._number = number
        if self._depth == 0:
            # Only modules are being imported, or the work is done: there is nothing to leave in order.
            self._say(number)
            _end_now(number)
        if _RETRY is not None and _is_in_transaction(frame):
            self._put_off_until = time.monotonic() + _LONGEST_TRANSACTION_S
            return
        raise Interruption(number)

    def _retry(self, _number: int, frame: FrameType | None) -> None:
        """Leave the work now if it was put off and the transaction is over, or takes too long."""
        until, number = self._put_off_until, self._number
        if until is None or number is None or (_is_in_transaction(frame) and time.monotonic() < until):
            return
        self._put_off_until = None
        if self._depth:
            raise Interruption(number)

    def _exit_if_interrupted(self) -> None:
        if self._number is not None and os.getpid() == self._process:
            self._say(self._number)
            _end_now(self._number)

    def _watch(self, reading: int) -> None:
        """Wait for a signal of ours, then for the end of the process, and bring it about if it does not come."""
        while True:
            number = os.read(reading, 1)[0]
            # Equal, not identical: a bound method is made again each time it is asked for.
            if number in _SIGNALS and signal.getsignal(number) == self._leave:
                break
        again = self._wait_for_another(reading)
        tidy = threading.Thread(target=self.finish, args=(number,), daemon=True)
        tidy.start()
        tidy.join(_TIDY_S / 2 if again else _TIDY_S)
        self._say(number)
        _end_now(number)

    def _wait_for_another(self, reading: int) -> bool:
        """Wait for a second signal and return whether one came; meanwhile have what was put off tried again."""
        end = time.monotonic() + _GRACE_S
        while (left := end - time.monotonic()) > 0:
            came, _, _ = select.select([reading], [], [], min(left, _RETRY_S))
            if came and os.read(reading, 1)[0] in _SIGNALS:
                return True
            if _RETRY is not None and self._put_off_until is not None:
                signal.pthread_kill(threading.main_thread().ident or 0, _RETRY)
        return False


def _is_in_transaction(frame: FrameType | None) -> bool:
    """Return whether the main thread is at work in a store that holds a lock meanwhile."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if any(module == name or module.startswith(f"{name}.") for name in _TRANSACTIONS):
            return True
        frame = frame.f_back
    return False


def _do_nothing() -> None:
    """Leave everything as it is."""


_guard = _Guard()


def expect_signals() -> None:
    """Have a signal end a program of ours, ``boathouse`` or ``kedro``, while it is still being imported."""
    if Path(sys.argv[0]).stem in _PROGRAMS and _is_program():
        _guard.expect()


@contextmanager
def end_on_signals(tidy: Callable[[], None], *, advice: str) -> Iterator[None]:
    """Have a signal end the block, ``tidy`` be done, ``advice`` be said and the exit code be 128 + the signal's number.

    In a notebook or another program Ctrl-C alone does, and is raised again after ``tidy``.

    Args:
        tidy: Called once, in the main thread or, if that one does not answer, in another.
        advice: What was left and what to do next.
    """
    is_program = _is_program()
    if is_program:
        _guard.arm()
    before = _guard.protect(tidy, advice)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        number = interrupt.number if isinstance(interrupt, Interruption) else int(signal.SIGINT)
        _guard.finish(number)
        if not is_program:
            raise
        raise click.exceptions.Exit(_EXIT_BASE + number) from None
    finally:
        _guard.release(before)


def _is_program() -> bool:
    """Return whether signals may end this process: it is no notebook, and this is the thread that handles them."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and not hasattr(sys, "ps1") and "ipykernel" not in sys.modules


def _end_now(number: int) -> NoReturn:
    _end_children()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(_EXIT_BASE + number)


def _end_children() -> None:
    """End the processes that this one has started: they would go on without it."""
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError, ValueError):
            for pid in map(int, task.read_text(encoding="ascii").split()):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
