"""What a model has to be better than: a rule that acts, doing nothing, acting on all; each by hand-computed costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from boathouse.evaluation.evaluate import TestRows, evaluate
from boathouse.evaluation.fairness import FairnessOptions
from boathouse.evaluation.model_card import CardWords, write_model_card
from boathouse.evaluation.references import describe_rule
from boathouse.evaluation.tables import evaluation_rows
from boathouse.lifecycle.gates import GATES, judge_gate
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.modelling.task import BINARY
from boathouse.scoring.scorer import load_scorer
from tests.fixtures.gate_cases import GOOD, OPTIONS
from tests.fixtures.small_models import make_rate_table

if TYPE_CHECKING:
    from boathouse.evaluation.report import EvaluationReport

FEATURES = ("late", "limit")
REASONS = {"late": "Payments were late", "limit": "The limit"}
# Of 100 rows with 0, 1 or 2 months late, 70, 20 and 10 in number, so many miss a payment: 7, 12 and 9.
LATE = np.repeat([0.0, 1.0, 2.0], [70, 20, 10])
MISSED = np.concatenate([np.arange(count) < missed for count, missed in ((70, 7), (20, 12), (10, 9))]).astype(np.int64)
# A payment missed costs 5, a false alarm 1. Acting from 1 month on: 7 missed, 8 + 1 alarms. From 2 on: 19 and 1.
COSTS = CostOptions(missed=5, false_alarm=1)
FROM_ONE, FROM_TWO = (7 * 5 + 9) / 100, (19 * 5 + 1) / 100
NOTHING, EVERYTHING = 28 * 5 / 100, 72 / 100
OPTIONS_OF_RESAMPLES = BootstrapOptions(samples=200, confidence=0.9, seed=1)


def rule(*rates: float, version: str = "1") -> LoadedModel:
    """Return a model that says ``rates`` of 0, 1 and 2 months late, and acts from 0.3 on."""
    files = make_rate_table(FEATURES, rates, by="late", label="missed", reasons=REASONS)
    return LoadedModel(
        name="test.models.m", version=version, files=files, tags={"training_window": "2005-04-30/2005-07-31"}
    )


def compare(candidate: LoadedModel, baseline: LoadedModel, champion: LoadedModel | None = None) -> EvaluationReport:
    rows = np.tile(np.arange(100), 20)
    return evaluate(
        candidate,
        baseline=baseline,
        champion=champion or NoModel("test.models.m", "champion"),
        rows=TestRows(
            columns={"late": LATE[rows], "limit": np.ones(len(rows))},
            label=MISSED[rows],
            groups={},
            period=("2005-08-31", "2005-08-31"),
        ),
        bootstrap=OPTIONS_OF_RESAMPLES,
        comparison=OPTIONS_OF_RESAMPLES,
        fairness=FairnessOptions(sensitive=[], min_group_rows=10),
        costs=COSTS,
        importance={},
    )


ONE, TWO = rule(0.1, 0.6, 0.9, version="2"), rule(0.1, 0.2, 0.9)
NEVER, ALWAYS = rule(0.1, 0.15, 0.2), rule(0.6, 0.7, 0.9)


def card_of(report: EvaluationReport) -> str:
    return write_model_card(report, CardWords(entity="boat", entities="boats", currency="EUR"))


def test_a_rule_that_acts_is_beaten_by_the_difference_of_their_costs() -> None:
    report = compare(ONE, TWO)
    assert (report.acted, report.baseline.acted) == (0.3, 0.1)
    difference = report.baseline.difference["expected_cost"]
    assert difference.value == pytest.approx(FROM_ONE - FROM_TWO)
    assert difference.low < difference.value < difference.high < 0
    costs = {each.name: (each.cost, each.difference.value) for each in report.references}
    assert costs == {
        "nothing": pytest.approx((NOTHING, FROM_ONE - NOTHING)),
        "everything": pytest.approx((EVERYTHING, FROM_ONE - EVERYTHING)),
    }
    assert all(each.difference.low < each.difference.value < each.difference.high for each in report.references)


@pytest.mark.parametrize(
    ("candidate", "baseline", "passes"),
    [
        (ONE, TWO, {"costs_less_than_baseline", "not_costlier_than_baseline", "acts_on_some"}),
        # The better of two rules that act is no reason for the other.
        (TWO, ONE, {"acts_on_some"}),
        # A tie is within any margin, and saves nothing.
        (ONE, ONE, {"not_costlier_than_baseline", "acts_on_some"}),
        # Less than a rule that never acts is what doing anything costs.
        (ONE, NEVER, {"costs_less_than_baseline", "not_costlier_than_baseline"}),
        (ONE, ALWAYS, {"costs_less_than_baseline", "not_costlier_than_baseline"}),
        (NEVER, ONE, set()),
    ],
)
def test_the_gates_of_costs_read_what_the_models_decide(
    candidate: LoadedModel, baseline: LoadedModel, passes: set[str]
) -> None:
    evidence = replace(GOOD, report=compare(candidate, baseline))
    limits = replace(OPTIONS, baseline_cost_margin=0.05)
    names = ("costs_less_than_baseline", "not_costlier_than_baseline", "acts_on_some")
    gates = [judge_gate(GATES[name], "enforce", evidence, limits) for name in names]
    assert {gate.name for gate in gates if gate.passed} == passes


def test_the_card_begins_with_the_best_rule_and_with_doing_nothing() -> None:
    report = compare(ONE, TWO)
    lines = card_of(report).split("## Metrics")[0].splitlines()
    (simple,) = [line for line in lines if "the best simple rule: act on late from 2 on" in line]
    (nothing,) = [line for line in lines if "doing nothing" in line]
    (everything,) = [line for line in lines if "acting on every boat" in line]
    difference = report.baseline.difference["expected_cost"]
    shown = f"| {FROM_TWO:.3f} | {difference.value:.3f} [{difference.low:.3f}, {difference.high:.3f}] | costs less |"
    assert shown in simple
    assert f"| {NOTHING:.3f} | {FROM_ONE - NOTHING:.3f} [" in nothing
    assert f"| {EVERYTHING:.3f} | {FROM_ONE - EVERYTHING:.3f} [" in everything
    assert "Acted on, of all rows: candidate 30.0%, baseline 10.0%." in lines
    assert "decides nothing" not in "".join(lines)


def test_a_tie_and_a_loss_are_said() -> None:
    assert "| **no difference beyond chance** |" in card_of(compare(ONE, ONE))
    assert "| **costs more** |" in card_of(compare(TWO, ONE))


@pytest.mark.parametrize(
    ("candidate", "baseline", "said", "gate"),
    [
        (ONE, NEVER, "**The baseline acts on none of the rows: it decides nothing.**", "the baseline acts on none of"),
        (ONE, ALWAYS, "**The baseline acts on all of the rows: it decides nothing.**", "the baseline acts on all of"),
        (
            NEVER,
            ONE,
            "**The candidate acts on none of the rows: it decides nothing.**",
            "the candidate acts on none of",
        ),
    ],
)
def test_who_never_or_always_acts_is_named_by_card_and_gate(
    candidate: LoadedModel, baseline: LoadedModel, said: str, gate: str
) -> None:
    report = compare(candidate, baseline)
    assert said in card_of(report)
    found = judge_gate(GATES["acts_on_some"], "enforce", replace(GOOD, report=report), OPTIONS)
    assert found.refuses
    assert f"{gate} the 2,000 rows" in found.message


def test_a_log_loss_worse_than_that_of_the_rule_is_named() -> None:
    """Ranks and decisions are the same, the probabilities are not."""
    sure = rule(0.001, 0.999, 0.9999, version="2")
    report = compare(sure, ONE)
    loss = report.baseline.difference["log_loss"]
    assert loss.low > 0
    named = f"than the baseline by Log loss ({loss.value:.3f} [{loss.low:.3f}, {loss.high:.3f}])"
    card = card_of(report)
    assert "**Worse beyond chance** is the candidate" in card
    assert named in card
    assert "Worse beyond chance" not in card_of(compare(ONE, ONE))
    assert "than the champion by Log loss" in card_of(compare(sure, ONE, ONE))


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ((0.1, 0.6, 0.9), "late from 1 on"),
        ((0.1, 0.2, 0.9), "late from 2 on"),
        ((0.6, 0.2, 0.9), "late below 1 or from 2 on"),
        ((0.1, 0.6, 0.2), "late from 1 to below 2"),
        ((0.1, 0.15, 0.2), "late of no value"),
        ((0.6, 0.7, 0.9), "late of any value"),
    ],
)
def test_a_rule_is_said_by_the_decisions_of_what_ships(rates: tuple[float, ...], said: str) -> None:
    assert describe_rule(rule(*rates).scorer) == said


def test_a_label_whose_adverse_value_is_0_is_acted_on_where_it_is_unlikely() -> None:
    scorer = rule(0.1, 0.2, 0.9).scorer
    assert describe_rule(replace(scorer, spec=replace(scorer.spec, adverse=0))) == "late below 2"


def test_what_is_no_rule_is_not_said() -> None:
    scorer = load_scorer(rule(0.1, 0.2, 0.9).files)
    other = replace(scorer, estimator=object())
    assert describe_rule(other, BINARY) == ""


def test_the_table_has_what_costs_without_a_model_and_how_often_each_acts() -> None:
    rows = {(row[2], row[5]): row[6:] for row in evaluation_rows(compare(ONE, TWO, TWO)) if row[3] == ":all"}
    assert rows["candidate", "decision_rate"][0] == 0.3
    assert rows["baseline", "decision_rate"][0] == rows["champion", "decision_rate"][0] == 0.1
    assert rows["nothing", "expected_cost"] == (pytest.approx(NOTHING), None, None)
    value, low, high = rows["versus_everything", "expected_cost"]
    assert value == pytest.approx(FROM_ONE - EVERYTHING)
    assert low < value < high


def test_a_candidate_that_was_trained_on_the_rows_is_compared_with_nothing() -> None:
    seen = replace(ONE, tags={"training_window": "2005-04-30/2005-08-31"})
    report = compare(seen, TWO)
    assert report.references == []
    assert "| not compared |" in card_of(report)
