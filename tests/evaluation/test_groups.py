"""Rates by group equal fairlearn's; small and unknown groups are shown and not judged."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn import metrics as oracle

from boathouse.errors import OptionError
from boathouse.evaluation.fairness import FairnessOptions, GroupFairness, measure_fairness

RATES = {
    "selection_rate": oracle.selection_rate,
    "true_positive_rate": oracle.true_positive_rate,
    "false_positive_rate": oracle.false_positive_rate,
}


def measure(groups: list[str | None], label: list[int], decision: list[int], min_rows: int = 1) -> GroupFairness:
    return measure_fairness(
        "sex", np.array(groups, dtype=object), np.array(label), np.array(decision), min_group_rows=min_rows
    )


@pytest.mark.parametrize("seed", range(5))
def test_rates_and_differences_are_those_of_fairlearn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.choice(["a", "b", "c"], 500, p=[0.6, 0.3, 0.1])
    label, decision = generator.integers(0, 2, 500), generator.integers(0, 2, 500)
    found = measure(groups.tolist(), label.tolist(), decision.tolist())
    frame = oracle.MetricFrame(metrics=RATES, y_true=label, y_pred=decision, sensitive_features=groups)
    for each in found.groups:
        for name in RATES:
            assert getattr(each, name) == pytest.approx(frame.by_group.loc[each.group, name], abs=1e-12)
        assert each.rows == (groups == each.group).sum()
        chosen = decision[groups == each.group] == 1
        assert each.positive_predictive_value == pytest.approx(label[groups == each.group][chosen].mean(), abs=1e-12)
    shared = {"y_true": label, "y_pred": decision, "sensitive_features": groups}
    parity = oracle.demographic_parity_difference(**shared)
    odds = oracle.equalized_odds_difference(**shared)
    assert found.demographic_parity_difference == pytest.approx(parity, abs=1e-12)
    assert found.equalized_odds_difference == pytest.approx(odds, abs=1e-12)


def test_by_hand() -> None:
    """Men: 1 of 2 with label 1 found, 1 of 2 others accused; women: 2 of 2 and 0 of 1."""
    found = measure(list("mmmmwww"), [1, 1, 0, 0, 1, 1, 0], [1, 0, 1, 0, 1, 1, 0])
    men, women = found.groups
    assert (men.selection_rate, men.true_positive_rate, men.false_positive_rate) == (0.5, 0.5, 0.5)
    assert (women.true_positive_rate, women.false_positive_rate, women.positive_predictive_value) == (1, 0, 1)
    assert found.demographic_parity_difference == pytest.approx(2 / 3 - 1 / 2)
    assert found.equalized_odds_difference == 0.5


def test_a_small_group_is_shown_and_not_judged() -> None:
    found = measure(["a"] * 4 + ["b"] * 4 + ["c"], [0, 1] * 4 + [1], [0, 1] * 4 + [0], min_rows=4)
    assert [(each.group, each.judged) for each in found.groups] == [("a", True), ("b", True), ("c", False)]
    assert (found.demographic_parity_difference, found.equalized_odds_difference) == (0, 0)


def test_a_missing_value_is_a_group_of_its_own() -> None:
    found = measure(["a", None, None], [1, 0, 1], [1, 0, 0])
    assert [(each.group, each.rows) for each in found.groups] == [("a", 1), ("unknown", 2)]


def test_a_rate_without_rows_is_undefined_and_left_out_of_the_spread() -> None:
    found = measure(["a", "a", "b"], [1, 0, 0], [1, 0, 0])
    assert np.isnan(found.groups[1].true_positive_rate)
    assert found.equalized_odds_difference == 0


def test_with_no_group_large_enough_the_differences_are_undefined() -> None:
    found = measure(["a", "b"], [1, 0], [1, 0], min_rows=2)
    assert np.isnan(found.demographic_parity_difference)
    assert np.isnan(found.equalized_odds_difference)


def test_a_group_needs_a_row() -> None:
    with pytest.raises(OptionError, match="min_group_rows"):
        FairnessOptions(sensitive=["sex"], min_group_rows=0)
