"""Service levels: what an endpoint promises, and whether it was kept."""

from __future__ import annotations

from dataclasses import dataclass

from boathouse.core.options import require_between


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
    """Return the levels that were not kept, in words; nothing if all were.

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
