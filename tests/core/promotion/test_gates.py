"""Every gate in which it refuses and in which it passes; decisions that follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from boathouse.core.errors import OptionError
from boathouse.core.evaluation.calibration_curve import CalibrationBin
from boathouse.core.evaluation.comparison import Estimate
from boathouse.core.evaluation.report import EvaluationReport, Rival, Subject
from boathouse.core.fairness import GroupFairness
from boathouse.core.promotion import Decided, GateOptions, decide_promotion, judge_gates
from boathouse.core.promotion.gates import GATES

NAN = float("nan")
NOBODY = Decided(datetime(2005, 10, 1, tzinfo=UTC), "nobody")
OPTIONS = GateOptions(
    modes=dict.fromkeys(GATES, "enforce"),
    min_roc_auc=0.7,
    champion_margin=0.01,
    max_calibration_error=0.05,
    protected=("sex", "age"),
    max_demographic_parity_difference=0.2,
    max_equalized_odds_difference=0.2,
)


# Measured, far apart, and not protected.
SCHOOLING = GroupFairness("schooling", (), 0.9, 0.9)


def subject(version: str) -> Subject:
    return Subject(name="dev.models.m", version=version, algorithm="xgboost", threshold=0.5, digest="0" * 64)


def rival(version: str, auc: tuple[float, float, float], cost: tuple[float, float, float]) -> Rival:
    return Rival(
        subject=subject(version), metrics={}, difference={"roc_auc": Estimate(*auc), "expected_cost": Estimate(*cost)}
    )


GOOD = EvaluationReport(
    subject=subject("2"),
    rows=100,
    period=("2005-08-31", "2005-08-31"),
    confidence=0.95,
    metrics={"roc_auc": Estimate(0.8, 0.78, 0.82)},
    baseline=rival("1", (0.05, 0.02, 0.08), (-10, -15, -5)),
    champion=rival("1", (0.02, 0.01, 0.03), (-1, -2, 0)),
    slices=[],
    fairness=[GroupFairness("sex", (), 0.1, 0.1), GroupFairness("age", (), 0.2, 0.2), SCHOOLING],
    calibration=[CalibrationBin(100, 0.2, 0.21)],
    importance={},
)
BAD = {
    "minimum_roc_auc": replace(GOOD, metrics={"roc_auc": Estimate(0.8, 0.69, 0.9)}),
    "beats_baseline": replace(GOOD, baseline=rival("1", (0.0, 0.0, 0.0), (-10, -15, -5))),
    "costs_less_than_baseline": replace(GOOD, baseline=rival("1", (0.05, 0.02, 0.08), (0, 0, 0))),
    "not_worse_than_champion": replace(GOOD, champion=rival("1", (0.0, -0.02, 0.02), (0, 0, 0))),
    "calibration": replace(GOOD, calibration=[CalibrationBin(100, 0.2, 0.3)]),
    "demographic_parity": replace(
        GOOD, fairness=[GroupFairness("sex", (), 0.1, 0.1), GroupFairness("age", (), 0.3, 0.1), SCHOOLING]
    ),
    "equalized_odds": replace(GOOD, fairness=[GroupFairness("sex", (), 0.1, 0.1), GroupFairness("age", (), 0.1, NAN)]),
}


def test_a_protected_column_that_was_not_measured_is_refused() -> None:
    unmeasured = replace(GOOD, fairness=[GroupFairness("sex", (), 0.1, 0.1)])
    refusing = [gate.name for gate in judge_gates(unmeasured, OPTIONS) if gate.refuses]
    assert refusing == ["demographic_parity", "equalized_odds"]


@pytest.mark.parametrize("name", ["beats_baseline", "costs_less_than_baseline"])
def test_a_tie_with_the_baseline_is_not_enough_and_says_so(name: str) -> None:
    (gate,) = [gate for gate in judge_gates(BAD[name], OPTIONS) if gate.name == name]
    wanted = {"beats_baseline": "more than 0.0000", "costs_less_than_baseline": "less than 0.0000"}
    assert gate.message == f"{name} is 0.0000, needed {wanted[name]}."


def test_a_good_candidate_passes_every_gate() -> None:
    gates = judge_gates(GOOD, OPTIONS)
    assert {gate.name for gate in gates if gate.passed} == set(GATES)


@pytest.mark.parametrize("name", GATES)
def test_each_gate_refuses_by_itself(name: str) -> None:
    refusing = [gate.name for gate in judge_gates(BAD[name], OPTIONS) if gate.refuses]
    assert refusing == [name]
    decision = decide_promotion(BAD[name], judge_gates(BAD[name], OPTIONS), NOBODY)
    assert decision.outcome == "rejected"
    assert name in decision.reason


@pytest.mark.parametrize(("mode", "outcome"), [("warn", "promoted"), ("off", "promoted"), (False, "promoted")])
def test_a_gate_that_is_not_enforced_does_not_refuse(mode: str | bool, outcome: str) -> None:
    options = replace(OPTIONS, modes={**OPTIONS.modes, "calibration": mode})
    assert decide_promotion(BAD["calibration"], judge_gates(BAD["calibration"], options), NOBODY).outcome == outcome


def test_an_undefined_number_refuses() -> None:
    report = replace(GOOD, metrics={"roc_auc": Estimate(NAN, NAN, NAN)})
    assert [gate.name for gate in judge_gates(report, OPTIONS) if gate.refuses] == ["minimum_roc_auc"]


@pytest.mark.parametrize("modes", [{}, {**dict.fromkeys(GATES, "warn"), "made_up": "warn"}])
def test_every_gate_needs_a_mode_and_no_other_has_one(modes: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="'modes' is"):
        replace(OPTIONS, modes=modes)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(OptionError, match=r"modes\.calibration"):
        replace(OPTIONS, modes={**OPTIONS.modes, "calibration": "dry_run"})


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [((0.0, 0.0, 0.0), "kept"), ((0.01, -0.005, 0.03), "kept"), ((0.02, 0.001, 0.03), "promoted")],
)
def test_only_a_better_candidate_takes_over(difference: tuple[float, float, float], outcome: str) -> None:
    report = replace(GOOD, champion=rival("1", difference, (0, 0, 0)))
    assert decide_promotion(report, judge_gates(report, OPTIONS), NOBODY).outcome == outcome


def test_the_first_candidate_is_promoted_over_the_baseline() -> None:
    report = replace(GOOD, champion=None)
    decision = decide_promotion(report, judge_gates(report, OPTIONS), NOBODY)
    assert (decision.outcome, decision.champion) == ("promoted", None)


def test_the_same_decision_has_the_same_id_whoever_takes_it() -> None:
    gates = judge_gates(GOOD, OPTIONS)
    other = Decided(datetime(2006, 1, 1, tzinfo=UTC), "somebody")
    assert decide_promotion(GOOD, gates, NOBODY).decision_id == decide_promotion(GOOD, gates, other).decision_id
    assert (
        decide_promotion(BAD["calibration"], gates, NOBODY).decision_id
        == decide_promotion(GOOD, gates, NOBODY).decision_id
    )


def test_a_report_survives_its_plain_form() -> None:
    again = EvaluationReport.from_dict(GOOD.to_dict())
    assert again.to_dict() == GOOD.to_dict()
    assert judge_gates(again, OPTIONS) == judge_gates(GOOD, OPTIONS)
