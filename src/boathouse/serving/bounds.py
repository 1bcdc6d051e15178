"""What one body may hold at most, and whether its parsing is still wanted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from threading import Event

from boathouse.endpoints.options import LimitOptions
from boathouse.errors import InvocationError

# A longer name of a column is none.
_LONGEST_NAME = 500


class GaveUpError(Exception):
    """The result of the work is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one body, checked before what they limit is unpacked.

    Attributes:
        rows: Most rows.
        columns: Most columns.
        values: Most values.
        unpacked_bytes: Most bytes of a packed body once it is unpacked; a text that rows share counts in each.
        stop: Set when the result is not wanted any more; None for what is done at once.
    """

    rows: int
    columns: int = 10_000
    values: int = 10**9
    unpacked_bytes: int = LimitOptions.max_body_bytes
    stop: Event | None = None

    @classmethod
    def of(cls, limits: LimitOptions, stop: Event | None = None) -> Bounds:
        """Return the bounds of a body by the limits of its endpoint; unpacked it may be as long as one not packed."""
        return cls(limits.max_rows, limits.max_columns, limits.max_values, limits.max_body_bytes, stop)

    def rest(self) -> None:
        """Give Python's lock to a thread that waits for it, and end the work if it is not wanted any more.

        Raises:
            GaveUpError: If ``stop`` is set.
        """
        if self.stop is None:
            return
        time.sleep(0)
        if self.stop.is_set():
            raise GaveUpError

    def check_rows(self, rows: int | Sized) -> None:
        """Check a number of rows.

        Raises:
            InvocationError: 413 if there are too many.
        """
        if (rows if isinstance(rows, int) else len(rows)) > self.rows:
            raise InvocationError.too_large("rows", self.rows)

    def check_values(self, values: int) -> None:
        """Check a number of values.

        Raises:
            InvocationError: 413 if there are too many.
        """
        if values > self.values:
            raise InvocationError.too_large("values", self.values)

    def check_unpacked(self, length: int) -> None:
        """Check a number of bytes.

        Raises:
            InvocationError: 413 if there are too many.
        """
        if length > self.unpacked_bytes:
            raise InvocationError.too_large("bytes once it is unpacked", self.unpacked_bytes)

    def check_count(self, columns: int) -> None:
        """Check a number of columns.

        Raises:
            InvocationError: 413 if there are too many.
        """
        if columns > self.columns:
            raise InvocationError.too_large("columns", self.columns)

    def check_names(self, names: Iterable[str]) -> None:
        """Check the length of each name.

        Raises:
            InvocationError: 400 if one is too long.
        """
        if max(map(len, names), default=0) > _LONGEST_NAME:
            raise InvocationError.bad_request(f"The name of a column is longer than {_LONGEST_NAME} letters.")
