"""Which way of serving fits what is needed: batch, stream, precomputed, online or on the device."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from boathouse.endpoints.sizing import SIZES
from boathouse.options import require_between

# A minute of delay is what a stream in micro-batches promises, an hour what a scheduled batch does.
_STREAM_DELAY_MS, _BATCH_DELAY_MS = 60_000.0, 3_600_000.0
# Below this, the network to an endpoint takes most of what is allowed.
_DEVICE_LATENCY_MS = 5.0
# More predictions at a time than one endpoint of the largest size works on.
_MOST_UNITS = max(upper for _, upper in SIZES.values())
# Tables of an online store stay quick up to about here.
_MOST_STORED_ROWS = 500_000_000


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What is asked for.

    Attributes:
        latency_ms: Longest acceptable wait of a caller, in milliseconds, above 0.
        per_second: Predictions per second at the busiest ordinary time, 0 or more.
        rows: Keys that can be asked for: entities, not requests.
        model_ms: Time of one prediction in milliseconds, features included, above 0.
        freshness_seconds: Oldest features that still give a useful answer, in seconds.
        request_values: Whether some inputs are known only at the time of the request.
        offline: Whether there is no network where the answer is needed.
    """

    latency_ms: float
    per_second: float
    rows: int
    model_ms: float = 10.0
    freshness_seconds: float = 86_400.0
    request_values: bool = False
    offline: bool = False

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_between("latency_ms", self.latency_ms, 0.001, 1e12)
        require_between("per_second", self.per_second, 0, 1e12)
        require_between("rows", self.rows, 1, 1e15)
        require_between("model_ms", self.model_ms, 0.001, 1e9)
        require_between("freshness_seconds", self.freshness_seconds, 0.001, 1e12)


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What fits.

    Attributes:
        way: ``batch``, ``stream``, ``precomputed``, ``online`` or ``edge``.
        command: What to type for it, as it stands.
        reasons: Why this one, and why not others; the decisive one first.
        units: Requests at work at the same time if every prediction were computed when asked for.
    """

    way: str
    command: str
    reasons: tuple[str, ...]
    units: float

    def to_evidence(self, needs: Needs) -> dict[str, Any]:
        """Return needs and advice as plain values for the trail."""
        return {"needs": asdict(needs), "way": self.way, "reasons": list(self.reasons), "units": self.units}


COMMANDS = {
    "batch": "kedro run --pipeline batch_inference",
    "stream": "kedro run --pipeline stream_inference",
    "precomputed": "boathouse features publish-predictions, then boathouse serve",
    "online": "boathouse features publish, then boathouse serve",
    "edge": "boathouse models export champion --format onnx",
}


def advise_way(needs: Needs) -> Advice:
    """Return the cheapest way that gives what is needed.

    High throughput with time to wait is batch or stream; low latency is precomputed if all inputs are known
    beforehand and may be as old as the last batch, else online; without a network, or below what a network
    allows, the model goes to the device.
    """
    units = needs.per_second * needs.model_ms / 1000
    way, reasons = _choose(needs, units)
    return Advice(way=way, command=COMMANDS[way], reasons=tuple(reasons), units=units)


def _choose(needs: Needs, units: float) -> tuple[str, list[str]]:
    if needs.offline:
        return "edge", ["there is no network where the answer is needed"]
    if needs.latency_ms < _DEVICE_LATENCY_MS:
        return "edge", [f"{needs.latency_ms:g} ms leave no time for a network; the model has to run where one asks"]
    if needs.latency_ms >= _BATCH_DELAY_MS and needs.freshness_seconds * 1000 >= _BATCH_DELAY_MS:
        return "batch", [f"an hour or more may pass: {needs.rows:,} rows at once cost the least"]
    if needs.latency_ms >= _STREAM_DELAY_MS:
        return "stream", ["a minute may pass, an hour may not: micro-batches score what arrives"]
    return _choose_quick(needs, units)


def _choose_quick(needs: Needs, units: float) -> tuple[str, list[str]]:
    wait = f"somebody waits, {needs.latency_ms:g} ms at the longest"
    if needs.request_values:
        return "online", [wait, "some inputs are known only then", *_warn(needs, units)]
    if needs.freshness_seconds * 1000 < _BATCH_DELAY_MS:
        return "online", [wait, "an answer of the last batch would be too old", *_warn(needs, units)]
    if needs.rows > _MOST_STORED_ROWS:
        return "online", [wait, f"{needs.rows:,} answers are more than should be stored", *_warn(needs, units)]
    return "precomputed", [
        wait,
        "all inputs are known before, and an answer of the last batch is fresh enough",
        "reading an answer is quicker than computing it, and the model cannot fail then",
    ]


def _warn(needs: Needs, units: float) -> list[str]:
    found = []
    if needs.model_ms > needs.latency_ms:
        found.append(f"the model takes {needs.model_ms:g} ms, longer than may be waited: make it smaller first")
    if units > _MOST_UNITS:
        found.append(
            f"{units:.0f} requests at the same time are more than the {_MOST_UNITS} of one endpoint of size "
            f"{max(SIZES, key=lambda size: SIZES[size][1])}: boathouse endpoints size --qps {needs.per_second:g} "
            f"--ms {needs.model_ms:g}"
        )
    return found
