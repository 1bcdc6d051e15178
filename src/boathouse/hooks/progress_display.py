"""How progress looks: one line a node, in colour on a terminal, plain elsewhere."""

from __future__ import annotations

import atexit
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status


@dataclass(frozen=True, kw_only=True)
class NodeLine:
    """What one finished node did.

    Attributes:
        number: How many nodes have finished, this one included.
        total: Nodes in the run.
        name: Node with its pipeline, ``data_prep.clean_extract``.
        rows_in: Rows read, summed over its tables; None where unknown.
        rows_out: Rows written, summed likewise.
        seconds: From the first input's load to the last output's save.
        width: Width of the column of names.
        skipped: Whether it did nothing, for want of a champion.
    """

    number: int
    total: int
    name: str
    rows_in: int | None
    rows_out: int | None
    seconds: float
    width: int
    skipped: bool = False

    def render(self) -> str:
        """Return the line without colour."""
        digits = len(str(self.total))
        if self.skipped:
            return f"[{self.number:>{digits}}/{self.total}] {self.name:<{self.width}} {'no champion: nothing done':>30}"
        rows = f"{_say_rows(self.rows_in):>11} → {_say_rows(self.rows_out):>11} rows"
        return f"[{self.number:>{digits}}/{self.total}] {self.name:<{self.width}} {rows} {self.seconds:>7.1f} s"


def _say_rows(rows: int | None) -> str:
    return "–" if rows is None else f"{rows:,}"


class ProgressDisplay:
    """Prints to standard output; safe to call from several threads."""

    def __init__(self) -> None:
        """Print nothing until the first call."""
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._console: Console | None = None

    def show(self, text: str, style: str = "") -> None:
        """Print ``text`` as it is, in ``style`` on a terminal."""
        with self._lock:
            self._get_console().print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)

    def show_running(self, names: list[str]) -> None:
        """Show on a terminal which nodes run; the line is replaced by the next."""
        with self._lock:
            console = self._get_console()
            if not console.is_terminal:
                return
            if self._status is None:
                self._status = console.status("")
                self._status.start()
                # Interrupted, the terminal would keep its cursor hidden.
                atexit.register(self.stop)
            self._status.update("running " + ", ".join(names) if names else "")

    def stop(self) -> None:
        """Remove the line of running nodes."""
        with self._lock:
            if self._status is not None:
                self._status.stop()
                self._status = None

    def _get_console(self) -> Console:
        from rich.console import Console

        if self._console is None or self._console.file is not sys.stdout:
            self._console = Console(file=sys.stdout)
        return self._console


def count_rows(dataset: object, data: object, *, written: bool) -> int | None:
    """Return the rows of ``data`` as read from or written to ``dataset``, or None if unknown.

    A Delta table knows what its last save wrote, 0 where all of it was there, and what it read last; a pandas, Arrow or
    polars frame by its length. A Spark frame is never counted for display: that would run it.
    """
    if written and hasattr(dataset, "rows_written"):
        done: int | None = dataset.rows_written
        return done
    version = getattr(dataset, "last_written" if written else "last_read", None)
    if version is not None:
        rows = getattr(version, "rows", None)
        return int(rows) if rows is not None else None
    return _measure(data)


def _measure(data: Any) -> int | None:  # noqa: ANN401
    shape = getattr(data, "shape", None)
    # Spark frames have neither a shape nor a length; arrays and tables of memory have both.
    if isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[0], int):
        return shape[0]
    return None


def add_rows(counts: list[int | None]) -> int | None:
    """Return the sum of the known counts, or None if none is known."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
