"""How large an endpoint has to be: the platform's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from boathouse.options import require_between

# Units of concurrency that the platform gives a workload size, from and to. With scale to zero the lower bound is 0,
# whatever the size. Source: workload_size of ServedEntityInput, databricks-sdk 0.156.
SIZES = {"Small": (4, 4), "Medium": (8, 16), "Large": (16, 64)}


@dataclass(frozen=True, kw_only=True)
class SizingOptions:
    """How full an endpoint may run.

    Attributes:
        headroom: Share of its units that ordinary load may take, above 0 to 1; the rest is for peaks.
    """

    headroom: float

    def __post_init__(self) -> None:
        """Check the range."""
        require_between("sizing.headroom", self.headroom, 0.05, 1)


@dataclass(frozen=True, kw_only=True)
class Sizing:
    """The size of an endpoint by the rule.

    Attributes:
        units: Requests that are at work at the same time on average: requests per second times seconds each.
        needed: Units with room for peaks.
        size: Smallest workload size that has them; ``Large`` beyond.
        lower: Units that are always there; 0 with scale to zero.
        upper: Units that the size goes up to.
        endpoints: Endpoints of that size; more than one only beyond ``Large``.
        processes: Worker processes of ``boathouse serve`` that do the same: each works on one request at a time.
    """

    units: float
    needed: float
    size: str
    lower: int
    upper: int
    endpoints: int
    processes: int


def size_endpoint(
    requests_per_second: float, milliseconds: float, options: SizingOptions, *, scale_to_zero: bool
) -> Sizing:
    """Return the size for a load: units = requests per second × seconds per request (Little's law).

    One unit works on one request at a time. Source: the platform's sizing rule; Little (1961), Operations
    Research 9:383-387.

    Args:
        requests_per_second: At the busiest ordinary time, above 0.
        milliseconds: Time of one request, at the median; a slow tail needs the mean.
        options: Room for peaks.
        scale_to_zero: Whether nothing runs while there are no requests; the first request then waits for a start.

    Raises:
        OptionError: If a number is not positive.
    """
    require_between("qps", requests_per_second, 1e-6, 1e9)
    require_between("ms", milliseconds, 1e-6, 1e9)
    units = requests_per_second * milliseconds / 1000
    needed = units / options.headroom
    size = next((name for name, (_, upper) in SIZES.items() if needed <= upper), "Large")
    lower, upper = SIZES[size]
    return Sizing(
        units=units,
        needed=needed,
        size=size,
        lower=0 if scale_to_zero else lower,
        upper=upper,
        endpoints=max(1, math.ceil(needed / upper)),
        processes=max(1, math.ceil(needed)),
    )


@dataclass(frozen=True, kw_only=True)
class ServiceLevels:
    """The promise of one endpoint.

    Attributes:
        p50_ms: Longest median, in milliseconds from when a request was due.
        p99_ms: Longest 99th percentile, in milliseconds.
        availability: Smallest share of requests answered, 0 to 1.
        requests_per_second: Rate at which the other levels have to hold.
    """

    p50_ms: float
    p99_ms: float
    availability: float
    requests_per_second: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_between("service_levels.p50_ms", self.p50_ms, 0.01, 3_600_000)
        require_between("service_levels.p99_ms", self.p99_ms, 0.01, 3_600_000)
        require_between("service_levels.availability", self.availability, 0, 1)
        require_between("service_levels.requests_per_second", self.requests_per_second, 0.01, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a load test saw at one rate.

    Attributes:
        rate: Requests per second that were due.
        sent: Requests.
        failed: Those without an answer of status 200.
        p50_ms: Median in milliseconds from when a request was due until its answer was there; NaN without any.
        p90_ms: 90th percentile.
        p99_ms: 99th percentile.
        longest_ms: The slowest.
        achieved: Answers per second.
        errors: Number of failures by kind: a status, or the name of an error.
    """

    rate: float
    sent: int
    failed: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    longest_ms: float
    achieved: float
    errors: tuple[tuple[str, int], ...] = ()

    @property
    def availability(self) -> float:
        """Share of requests answered; 1 without any."""
        return 1 - self.failed / self.sent if self.sent else 1.0


def find_breaches(measured: Measurement, levels: ServiceLevels) -> list[str]:
    """Return a sentence for each level that was not kept; nothing if all were.

    A level above whose rate nothing is promised is not judged: rates beyond ``requests_per_second`` are
    there to find the limit.
    """
    if measured.rate > levels.requests_per_second:
        return []
    found = []
    if measured.availability < levels.availability:
        found.append(f"availability {measured.availability:.4%}, promised {levels.availability:.4%}")
    # Written so that NaN, a run without answers, is a breach.
    if not measured.p50_ms <= levels.p50_ms:
        found.append(f"median {measured.p50_ms:.1f} ms, promised {levels.p50_ms:g} ms")
    if not measured.p99_ms <= levels.p99_ms:
        found.append(f"99th percentile {measured.p99_ms:.1f} ms, promised {levels.p99_ms:g} ms")
    return found
