"""How large an endpoint has to be: the platform's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from boathouse.core.options import require_between

# Units of concurrency that the platform gives a workload size, from and to.
SIZES = {"Small": (0, 4), "Medium": (8, 16), "Large": (16, 64)}


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
    """What the rule says.

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
        scale_to_zero: Whether nothing has to run while nobody asks; the first request then waits for a start.

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
