"""What follows from the gates: who is promoted, kept or rejected, and what is on record of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from boathouse.evaluation.comparison import Estimate
from boathouse.lifecycle.decision import Decided, PromotionDecision, decide_promotion
from boathouse.lifecycle.decision_card import write_decision_card
from boathouse.lifecycle.evidence import GateEvidence
from boathouse.lifecycle.fresh_process import LoadReport
from boathouse.lifecycle.gates import GATES, judge_gates
from tests.fixtures.gate_cases import (
    GOOD,
    GOOD_REPORT,
    NAN,
    OPTIONS,
    approval,
    cases_of,
    documents,
    facts,
    report,
    rival,
)

UNATTENDED = Decided(datetime(2005, 10, 1, tzinfo=UTC), "nobody")


def decide(evidence: GateEvidence, decided: Decided = UNATTENDED, **modes: str | bool) -> PromotionDecision:
    options = replace(OPTIONS, modes={**OPTIONS.modes, **modes})
    return decide_promotion(evidence.report, judge_gates(evidence, options), decided)


# What compares the candidate with the champion or the baseline; every other gate but the approval is compliance.
COMPARING = {
    "unseen_rows",
    "beats_baseline",
    "costs_less_than_baseline",
    "not_costlier_than_baseline",
    "not_worse_than_champion",
    "brier_not_worse_than_champion",
    "not_costlier_than_champion",
}


@pytest.mark.parametrize("name", [name for name in GATES if name != "approval"])
def test_a_refusal_fails_its_step_and_is_on_record_with_its_number(name: str) -> None:
    refused = next(case.evidence for case in cases_of(name) if not case.passes)
    # One of the two fairness gates alone: cases of one may be cases of the other.
    fairness = {"equalized_odds", "demographic_parity"} - {name}
    decision = decide(refused, **dict.fromkeys(fairness, "warn"))
    assert decision.outcome == ("kept" if name in COMPARING else "rejected")
    assert (decision.compliance, decision.comparison) == (("passed", "failed") if name in COMPARING else ("failed", ""))
    recorded = {gate["name"]: gate for gate in json.loads(json.dumps(decision.to_dict()))["gates"]}
    assert set(recorded) == set(GATES)
    assert recorded[name]["passed"] is False
    assert recorded[name]["message"] in decision.reason


@pytest.mark.parametrize("name", [name for name in GATES if name != "approval"])
@pytest.mark.parametrize("mode", ["warn", "off", False])
def test_a_gate_that_is_not_enforced_does_not_refuse(name: str, mode: str | bool) -> None:
    refused = next(case.evidence for case in cases_of(name) if not case.passes)
    decision = decide(refused, **{name: mode})
    # Gates that judge the same number: what one refuses another may refuse too.
    others = {"equalized_odds", "demographic_parity", "costs_less_than_baseline"} - {name}
    assert not any(gate.refuses for gate in decision.gates if gate.name not in others)
    assert (name in {gate.name for gate in decision.gates}) is (mode == "warn")


def test_what_lacks_an_approval_alone_waits_for_it() -> None:
    decision = decide(approval(approved=False, by=None, reason="nobody has approved it"))
    assert (decision.outcome, decision.waits_for_approval) == ("kept", True)
    assert "once it is approved" in decision.reason
    assert "nobody has approved it" in decision.reason


def test_an_approval_does_not_help_who_is_refused_or_no_better() -> None:
    unapproved = approval(approved=False)
    worse = replace(unapproved, facts=documents(owner="").facts)
    assert (decide(worse).outcome, decide(worse).waits_for_approval) == ("rejected", False)
    tie = replace(unapproved, report=replace(GOOD_REPORT, champion=rival(roc_auc=Estimate(0.0, 0.0, 0.0))))
    assert (decide(tie).outcome, decide(tie).waits_for_approval) == ("kept", False)


def test_what_fails_the_compliance_check_is_not_compared() -> None:
    both = replace(
        documents(owner=""), report=replace(GOOD_REPORT, champion=rival(roc_auc=Estimate(-0.1, -0.2, -0.05)))
    )
    decision = decide(both)
    assert (decision.compliance, decision.comparison, decision.difference) == ("failed", "", {})
    assert "not_worse_than_champion" not in decision.reason


def test_what_was_compared_is_on_record_with_its_interval() -> None:
    against = decide(report(champion=rival(roc_auc=Estimate(0.02, 0.001, 0.03))))
    interval = {"metric": "roc_auc", "value": 0.02, "low": 0.001, "high": 0.03}
    assert against.difference == {"compared_with": f"champion {against.champion}", **interval}
    first = decide(report(champion=None, seen={"candidate": 0.0, "baseline": 0.0}))
    assert first.difference["compared_with"] == "baseline"
    undefined = decide(report(champion=rival(roc_auc=Estimate(NAN, NAN, NAN))))
    assert json.dumps(undefined.to_dict()["difference"]["low"]) == "null"


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [((0.0, 0.0, 0.0), "kept"), ((0.01, -0.005, 0.03), "kept"), ((0.02, 0.001, 0.03), "promoted")],
)
def test_only_a_better_candidate_takes_over(difference: tuple[float, float, float], outcome: str) -> None:
    assert decide(report(champion=rival(roc_auc=Estimate(*difference)))).outcome == outcome


def test_a_comparison_that_was_not_made_promotes_nobody_whatever_the_modes() -> None:
    unfair = report(champion=rival(roc_auc=Estimate(NAN, NAN, NAN)))
    assert decide(unfair, **dict.fromkeys(GATES, "off")).outcome == "kept"


def test_the_first_candidate_is_promoted_over_the_baseline() -> None:
    decision = decide(report(champion=None, seen={"candidate": 0.0, "baseline": 0.0}))
    assert (decision.outcome, decision.champion) == ("promoted", None)


def test_the_same_decision_has_the_same_id_whoever_and_however_fast() -> None:
    other = Decided(datetime(2006, 1, 1, tzinfo=UTC), "somebody")
    faster = facts(load=LoadReport(problem="", row_ms=0.5, batch_ms=5.0))
    slower = facts(load=LoadReport(problem="", row_ms=50.0, batch_ms=5.0))
    ids = [decide(each, other).decision_id for each in (GOOD, faster, slower)]
    assert ids[0] == ids[1] == decide(GOOD).decision_id
    assert ids[2] != ids[0]


def test_another_number_is_another_decision() -> None:
    other = report(metrics={"roc_auc": Estimate(0.8, 0.79, 0.82)})
    assert decide(other).decision_id != decide(GOOD).decision_id


def test_the_card_asks_in_words_and_puts_what_refuses_first() -> None:
    evidence = documents(owner="")
    decision = decide(evidence, calibration="warn")
    card = write_decision_card(decision, evidence.report)
    assert card.startswith("# dev.models.m, version 2: is refused\n")
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    assert rows[1].startswith(
        "| Is it written down what it is, whose it is and what it was made from? | **no: refuses** "
    )
    assert all(rule.asks in card for rule in GATES.values())
    assert "It does as it should. | yes | 0 of 10" in card
    assert "\nCompliance check: failed. It was not compared.\n" in card


def test_the_card_has_the_result_of_both_steps() -> None:
    tie = report(champion=rival(roc_auc=Estimate(0.0, 0.0, 0.0)))
    decision = decide(tie)
    line = f"\nCompliance check: passed. Comparison with champion {decision.champion}: failed.\n"
    assert line in write_decision_card(decision, tie.report)
