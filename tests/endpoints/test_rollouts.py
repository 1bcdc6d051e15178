"""Strategies as changes of the configuration, and what a rollback returns to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boathouse.endpoints import rollouts
from boathouse.endpoints.config import EndpointConfig
from boathouse.errors import EndpointError, RolloutError
from tests.fixtures.endpoint_config import make_config

TWO = {"old": 100, "new": 0}


def shares(config: EndpointConfig) -> dict[str, float]:
    return {route.served_entity_name: route.traffic_percentage for route in config.routes}


def test_blue_green_is_one_change_and_its_reverse() -> None:
    blue = make_config(TWO)
    green = rollouts.split_by_weight(blue, {"new": 100})
    assert shares(green) == {"old": 0, "new": 100}
    assert rollouts.split_by_weight(green, {"old": 100}) == blue


def test_a_canary_goes_through_its_steps() -> None:
    config = rollouts.start_canary(make_config(TWO), "new", steps=(1, 5, 25, 50, 100))
    seen = [shares(config)]
    while (step := rollouts.next_step(config)) is not None:
        config = rollouts.move_canary(config, step)
        seen.append(shares(config))
    assert [each["new"] for each in seen] == [1, 5, 25, 50, 100]
    assert [each["old"] for each in seen] == [99, 95, 75, 50, 0]
    done = rollouts.give_everything(config, "new")
    assert (done.split.kind, shares(done)) == ("weight", {"old": 0, "new": 100})


def test_the_others_keep_their_proportions() -> None:
    config = make_config({"a": 60, "b": 30, "new": 10})
    assert shares(rollouts.start_canary(config, "new", steps=(40, 100))) == pytest.approx({"a": 40, "b": 20, "new": 40})


def test_a_canary_that_has_everything_can_be_moved_back() -> None:
    config = rollouts.start_canary(make_config({"old": 0, "new": 100}), "new", steps=(25, 100))
    assert shares(config) == {"old": 75, "new": 25}


def test_rolling_takes_equal_batches_that_only_errors_stop() -> None:
    config = rollouts.start_rolling(make_config(TWO), "new", batches=3)
    assert config.split.steps == (33.3333, 66.6667, 100)
    assert (config.split.max_latency_ratio, config.split.max_score_shift) == (1000, 1)
    assert config.split.max_error_rate == 0.01


def test_shadow_leaves_the_traffic_alone() -> None:
    config = rollouts.start_shadow(make_config(TWO), ["new"])
    assert (config.split.kind, config.split.mirrors, shares(config)) == ("shadow", ("new",), TWO)
    with pytest.raises(EndpointError, match="only mirrors"):
        rollouts.start_shadow(make_config({"old": 50, "new": 50}), ["new"])


def test_an_experiment_names_salt_and_unit() -> None:
    config = rollouts.start_experiment(make_config(TWO), {"old": 50, "new": 50}, salt="spring", unit="key")
    assert (config.split.kind, config.split.salt, config.split.unit) == ("ab", "spring", "key")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (make_config({"old": 100, "new": 0}), "new"),
        (make_config({"old": 0, "new": 100}), "old"),
        (make_config({"a": 90, "b": 5, "c": 5}, kind="canary", candidate="c"), "c"),
        (make_config({"a": 100, "b": 0, "c": 0}, kind="shadow", mirrors=["b"]), "b"),
    ],
)
def test_which_entity_is_promoted_when_none_is_named(config: EndpointConfig, expected: str) -> None:
    assert rollouts.choose_promoted(config) == expected


def test_what_is_not_clear_is_asked_for() -> None:
    with pytest.raises(RolloutError, match="Name one of a, b, c"):
        rollouts.choose_promoted(make_config({"a": 100, "b": 0, "c": 0}))
    with pytest.raises(RolloutError, match="does not serve 'x'. Served: old, new"):
        rollouts.split_by_weight(make_config(TWO), {"x": 100})


@given(st.lists(st.integers(1, 100), min_size=2, max_size=5), st.integers(1, 99))
def test_percentages_always_add_up(weights: list[int], step: int) -> None:
    start = {f"e{number}": 100 * weight / sum(weights) for number, weight in enumerate(weights)}
    config = rollouts.start_canary(make_config(start), "e1", steps=(step, 100))
    assert sum(shares(config).values()) == pytest.approx(100, abs=1e-9)
    assert shares(config)["e1"] == step
