"""Features by key while a request waits: in time, or as was declared for a store that is down."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from boathouse.endpoints.options import LookUpOptions
from boathouse.errors import InvocationError, OnlineStoreError
from boathouse.features.online.look_up import MICROSECONDS, FeatureRows, join_rows, without_stale
from boathouse.scoring.feature_spec import ViewSpec

Key = tuple[int | str, ...]
_SECONDS_A_DAY = 86_400
# Look-ups at a time in one worker.
_THREADS = 8
# Keys asked for at once. More are asked for in parts, each with a time-out of its own, so that a request of many keys
# neither runs out of time nor keeps the store from others.
PART_KEYS = 500
# Look-ups of few keys in a row that ran out of time: from then on the store is left alone for a while, except for one
# look-up that finds out whether it is back. A part of many keys that ran out of time says little about the store.
MOST_LATE, _FEW_KEYS = 3, 50
_PAUSE_S = 0.5
# How long the answer to "can a key be answered" is good for: load balancers ask often.
CHECK_S = 1.0


class Store(Protocol):
    """What a look-up needs of the online store."""

    def look_up(self, keys: Sequence[Key], views: Sequence[ViewSpec]) -> FeatureRows:
        """Return the features of ``keys``."""

    def close(self) -> None:
        """Give up all connections."""


@dataclass(frozen=True)
class LookedUp:
    """What the store had, or was last known.

    Attributes:
        rows: The features, NaN for unknown and stale ones.
        unknown: Places of the keys of which no view has a row that is recent enough.
        last_known: Whether they come from memory because the store is down.
    """

    rows: FeatureRows
    unknown: tuple[int, ...]
    last_known: bool


class FeatureLookUp:
    """Look-ups of one endpoint."""

    def __init__(self, store: Store, options: LookUpOptions, *, on_failure: Callable[[], None] = lambda: None) -> None:
        """Open threads for the look-ups; connect to nothing.

        Args:
            store: Where the features are.
            options: How they are looked up.
            on_failure: Called for each look-up that the store does not answer.
        """
        self._store, self._options, self._on_failure = store, options, on_failure
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="look-up")
        self._memory = LastKnown(options)
        self._late, self._paused_until = 0, 0.0
        self._checked: tuple[Sequence[ViewSpec], float] | None = None
        self.failures = 0
        self.problem = ""

    async def find(self, keys: Sequence[Key], views: Sequence[ViewSpec]) -> LookedUp:
        """Return the features of ``keys``, in their order.

        Raises:
            InvocationError: 503 if the store does not answer in time and nothing else was declared.
        """
        try:
            parts = [
                await self._ask(keys[start : start + PART_KEYS], views)
                for start in range(0, max(1, len(keys)), PART_KEYS)
            ]
        except InvocationError:
            remembered = self._memory.recall(keys, views)
            if remembered is None:
                raise
            return self._without_stale(remembered, last_known=True)
        rows = join_rows(parts)
        self._memory.keep(keys, rows)
        return self._without_stale(rows, last_known=False)

    async def check(self, views: Sequence[ViewSpec]) -> None:
        """Set ``problem`` to why no key can be answered, or to an empty text; asks the store once a second at most.

        The store is asked for an unknown key. While it is down, keys last seen can be answered where that was
        declared.
        """
        now = time.monotonic()
        if not views or (self._checked is not None and self._checked[0] == views and now < self._checked[1]):
            self.problem = self.problem if views else ""
            return
        # A view that joins several entities has several key columns.
        columns = dict(pair for view in views for pair in view.keys)
        unknown: Sequence[Any] = [(None,) * len(columns)]
        try:
            await self._ask(unknown, views, checking=True)
        except InvocationError as error:
            self.problem = "" if self._memory.knows(views) else str(error)
        else:
            self.problem = ""
        self._checked = (views, now + CHECK_S)

    async def _ask(self, keys: Sequence[Key], views: Sequence[ViewSpec], *, checking: bool = False) -> FeatureRows:
        """Return what the store has of some keys; ``checking`` asks a store that is left alone, too."""
        if self._late >= MOST_LATE and not checking:
            now = time.monotonic()
            if now < self._paused_until:
                raise InvocationError.store_down("the online store has just not answered.")
            self._paused_until = now + _PAUSE_S
        waiting = asyncio.get_running_loop().run_in_executor(self._pool, self._store.look_up, keys, views)
        limit_ms = self._options.timeout_ms
        try:
            rows = await asyncio.wait_for(waiting, limit_ms / 1000)
        except TimeoutError:
            if len(keys) <= _FEW_KEYS:
                self._late += 1
                self._paused_until = time.monotonic() + _PAUSE_S
            self._count_failure(checking=checking)
            raise InvocationError.store_down(f"the online store did not answer within {limit_ms} ms.") from None
        except OnlineStoreError as error:
            self._count_failure(checking=checking)
            raise InvocationError.store_down(error.for_callers) from error
        self._late = 0
        return rows

    def _count_failure(self, *, checking: bool) -> None:
        if not checking:
            self.failures += 1
            self._on_failure()

    def _without_stale(self, rows: FeatureRows, *, last_known: bool) -> LookedUp:
        """Return the rows with NaN for values older than their view or the endpoint allows."""
        now = datetime.now(UTC)
        stale = rows.stale(now)
        if self._options.max_age_days is not None:
            oldest = int((now.timestamp() - self._options.max_age_days * _SECONDS_A_DAY) * MICROSECONDS)
            stale |= rows.found & (rows.times < oldest)
        if rows.found.all() and not stale.any():
            return LookedUp(rows, (), last_known)
        unknown = np.flatnonzero(~(rows.found & ~stale).any(axis=1))
        kept = FeatureRows(rows.features, without_stale(rows, stale), rows.found, rows.times, rows.views)
        return LookedUp(kept, tuple(unknown.tolist()), last_known)

    def close(self) -> None:
        """Let running look-ups end and give up the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._store.close()


class LastKnown:
    """The values last seen of each key, for when the store is down; bounded, the longest unused go first."""

    def __init__(self, options: LookUpOptions) -> None:
        """Start empty."""
        self._limit = options.last_known_keys if options.when_down == "last_known" else 0
        self._max_stale_s = options.max_stale_s
        self._seen: OrderedDict[tuple[Key, tuple[str, ...]], tuple[float, np.ndarray, np.ndarray, np.ndarray]] = (
            OrderedDict()
        )

    def keep(self, keys: Sequence[Key], rows: FeatureRows) -> None:
        """Remember the values of those of ``keys`` that any view has."""
        if not self._limit:
            return
        now, of = time.monotonic(), tuple(view.digest for view in rows.views)
        for row in np.flatnonzero(rows.found.any(axis=1)).tolist():
            key = keys[row]
            self._seen[key, of] = (now, rows.matrix[row].copy(), rows.found[row].copy(), rows.times[row].copy())
            self._seen.move_to_end((key, of))
        while len(self._seen) > self._limit:
            self._seen.popitem(last=False)

    def knows(self, views: Sequence[ViewSpec]) -> bool:
        """Return whether the values of any key are remembered that are not too old."""
        oldest, of = time.monotonic() - self._max_stale_s, tuple(view.digest for view in views)
        return any(digests == of and seen[0] >= oldest for (_, digests), seen in self._seen.items())

    def recall(self, keys: Sequence[Key], views: Sequence[ViewSpec]) -> FeatureRows | None:
        """Return the values of ``keys``, or None if one was never seen or too long ago."""
        oldest, of = time.monotonic() - self._max_stale_s, tuple(view.digest for view in views)
        seen = [self._seen.get((key, of)) for key in keys]
        known = [each for each in seen if each is not None and each[0] >= oldest]
        if not known or len(known) < len(keys):
            return None
        matrix, found, times = (np.array([each[item] for each in known]) for item in (1, 2, 3))
        return FeatureRows(tuple(name for view in views for name in view.features), matrix, found, times, tuple(views))
