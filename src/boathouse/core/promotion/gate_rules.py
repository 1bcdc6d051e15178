"""What a gate is made of: a question, a number, a bound, a limit."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from boathouse.core.promotion.evidence import GateEvidence
from boathouse.core.promotion.limits import GateLimits

BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "at least": operator.ge,
    "at most": operator.le,
    "more than": operator.gt,
    "less than": operator.lt,
}


@dataclass(frozen=True)
class Reading:
    """What a gate read.

    Attributes:
        value: The number judged; NaN where the evidence does not define it, which passes no gate.
        limit: What it is held against.
        detail: What stands behind the number, in words; may be empty.
        digits: Digits shown after the point.
    """

    value: float
    limit: float
    detail: str = ""
    digits: int = 4


@dataclass(frozen=True, kw_only=True)
class GateRule:
    """One gate of the closed list.

    Attributes:
        name: Name, as in conf.
        asks: The question it answers, for a person who approves.
        bound: How the number is held against the limit: a key of :data:`BOUNDS`.
        read: Gives number, limit and detail out of the evidence.
        timed: Whether the number is a measured time, which differs whenever it is taken.
    """

    name: str
    asks: str
    bound: str
    read: Callable[[GateEvidence, GateLimits], Reading]
    timed: bool = False


def count_faults(faults: tuple[str, ...] | list[str]) -> Reading:
    """Return the reading of a list in which every entry is a fault."""
    return Reading(float(len(faults)), 0.0, "; ".join(faults), digits=0)
