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


@pytest.mark.parametrize("share", [100, 25])
def test_what_answers_that_much_already_is_no_candidate(share: float) -> None:
    config = make_config({"old": 100 - share, "new": share})
    with pytest.raises(RolloutError, match=f"'new' answers {share} % already, and the first step of a canary gives 25"):
        rollouts.start_canary(config, "new", steps=(25, 100))
    with pytest.raises(RolloutError, match="already"):
        rollouts.start_canary(make_config({"alone": 100}), "alone")


def test_the_next_rollout_begins_with_the_values_of_conf() -> None:
    conf = make_config(TWO, salt="from conf", unit="key", max_score_shift=0.1)
    for ended in (
        rollouts.start_rolling(conf, "new", batches=4),
        rollouts.start_experiment(conf, {"old": 50, "new": 50}, salt="spring", unit="other"),
        rollouts.start_shadow(conf, ["new"]),
    ):
        plain = rollouts.end_rollout(ended, conf)
        assert plain.split == conf.split
        assert shares(plain) == shares(ended)
    changed = make_config(TWO, kind="canary", candidate="new", max_score_shift=0.3)
    assert rollouts.end_rollout(changed, conf).split.max_score_shift == 0.3


def test_what_may_not_answer_leaves_its_share_to_the_others() -> None:
    canary = rollouts.start_canary(make_config({"a": 60, "b": 40, "new": 0}), "new", steps=(50, 100))
    assert shares(rollouts.leave_out(canary, ["new"], in_place=None)) == pytest.approx({"a": 60, "b": 40, "new": 0})
    # No unit of another variant moves: the neighbour takes the place of the one that goes.
    test = rollouts.start_experiment(canary, {"a": 20, "b": 30, "new": 50}, salt="s", unit="key")
    assert shares(rollouts.leave_out(test, ["new"], in_place=None)) == {"a": 20, "b": 80, "new": 0}
    assert shares(rollouts.leave_out(test, ["b"], in_place=None)) == {"a": 50, "b": 0, "new": 50}
    assert shares(rollouts.leave_out(test, ["a"], in_place=None)) == {"a": 0, "b": 50, "new": 50}
    green = make_config({"old": 0, "new": 100})
    assert shares(rollouts.leave_out(green, ["new"], in_place="old")) == {"old": 100, "new": 0}
    assert rollouts.leave_out(green, ["new"], in_place=None) == green
    shadow = rollouts.leave_out(rollouts.start_shadow(make_config(TWO), ["new"]), ["new"], in_place=None)
    assert (shadow.split.kind, shadow.split.mirrors) == ("weight", ())


def test_rolling_takes_equal_batches_that_only_errors_stop() -> None:
    config = rollouts.start_rolling(make_config(TWO), "new", batches=3)
    assert (config.split.kind, config.split.steps) == ("rolling", (33.3333, 66.6667, 100))
    limits = ("max_error_rate", "max_latency_ratio", "max_score_shift")
    assert [getattr(config.split, name) for name in limits] == [0.01, 2, 0.2]


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
    config = rollouts.start_canary(make_config({**start, "new": 0}), "new", steps=(step, 100))
    assert sum(shares(config).values()) == pytest.approx(100, abs=1e-9)
    assert shares(config)["new"] == step
    left = rollouts.leave_out(config, ["e0"], in_place=None)
    assert sum(shares(left).values()) == pytest.approx(100, abs=1e-9)
