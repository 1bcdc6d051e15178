"""The block ``boathouse`` of an endpoint's document: what the platform's own form has no place for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from boathouse.errors import OptionError
from boathouse.options import require_between, require_choice, require_whole

SPLITS = ("ab", "canary", "rolling", "shadow", "weight")
# Splits that bring in a candidate step by step.
STEPPED = ("canary", "rolling")
WHEN_DOWN = ("fail", "last_known")
POLICIES = ("hash", "keep", "mask")
_YEAR_S = 366 * 86_400


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """How requests are divided between served entities.

    Attributes:
        kind: ``weight``: each request is drawn by the traffic percentages; ``ab``: each unit is assigned once and for
            all by its salted hash; ``canary``: as ``weight``, with percentages that go up in steps; ``rolling``: as
            ``canary``, and only errors and refusals stop it; ``shadow``: as ``weight``, and the ``mirrors`` score a
            copy of each request after it was answered.
        salt: Text that is hashed together with the unit; another salt is another assignment.
        unit: Column of the request that identifies the unit of an A/B test, or None.
        mirrors: Served entities that only shadow; their traffic percentage is 0.
        candidate: The served entity that a canary or a rolling replacement brings in, or None.
        steps: Traffic percentages of its steps, ascending, each above 0 and at most 100.
        step_seconds: Least time in seconds between two steps.
        min_requests: Requests to the candidate that a step needs before it is judged.
        max_error_rate: Share of failed requests, 0 to 1, above which a canary is rolled back.
        max_latency_ratio: Median latency of the candidate over that of the others, above which it is rolled back.
        max_score_shift: Distance of the candidate's scores from the others' (Kolmogorov–Smirnov, 0 to 1), above which
            it is rolled back.
    """

    kind: str = "weight"
    salt: str = ""
    unit: str | None = None
    mirrors: tuple[str, ...] = ()
    candidate: str | None = None
    steps: tuple[float, ...] = (1.0, 5.0, 25.0, 50.0, 100.0)
    step_seconds: float = 300.0
    min_requests: int = 100
    max_error_rate: float = 0.01
    max_latency_ratio: float = 2.0
    max_score_shift: float = 0.2

    def __post_init__(self) -> None:
        """Check choices and ranges.

        Raises:
            OptionError: If a value is outside what is allowed, or the kind lacks what it needs.
        """
        require_choice("split.kind", self.kind, SPLITS)
        for step in self.steps:
            require_between("split.steps", step, 0, 100)
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or 0 in self.steps:
            raise OptionError.out_of_range("split.steps", list(self.steps), "ascending percentages above 0")
        require_between("split.step_seconds", self.step_seconds, 0, _YEAR_S)
        require_whole("split.min_requests", self.min_requests, 1, 10**9)
        require_between("split.max_error_rate", self.max_error_rate, 0, 1)
        require_between("split.max_latency_ratio", self.max_latency_ratio, 0, 1000)
        require_between("split.max_score_shift", self.max_score_shift, 0, 1)
        needed = {"ab": ("unit", self.unit), **dict.fromkeys(STEPPED, ("candidate", self.candidate))}.get(self.kind)
        if needed is not None and not needed[1]:
            raise OptionError.out_of_range(f"split.{needed[0]}", needed[1], f"a name, for a split of kind {self.kind}")
        if self.kind == "shadow" and not self.mirrors:
            raise OptionError.out_of_range("split.mirrors", [], "at least one served entity, for kind shadow")


@dataclass(frozen=True, kw_only=True)
class LookUpOptions:
    """How features are looked up.

    Attributes:
        timeout_ms: Longest wait for the online store, in milliseconds.
        when_down: ``fail``: a request that needs the store is answered 503; ``last_known``: with the values last seen
            for its keys, and marked; a key that was never seen is answered 503.
        max_stale_s: Oldest values, in seconds since they were read, that ``last_known`` answers with.
        last_known_keys: Keys kept for that, at most; the one asked for longest ago goes first.
        max_age_days: Age in days from which a looked-up value counts as unknown, whatever its view allows; None for no
            other limit than the view's.
        unknown_key: ``fail``: a request with a row that nothing is known of is answered 404, as batch and stream
            quarantine such a row; ``score``: it is scored with unknown features, and marked.
    """

    timeout_ms: int = 200
    when_down: str = "fail"
    max_stale_s: float = 900.0
    last_known_keys: int = 100_000
    max_age_days: float | None = None
    unknown_key: str = "fail"

    def __post_init__(self) -> None:
        """Check choices and ranges."""
        require_whole("look_up.timeout_ms", self.timeout_ms, 1, 60_000)
        require_choice("look_up.when_down", self.when_down, WHEN_DOWN)
        require_between("look_up.max_stale_s", self.max_stale_s, 0, _YEAR_S)
        require_whole("look_up.last_known_keys", self.last_known_keys, 1, 10**8)
        if self.max_age_days is not None:
            require_between("look_up.max_age_days", self.max_age_days, 0, 366_000)
        require_choice("look_up.unknown_key", self.unknown_key, ("fail", "score"))


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """What the inference log keeps.

    Attributes:
        enabled: Whether requests are logged at all.
        sampling_fraction: Share of requests that is logged, 0 to 1.
        flush_seconds: Longest time in seconds until an entry is on disk, which is what a kill can lose; it is in the
            table about five seconds later.
        queue_entries: Entries that wait in memory, at most; more are counted and dropped.
        max_payload_bytes: A longer request or response is cut by rule, and marked.
        personal_columns: Columns of the request that are personal.
        personal_policy: What becomes of their values: ``mask``, ``hash`` or ``keep``.
    """

    enabled: bool = True
    sampling_fraction: float = 1.0
    flush_seconds: float = 1.0
    queue_entries: int = 10_000
    max_payload_bytes: int = 1_000_000
    personal_columns: tuple[str, ...] = ()
    personal_policy: str = "hash"

    def __post_init__(self) -> None:
        """Check choices and ranges."""
        require_between("log.sampling_fraction", self.sampling_fraction, 0, 1)
        require_between("log.flush_seconds", self.flush_seconds, 0.01, 3600)
        require_whole("log.queue_entries", self.queue_entries, 1, 10**7)
        require_whole("log.max_payload_bytes", self.max_payload_bytes, 1, 10**9)
        require_choice("log.personal.policy", self.personal_policy, POLICIES)


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """Limits of a worker.

    Attributes:
        max_body_bytes: Longer bodies are answered 413.
        max_rows: Requests of more rows are answered 413.
        max_columns: Requests of more columns are answered 413.
        max_values: Requests of more values are answered 413, whatever their form: about rows times columns.
        max_explained_rows: Requests for reasons of more rows are answered 413: reasons take a hundred times as long as
            scores.
        timeout_ms: Requests that take longer, in milliseconds, are answered 504.
        queue_length: Requests at work or waiting, at most; further ones are answered 503 with Retry-After. A request
            counts from when its body is there.
        max_connections: Open connections, at most, within the file handles that the process may have. For a further
            one the connection is closed that has kept the worker waiting longest for a request; it is refused if all
            are at work.
        connections_per_caller: The same for those of one address.
        head_seconds: Longest time in seconds from a connection, or the answer before, to the end of the next request's
            headers. A body has ``timeout_ms``.
        requests_per_second: Rate allowed to each token, or each client address without tokens; more is answered 429
            with Retry-After. None for no limit.
        burst: Requests a token may send at once after a pause.
        drain_seconds: Longest time in seconds that running requests get to finish when the server stops.
        notice_seconds: How long /ready answers 503 before that, in seconds, while requests are still taken: at least
            the interval at which a load balancer asks.
    """

    max_body_bytes: int = 16_000_000
    max_rows: int = 10_000
    max_columns: int = 1000
    max_values: int = 500_000
    max_explained_rows: int = 1000
    timeout_ms: int = 10_000
    queue_length: int = 256
    max_connections: int = 1000
    connections_per_caller: int = 500
    head_seconds: float = 10.0
    requests_per_second: float | None = None
    burst: int = 100
    drain_seconds: float = 20.0
    notice_seconds: float = 1.0

    def __post_init__(self) -> None:
        """Check ranges."""
        require_whole("limits.max_body_bytes", self.max_body_bytes, 1, 10**9)
        require_whole("limits.max_rows", self.max_rows, 1, 10**7)
        require_whole("limits.max_columns", self.max_columns, 1, 10**5)
        require_whole("limits.max_values", self.max_values, 1, 10**8)
        require_whole("limits.max_explained_rows", self.max_explained_rows, 1, 10**7)
        require_whole("limits.timeout_ms", self.timeout_ms, 1, 3_600_000)
        require_whole("limits.queue_length", self.queue_length, 1, 10**6)
        require_whole("limits.max_connections", self.max_connections, 1, 10**6)
        require_whole("limits.connections_per_caller", self.connections_per_caller, 1, 10**6)
        require_between("limits.head_seconds", self.head_seconds, 0.1, 3600)
        if self.requests_per_second is not None:
            require_between("limits.requests_per_second", self.requests_per_second, 0.001, 10**6)
        require_whole("limits.burst", self.burst, 1, 10**6)
        require_between("limits.drain_seconds", self.drain_seconds, 0, 3600)
        require_between("limits.notice_seconds", self.notice_seconds, 0, 3600)


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """What a request may hold.

    Attributes:
        ranges: Lowest and highest value of a feature or field of the request that this endpoint takes, both inclusive,
            in addition to the legal values that features and fields declare. Null is legal.
    """

    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that each range has two ascending ends."""
        for name, ends in self.ranges.items():
            if len(ends) != 2 or not ends[0] <= ends[1]:
                raise OptionError.out_of_range(f"input.ranges.{name}", list(ends), "two ascending numbers")
