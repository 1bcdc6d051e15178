"""Behaviour tests find what they look for, and nothing passes unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.errors import OptionError
from boathouse.evaluation.behaviour import (
    RULES,
    BehaviourCases,
    BehaviourOptions,
    BehaviourResult,
    BehaviourTest,
    run_behaviour,
)
from boathouse.evaluation.model_card import view_behaviour
from boathouse.reports.rendering import render_markdown
from boathouse.scoring.scorer import load_scorer
from tests.fixtures.model_store import make_model

if TYPE_CHECKING:
    from collections.abc import Sequence

NAN = float("nan")


def columns(*late: float) -> dict[str, np.ndarray]:
    return {"months_late": np.array(late, dtype=float), "limit": np.ones(len(late))}


def unchanged(given: Any, *_: Any) -> Any:
    return given


def run(rule: str, before: Any, after: Any, *, bound: float = 0.0, share: float = 0.0) -> BehaviourResult:
    """Return what a rule finds; the model says 0.05 without months late and 0.7 with."""
    test = BehaviourTest(name="t", says="It behaves.", rule=rule, change=unchanged)
    options = BehaviourOptions(10, 1, 0.01, {"t": {"bound": bound, "max_failing_share": share}})
    # The mean is that of the rows fitted on, whatever the cases were before the change.
    fitted, before = (before, {}) if rule == "not_below_mean" else ({}, before)
    cases = [BehaviourCases(test=test, before=before, after=after)]
    (found,) = run_behaviour(load_scorer(make_model().files), cases, options, fitted=fitted)
    return found


@pytest.mark.parametrize(
    ("rule", "before", "after", "bound", "failing", "worst"),
    [
        ("unmoved", [0, 2], [0, 2], 0.0, 0, 0.0),
        ("unmoved", [0, 2], [2, 0], 0.64, 2, 0.65),
        ("unmoved", [0, 2], [2, 0], 0.66, 0, 0.65),
        ("not_lower", [0, 2], [2, 2], 0.0, 0, 0.0),
        ("not_lower", [2, 2], [0, 2], 0.1, 1, 0.65),
        ("low", [], [0, 0], 0.06, 0, 0.05),
        ("low", [], [0, 2], 0.06, 1, 0.7),
        ("high", [], [2, 2], 0.31, 0, 0.3),
        ("high", [], [2, 0], 0.31, 1, 0.95),
        # The mean of the rows fitted on is 0.375: 0.05 is below it by 13/15 of it, 0.7 is not.
        ("not_below_mean", [0, 2], [0, 2], 0.87, 0, 13 / 15),
        ("not_below_mean", [0, 2], [0, 2], 0.86, 1, 13 / 15),
        ("not_below_mean", [0, 0], [0, 0], 0.0, 0, 0.0),
    ],
)
def test_rules_by_hand(
    rule: str, before: Sequence[float], after: Sequence[float], bound: float, failing: int, worst: float
) -> None:
    found = run(rule, columns(*before) if before else {}, columns(*after), bound=bound)
    assert (found.cases, found.failing) == (2, failing)
    assert found.worst == pytest.approx(worst, abs=1e-12)
    assert found.passed is (failing == 0)


def test_every_rule_has_a_case_above() -> None:
    assert set(RULES) == {"unmoved", "not_lower", "low", "high", "not_below_mean"}


def test_without_a_mean_nothing_is_known_to_be_near_it() -> None:
    assert run("not_below_mean", {}, columns(2, 2), bound=1.0, share=0.9).failing == 2


@pytest.mark.parametrize(("share", "passed"), [(0.5, True), (0.49, False)])
def test_few_enough_cases_may_fail(share: float, passed: bool) -> None:
    assert run("unmoved", columns(0, 0), columns(0, 2), share=share).passed is passed


def test_no_case_passes_nothing() -> None:
    found = run("unmoved", columns(), columns(), bound=1.0, share=1.0)
    assert (found.cases, found.passed) == (0, False)


def test_a_score_that_is_no_probability_fails() -> None:
    model = make_model()
    scorer = load_scorer(model.files)

    class Broken:
        def log_odds(self, matrix: np.ndarray) -> np.ndarray:
            return np.full(len(matrix), NAN)

        contributions = log_odds

    test = BehaviourTest(name="t", says="It behaves.", rule="unmoved", change=unchanged)
    options = BehaviourOptions(10, 1, 0.01, {"t": {"bound": 1.0, "max_failing_share": 0.0}})
    cases = [BehaviourCases(test=test, before=columns(0), after=columns(0))]
    assert run_behaviour(scorer, cases, options, fitted={})[0].passed
    assert not run_behaviour(replace(scorer, estimator=Broken()), cases, options, fitted={})[0].passed


def test_a_test_without_limit_is_an_error_and_not_a_pass() -> None:
    test = BehaviourTest(name="other", says="It behaves.", rule="low", change=unchanged)
    cases = [BehaviourCases(test=test, before={}, after=columns(0))]
    options = BehaviourOptions(10, 1, 0.01, {"t": {"bound": 1.0, "max_failing_share": 0.0}})
    with pytest.raises(OptionError, match="limits"):
        run_behaviour(load_scorer(make_model().files), cases, options, fitted={})


@pytest.mark.parametrize(
    "limit", [{"bound": 2.0, "max_failing_share": 0.0}, {"bound": 0.1}, {"bound": 0.1, "max_share": 0}]
)
def test_a_limit_is_checked(limit: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="limits|bound"):
        BehaviourOptions(10, 1, 0.01, {"t": limit})


@pytest.mark.parametrize("changes", [{}, {"change": unchanged, "alter": unchanged}])
def test_a_test_changes_tables_or_features(changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="change"):
        BehaviourTest(name="t", says="It behaves.", rule="low", **changes)


def describe(*results: BehaviourResult) -> str:
    return render_markdown("behaviour.md.j2", behaviour=view_behaviour(results))


def test_the_card_says_what_fails_and_that_nothing_was_run() -> None:
    failed = run("not_lower", columns(2, 2), columns(0, 2), bound=0.1)
    assert "| It behaves. | **no** | 1 of 2 | fell by 0.650 | 0.100 in all |" in describe(failed)
    assert "No behaviour test was run." in describe()
