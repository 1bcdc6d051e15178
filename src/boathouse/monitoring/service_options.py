"""What is measured of endpoints and runs, and which levels they have to keep, as read from ``params:monitoring``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from boathouse.errors import OptionError
from boathouse.options import require_between, require_choice, require_whole

# What an endpoint and a pipeline can promise: each the name of a measure, and whether more of it is better.
AVAILABILITY, FRESHNESS, SECONDS = "availability", "freshness_days", "run_seconds"
ENDPOINT_LEVELS = {"latency_ms_p50": False, "latency_ms_p95": False, "latency_ms_p99": False, AVAILABILITY: True}
PIPELINE_LEVELS = {FRESHNESS: False, SECONDS: False}
_LARGEST = 1e9


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """How software is measured.

    Attributes:
        window_days: Newest days of requests that are measured, and over which levels count; 1 to 366.
        cohorts: Newest cohorts whose predictions are measured; 1 to 1,000.
        max_rows: Rows of requests that are read; more are thinned by a hash of the request; 1,000 to 50 million.
        minimum_requests: Requests that a day needs for percentiles and rates; 1 to 1 million.
        confidence: Coverage of the intervals; 0.5 to 0.999.
        price_per_hour: Of the engine that runs pipelines, in currency units; 0 to 1e9.
    """

    window_days: int
    cohorts: int
    max_rows: int
    minimum_requests: int
    confidence: float
    price_per_hour: float

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("window_days", self.window_days, 1, 366)
        require_whole("cohorts", self.cohorts, 1, 1_000)
        require_whole("max_rows", self.max_rows, 1_000, 50_000_000)
        require_whole("minimum_requests", self.minimum_requests, 1, 1_000_000)
        require_between("confidence", self.confidence, 0.5, 0.999)
        require_between("price_per_hour", self.price_per_hour, 0.0, _LARGEST)


@dataclass(frozen=True, kw_only=True)
class ServiceLevels:
    """Targets that endpoints and pipelines have to keep.

    Attributes:
        endpoints: By endpoint: ``latency_ms_p50``, ``latency_ms_p95`` or ``latency_ms_p99`` at most, ``availability``
            (share of requests answered, 0 to 1) at least.
        pipelines: By pipeline: ``freshness_days`` (newest time of what it makes against the cutoff) at most,
            ``run_seconds`` at most.
    """

    endpoints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pipelines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check names and targets.

        Raises:
            OptionError: Naming the level, its target and what is allowed.
        """
        for group, known in (("endpoints", ENDPOINT_LEVELS), ("pipelines", PIPELINE_LEVELS)):
            for subject, levels in getattr(self, group).items():
                if not isinstance(levels, Mapping):
                    raise OptionError.out_of_range(f"{group}.{subject}", levels, "a target for each level")
                for name, target in levels.items():
                    require_choice(f"{group}.{subject}", name, known)
                    most = 1.0 if name == AVAILABILITY else _LARGEST
                    require_between(f"{group}.{subject}.{name}", target, 0.0, most)
