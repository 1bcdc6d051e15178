"""Sizes, service levels and advice by hand-computed cases."""

from __future__ import annotations

import math
import shlex
from typing import Any

import click
import pytest

from boathouse.cli.main import cli
from boathouse.endpoints.advice import COMMANDS, Needs, advise_way
from boathouse.endpoints.sizing import Measurement, ServiceLevels, SizingOptions, find_breaches, size_endpoint
from boathouse.errors import OptionError
from boathouse.pipeline_registry import FLOW

FULL, ROOMY = SizingOptions(headroom=1.0), SizingOptions(headroom=0.5)


@pytest.mark.parametrize(
    ("qps", "ms", "options", "expected"),
    [
        (50, 20, FULL, (1, "Small", 1, 1)),
        (200, 20, FULL, (4, "Small", 1, 4)),
        (201, 20, FULL, (4.02, "Medium", 1, 5)),
        (200, 20, ROOMY, (4, "Medium", 1, 8)),
        (800, 20, FULL, (16, "Medium", 1, 16)),
        (801, 20, FULL, (16.02, "Large", 1, 17)),
        (3200, 20, FULL, (64, "Large", 1, 64)),
        (5000, 20, FULL, (100, "Large", 2, 100)),
        (1, 1, FULL, (0.001, "Small", 1, 1)),
    ],
)
def test_units_are_rate_times_time(
    qps: float, ms: float, options: SizingOptions, expected: tuple[float, str, int, int]
) -> None:
    found = size_endpoint(qps, ms, options, scale_to_zero=False)
    assert (round(found.units, 6), found.size, found.endpoints, found.processes) == expected


def test_scale_to_zero_makes_the_lower_bound_zero() -> None:
    assert [size_endpoint(400, 20, FULL, scale_to_zero=zero).lower for zero in (True, False)] == [0, 8]


@pytest.mark.parametrize(("qps", "lower", "upper"), [(50, 4, 4), (400, 8, 16), (3200, 16, 64), (5000, 16, 64)])
def test_without_scale_to_zero_no_size_has_0_as_lower_bound(qps: float, lower: int, upper: int) -> None:
    kept, scaled = (size_endpoint(qps, 20, FULL, scale_to_zero=zero) for zero in (False, True))
    assert (kept.lower, kept.upper) == (lower, upper)
    assert (scaled.lower, scaled.upper) == (0, upper)


def test_loads_that_are_none_are_refused() -> None:
    with pytest.raises(OptionError, match="'qps' is 0"):
        size_endpoint(0, 20, FULL, scale_to_zero=True)


LEVELS = ServiceLevels(p50_ms=10, p99_ms=100, availability=0.999, requests_per_second=50)


def measure(**changes: Any) -> Measurement:
    values = {
        "rate": 50,
        "sent": 1000,
        "failed": 1,
        "p50_ms": 10.0,
        "p90_ms": 50.0,
        "p99_ms": 100.0,
        "longest_ms": 900.0,
        "achieved": 50,
    }
    return Measurement(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "breaches"),
    [
        ({}, []),
        ({"failed": 2}, ["availability 99.8000%, promised 99.9000%"]),
        ({"p50_ms": 10.1}, ["median 10.1 ms, promised 10 ms"]),
        ({"p99_ms": 100.1}, ["99th percentile 100.1 ms, promised 100 ms"]),
        ({"rate": 51, "failed": 500, "p99_ms": 5000.0}, []),
        (
            {"failed": 1000, "p50_ms": math.nan, "p99_ms": math.nan},
            [
                "availability 0.0000%, promised 99.9000%",
                "median nan ms, promised 10 ms",
                "99th percentile nan ms, promised 100 ms",
            ],
        ),
    ],
)
def test_breaches_are_named(changes: dict[str, Any], breaches: list[str]) -> None:
    assert find_breaches(measure(**changes), LEVELS) == breaches


DAY, MINUTE = 86_400_000, 60_000


@pytest.mark.parametrize(
    ("needs", "way"),
    [
        ({"latency_ms": DAY}, "batch"),
        ({"latency_ms": DAY, "freshness_seconds": 600}, "stream"),
        ({"latency_ms": 5 * MINUTE}, "stream"),
        ({"latency_ms": 100}, "precomputed"),
        ({"latency_ms": 100, "request_values": True}, "online"),
        ({"latency_ms": 100, "freshness_seconds": 60}, "online"),
        ({"latency_ms": 100, "rows": 10**9}, "online"),
        ({"latency_ms": 1}, "edge"),
        ({"latency_ms": DAY, "offline": True}, "edge"),
    ],
)
def test_the_cheapest_way_that_fits(needs: dict[str, Any], way: str) -> None:
    advice = advise_way(Needs(**{"per_second": 10, "rows": 30_000, **needs}))
    assert advice.way == way
    assert advice.command == COMMANDS[way]
    assert advice.reasons


@pytest.mark.parametrize("way", COMMANDS)
def test_what_is_advised_is_a_command_that_there_is(way: str) -> None:
    """Each part of it is accepted as it stands, down to the last argument."""
    for typed in COMMANDS[way].split(", then "):
        program, *words = shlex.split(typed)
        if program == "kedro":
            assert words[:2] == ["run", "--pipeline"]
            assert words[2] in FLOW
            continue
        assert program == "boathouse"
        command: click.Command = cli
        context = click.Context(cli, info_name=program)
        while isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, typed
            command = found
            context = click.Context(command, parent=context)
        assert command.parse_args(context, words) == []


def test_what_an_endpoint_cannot_do_is_said() -> None:
    needs = Needs(latency_ms=100, per_second=1_000, rows=10, model_ms=200, request_values=True)
    reasons = " ".join(advise_way(needs).reasons)
    assert "200 requests at the same time are more than the 64 of one endpoint of size Large" in reasons
    assert "boathouse endpoints size --qps 1000 --ms 200" in reasons
    assert "longer than may be waited" in reasons
