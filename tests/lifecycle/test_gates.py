"""Every gate passes and refuses as its cases say, and no other gate could take its place unnoticed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import OptionError, PromotionError
from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle.evidence import gather_evidence
from boathouse.lifecycle.gate_rules import BOUNDS, GateRule
from boathouse.lifecycle.gates import GATES, judge_gate, judge_gates
from tests.fixtures.gate_cases import GOOD, GOOD_REPORT, NOW, OPTIONS, Case, all_cases, approval, cases_of, report

if TYPE_CHECKING:
    from collections.abc import Iterator


def holds(rule: GateRule) -> bool:
    """Tell whether ``rule`` does what the cases of its name say."""
    return all(
        judge_gate(rule, "enforce", each.evidence, OPTIONS).passed is each.passes for each in cases_of(rule.name)
    )


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.gate}-{'passes' if case.passes else 'refuses'}")
def test_a_gate_passes_and_refuses_as_its_cases_say(case: Case) -> None:
    gate = judge_gate(GATES[case.gate], "enforce", case.evidence, OPTIONS)
    assert gate.passed is case.passes, gate.message
    assert gate.refuses is not case.passes


@pytest.mark.parametrize("name", GATES)
def test_every_gate_has_a_case_in_which_it_passes_and_one_in_which_it_refuses(name: str) -> None:
    assert {case.passes for case in cases_of(name)} == {True, False}


@pytest.mark.parametrize("name", GATES)
def test_cases_of_a_gate_concern_that_gate_alone(name: str) -> None:
    """A case that made others refuse as well would not show which of them did."""
    # A column that was not measured leaves both of its numbers undefined; both gates of costs read one number.
    pairs = ({"demographic_parity", "equalized_odds"}, {"costs_less_than_baseline", "not_costlier_than_baseline"})
    twins = next((pair for pair in pairs if name in pair), set())
    for case in cases_of(name):
        refusing = {gate.name for gate in judge_gates(case.evidence, OPTIONS) if gate.refuses}
        assert refusing - {name} <= twins
        assert (name in refusing) is not case.passes


def mutants(rule: GateRule) -> Iterator[tuple[str, GateRule]]:
    """Give the gate with every other bound, its two sides swapped, and readings that are always or never enough."""
    changes = {
        "sides swapped": lambda found: replace(found, value=found.limit, limit=found.value),
        "always enough": lambda found: replace(found, value=found.limit + ENOUGH[rule.bound]),
        "never enough": lambda found: replace(found, value=found.limit - ENOUGH[rule.bound]),
        "undefined is enough": lambda found: (
            replace(found, value=found.limit + ENOUGH[rule.bound]) if math.isnan(found.value) else found
        ),
    }
    for bound in BOUNDS:
        if bound != rule.bound:
            yield f"bound {bound}", replace(rule, bound=bound)
    for name, change in changes.items():
        yield name, replace(rule, read=lambda *given, change=change: change(rule.read(*given)))


# By how much a value far on the passing side exceeds the limit.
ENOUGH = {"at least": 1e9, "more than": 1e9, "at most": -1e9, "less than": -1e9}
# These read counts and flags of evidence that is always there.
ALWAYS_DEFINED = {
    "signature",
    "feature_spec",
    "fresh_load",
    "model_size",
    "documentation",
    "approval",
    "released_code",
}


@pytest.mark.parametrize("name", GATES)
def test_a_gate_with_its_comparison_reversed_loosened_or_removed_breaks_its_cases(name: str) -> None:
    assert holds(GATES[name])
    for change, mutant in mutants(GATES[name]):
        if change.startswith("undefined") and name in ALWAYS_DEFINED:
            continue
        assert not holds(mutant), f"{name}: nobody notices '{change}'"


def test_a_gate_without_cases_would_be_noticed() -> None:
    assert cases_of("made_up") == []
    assert holds(replace(GATES["signature"], name="made_up"))  # which is why every gate must have some


def test_a_good_candidate_passes_every_gate() -> None:
    gates = judge_gates(GOOD, OPTIONS)
    assert [gate.name for gate in gates if gate.passed] == list(GATES)


@pytest.mark.parametrize("name", ["beats_baseline", "costs_less_than_baseline"])
def test_a_tie_with_the_baseline_is_not_enough_and_says_so(name: str) -> None:
    tie = next(case for case in cases_of(name) if not case.passes)
    (gate,) = [gate for gate in judge_gates(tie.evidence, OPTIONS) if gate.name == name]
    wanted = {"beats_baseline": "more than 0.0000", "costs_less_than_baseline": "less than 0.0000"}
    assert gate.message == f"{name} is 0.0000, needed {wanted[name]}."


def test_a_message_says_what_stands_behind_the_number() -> None:
    waiting = approval(approved=False, by=None, reason="nobody has approved it")
    (gate,) = [gate for gate in judge_gates(waiting, OPTIONS) if gate.refuses]
    assert gate.message == "approval is 0, needed at least 1: nobody has approved it."
    (gate,) = [gate for gate in judge_gates(report(behaviour=[]), OPTIONS) if gate.refuses]
    assert gate.message == "behaviour is undefined, needed at most 0: no behaviour test was run."


@pytest.mark.parametrize("modes", [{}, {**OPTIONS.modes, "made_up": "warn"}])
def test_every_gate_needs_a_mode_and_no_other_has_one(modes: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="'modes' is"):
        replace(OPTIONS, modes=modes)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(OptionError, match=r"modes\.calibration"):
        replace(OPTIONS, modes={**OPTIONS.modes, "calibration": "dry_run"})


@pytest.mark.parametrize("name", ["protected", "required_documents", "quality_tables"])
@pytest.mark.parametrize("names", [[], "sex"])
def test_a_gate_over_nothing_cannot_be_configured(name: str, names: list[str] | str) -> None:
    with pytest.raises(OptionError, match=name):
        replace(OPTIONS, **{name: names})


@pytest.mark.parametrize(
    "name",
    ["champion_margin", "max_broken_share", "max_row_ms", "max_size_mb", "min_roc_auc", "max_single_feature_auc"],
)
def test_a_limit_out_of_range_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=name):
        replace(OPTIONS, **{name: -1})


def test_a_report_survives_its_plain_form() -> None:
    again = EvaluationReport.from_dict(GOOD_REPORT.to_dict())
    assert again.to_dict() == GOOD_REPORT.to_dict()
    assert judge_gates(replace(GOOD, report=again), OPTIONS) == judge_gates(GOOD, OPTIONS)


def test_evidence_about_another_model_is_refused() -> None:
    parts = {"approval": GOOD.approval, "code": GOOD.code, "judged_at": NOW}
    assert gather_evidence(GOOD_REPORT, GOOD.facts, list(GOOD.quality.values()), **parts) == GOOD
    for change in ({"version": "3"}, {"digest": "e" * 64}):
        with pytest.raises(PromotionError, match=r"of version 2 \(d+\), the candidate is version"):
            gather_evidence(GOOD_REPORT, replace(GOOD.facts, **change), [], **parts)
