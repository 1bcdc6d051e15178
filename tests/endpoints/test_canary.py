"""A canary: thrown out when it is surely bad, kept waiting when it is unclear, let through when it is good."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from boathouse.endpoints.canary import (
    Window,
    chance_distance,
    judge_canary,
    kolmogorov_distance,
    median_interval,
)
from boathouse.endpoints.canary_step import measure_windows
from boathouse.endpoints.options import SplitOptions

OPTIONS = SplitOptions(kind="canary", candidate="new", min_requests=100, step_seconds=60)
GENERATOR = np.random.default_rng(7)
SCORES = GENERATOR.beta(2, 8, size=2_000)
TIMES = GENERATOR.gamma(4, 5, size=2_000)


def window(requests: int, **changes: Any) -> Window:
    values = {"durations_ms": TIMES[:requests], "scores": SCORES[:requests]}
    return Window(requests=requests, **{**values, **changes})


OTHERS = Window(requests=1_000, durations_ms=TIMES[1_000:], scores=SCORES[1_000:])


@pytest.mark.parametrize(
    ("candidate", "seconds", "outcome"),
    [
        # As good as the others.
        (window(400), 61, "advance"),
        (window(400), 59, "wait"),
        (window(99), 61, "wait"),
        (window(0), 61, "wait"),
        # 0.25 % failed: under the limit of 1 %.
        (window(400, failed=1), 61, "advance"),
        # 1.25 %: above it, but 5 of 400 are no proof; Wilson's lower end is 0.4 %.
        (window(400, failed=5), 61, "wait"),
        # 4 %: the lower end is 2.1 %.
        (window(400, failed=16), 61, "roll_back"),
        # Young, and plainly broken.
        (window(10, failed=10), 1, "roll_back"),
        (window(9, failed=9), 1, "wait"),
        # It refuses what the others take.
        (window(400, rejected=40), 1, "roll_back"),
        (window(400, rejected=5), 61, "wait"),
        # Three times as slow, one and a half times as slow.
        (window(400, durations_ms=TIMES[:400] * 3), 1, "roll_back"),
        (window(400, durations_ms=TIMES[:400] * 1.5), 61, "advance"),
        # Scores moved far, moved a little.
        (window(400, scores=np.minimum(SCORES[:400] + 0.4, 1)), 1, "roll_back"),
        (window(400, scores=SCORES[:400] + 0.005), 61, "advance"),
        # Scores moved further than allowed, but not surely.
        (window(400, scores=SCORES[:400] + 0.055), 61, "wait"),
    ],
)
def test_outcomes(candidate: Window, seconds: float, outcome: str) -> None:
    assert judge_canary(candidate, OTHERS, OPTIONS, seconds=seconds, is_last=False).outcome == outcome


def test_after_the_last_step_it_is_done() -> None:
    alone = Window()
    assert judge_canary(window(400), alone, OPTIONS, seconds=61, is_last=True).outcome == "done"
    # There is no other entity to compare with: the rate of errors counts alone.
    assert judge_canary(window(400, failed=40), alone, OPTIONS, seconds=61, is_last=True).outcome == "roll_back"


def test_a_trouble_that_all_share_is_not_the_candidates() -> None:
    others = Window(requests=1_000, failed=300, durations_ms=TIMES[1_000:], scores=SCORES[1_000:])
    decision = judge_canary(window(400, failed=120), others, OPTIONS, seconds=61, is_last=False)
    assert decision.outcome == "wait"
    assert "120 of 400" in decision.reason
    refused = Window(requests=1_000, rejected=300, durations_ms=TIMES[1_000:], scores=SCORES[1_000:])
    assert judge_canary(window(400, rejected=120), refused, OPTIONS, seconds=61, is_last=False).outcome == "advance"


def test_fast_answers_are_not_compared_by_the_millisecond() -> None:
    quick = Window(requests=500, durations_ms=np.ones(500), scores=SCORES[:500])
    slower = Window(requests=500, durations_ms=np.full(500, 4.0), scores=SCORES[:500])
    assert judge_canary(slower, quick, OPTIONS, seconds=61, is_last=False).outcome == "advance"


def test_of_a_handful_of_scores_only_what_is_sure_counts() -> None:
    few = Window(requests=20, durations_ms=TIMES[:20], scores=SCORES[:20])
    shifted, apart = (window(400, scores=SCORES[400:800] + shift) for shift in (0.055, 0.9))
    assert judge_canary(shifted, few, OPTIONS, seconds=61, is_last=False).outcome == "advance"
    assert judge_canary(apart, few, OPTIONS, seconds=61, is_last=False).outcome == "roll_back"


def test_the_decision_has_its_reason() -> None:
    decision = judge_canary(window(400, failed=40), OTHERS, OPTIONS, seconds=61, is_last=False)
    assert decision.reason == "40 of 400 requests failed (10.00%, limit 1.00%), of the others 0 of 1000"
    evidence = decision.checks[0].to_evidence()
    assert (evidence["name"], evidence["verdict"], evidence["measured"]) == ("errors", "bad", 0.1)
    assert json.dumps(evidence)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_distance_is_that_of_kolmogorov_and_smirnov(first: list[float], second: list[float]) -> None:
    with warnings.catch_warnings():
        # They are about scipy's p-value of odd samples; its statistic is right.
        warnings.simplefilter("ignore")
        expected = ks_2samp(first, second).statistic
    assert kolmogorov_distance(np.array(first), np.array(second)) == pytest.approx(expected)


def test_chance_distance_keeps_its_promise() -> None:
    generator = np.random.default_rng(1)
    limit = chance_distance(300, 500)
    beyond = [kolmogorov_distance(generator.random(300), generator.random(500)) > limit for _ in range(2_000)]
    # One in a hundred by promise; the asymptotic limit is a little wide.
    assert 0 < np.mean(beyond) <= 0.015
    # sqrt(-ln(0.005) / 2) * sqrt(800 / 150000) = 1.6276 * 0.07303
    assert limit == pytest.approx(0.11886, abs=1e-5)


def test_interval_of_the_median_covers_it() -> None:
    generator = np.random.default_rng(2)
    inside = [
        low <= np.log(2) <= high
        for low, high in (median_interval(generator.exponential(size=101)) for _ in range(1_000))
    ]
    assert 0.985 <= np.mean(inside) <= 1


def make_window(part: np.ndarray, failed: int) -> Window:
    return Window(requests=len(part), failed=failed, durations_ms=TIMES[part], scores=SCORES[part])


def test_good_versions_are_rarely_thrown_out() -> None:
    generator = np.random.default_rng(3)
    thrown = 0
    for _ in range(400):
        pick = generator.permutation(2_000)
        mine, theirs = (
            make_window(part, int(generator.binomial(len(part), 0.005))) for part in (pick[:300], pick[300:])
        )
        thrown += judge_canary(mine, theirs, OPTIONS, seconds=61, is_last=False).outcome == "roll_back"
    # The limit of errors is twice the true rate; four checks at half a percent each.
    assert thrown <= 4


def make_entry(entity: str | None, status: int = 200, mode: str = "answer", probability: Any = 0.5) -> dict[str, Any]:
    return {
        "databricks_request_id": "r",
        "request_time": datetime(2026, 1, 1, tzinfo=UTC),
        "status_code": status,
        "execution_duration_ms": 3,
        "request": '{"dataframe_records":[{"a":1},{"a":2}]}',
        "response": json.dumps({"predictions": [{"probability": probability}, {"probability": 0.25}]}),
        "served_entity_id": entity,
        "mode": mode,
    }


def test_windows_of_a_log() -> None:
    entries = [
        make_entry("new"),
        make_entry("new", probability=None),
        make_entry("new", status=500),
        make_entry("new", status=400),
        make_entry("new", status=429),
        make_entry("new", mode="shadow"),
        make_entry(None, status=503),
        make_entry("old"),
        make_entry("older"),
    ]
    mine, theirs = measure_windows(entries, "new")
    # The unreadable prediction failed though its status is 200; 429 says nothing of a version.
    assert (mine.requests, mine.failed, mine.rejected) == (4, 2, 1)
    assert mine.scores.tolist() == [0.5, 0.25, 0.25]
    assert mine.durations_ms.tolist() == [3, 3]
    assert (theirs.requests, theirs.failed, theirs.scores.tolist()) == (2, 0, [0.5, 0.25, 0.5, 0.25])
