"""Evidence of a good candidate, and for every gate cases around its limit: just enough, just not, undefined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from boathouse.core.evaluation.behaviour import BehaviourResult
from boathouse.core.evaluation.comparison import Estimate
from boathouse.core.evaluation.metrics import CalibrationBin
from boathouse.core.evaluation.report import EvaluationReport, Rival, Subject
from boathouse.core.fairness import GroupFairness
from boathouse.core.modelling.leakage import LeakageFindings
from boathouse.core.promotion import ApprovalState, GateEvidence, GateOptions, TableQuality
from boathouse.core.promotion.fresh_process import LoadReport
from boathouse.core.promotion.gates import GATES
from boathouse.core.promotion.model_facts import ModelFacts

NAN = float("nan")
NOW = datetime(2005, 10, 1, 12, tzinfo=UTC)
NOTHING = Estimate(NAN, NAN, NAN)
OPTIONS = GateOptions(
    modes=dict.fromkeys(GATES, "enforce"),
    min_roc_auc=0.75,
    champion_margin=0.0625,
    champion_brier_margin=0.125,
    champion_cost_margin=10.0,
    max_calibration_error=0.25,
    protected=("sex", "age"),
    max_demographic_parity_difference=0.25,
    max_equalized_odds_difference=0.25,
    max_row_ms=5.0,
    max_batch_ms=100.0,
    max_size_mb=50.0,
    required_documents=("owner", "model_card"),
    quality_tables=("clean.a", "clean.b"),
    max_broken_share=0.125,
)
# Measured, far apart, and not protected.
SCHOOLING = GroupFairness("schooling", (), 0.9, 0.9)


def subject(version: str) -> Subject:
    return Subject(name="dev.models.m", version=version, algorithm="xgboost", threshold=0.5, digest="d" * 64)


def rival(**differences: Estimate) -> Rival:
    """Return a rival that the candidate beats, but for ``differences``."""
    better = {
        "roc_auc": Estimate(0.05, 0.02, 0.08),
        "brier_score": Estimate(-0.01, -0.02, -0.001),
        "expected_cost": Estimate(-10, -15, -5),
    }
    return Rival(subject=subject("1"), metrics={}, difference={**better, **differences})


def behaved(cases: int, failing: int, share: float = 0.0) -> BehaviourResult:
    return BehaviourResult(
        name="a_test",
        says="It does as it should.",
        rule="unmoved",
        cases=cases,
        failing=failing,
        worst=0.1,
        bound=0.2,
        max_failing_share=share,
    )


GOOD_REPORT = EvaluationReport(
    subject=subject("2"),
    rows=100,
    period=("2005-08-31", "2005-08-31"),
    confidence=0.95,
    metrics={"roc_auc": Estimate(0.8, 0.78, 0.82)},
    baseline=rival(),
    champion=rival(),
    slices=[],
    fairness=[GroupFairness("sex", (), 0.1, 0.1), GroupFairness("age", (), 0.2, 0.2), SCHOOLING],
    calibration=[CalibrationBin(100, 0.2, 0.21)],
    importance={},
    seen={"candidate": 0.0, "baseline": 0.0, "champion": 0.0},
    behaviour=[behaved(10, 0)],
    leakage=LeakageFindings(features=3, suspicious={}, future_rows={}),
)
GOOD = GateEvidence(
    report=GOOD_REPORT,
    facts=ModelFacts(
        version="2",
        digest="d" * 64,
        signature_faults=(),
        feature_faults=(),
        load=LoadReport(problem="", row_ms=1.0, batch_ms=10.0),
        size_mb=1.0,
        documents={"owner": "credit-risk", "model_card": "a page", "released_code": "true"},
    ),
    quality={name: TableQuality(table=name, rows=10, broken_share=0.0) for name in ("clean.a", "clean.b")},
    approval=ApprovalState(required=True, approved=True, by="ann", expires=NOW + timedelta(days=1), reason="looked"),
    judged_at=NOW,
)


@dataclass(frozen=True)
class Case:
    """Evidence and whether the gate has to pass it."""

    gate: str
    passes: bool
    evidence: GateEvidence


def report(**changes: Any) -> GateEvidence:
    return replace(GOOD, report=replace(GOOD_REPORT, **changes))


def facts(**changes: Any) -> GateEvidence:
    return replace(GOOD, facts=replace(GOOD.facts, **changes))


def load(**changes: Any) -> GateEvidence:
    return facts(load=replace(GOOD.facts.load, **changes))


def documents(**changes: str) -> GateEvidence:
    return facts(documents={**GOOD.facts.documents, **changes})


def approval(**changes: Any) -> GateEvidence:
    return replace(GOOD, approval=replace(GOOD.approval, **changes))


def quality(**shares: float) -> GateEvidence:
    changed = {
        f"clean.{name}": TableQuality(table=f"clean.{name}", rows=8, broken_share=share)
        for name, share in shares.items()
    }
    return replace(GOOD, quality={**GOOD.quality, **changed})


def fairness(parity: float = 0.1, odds: float = 0.1) -> GateEvidence:
    return report(fairness=[GroupFairness("sex", (), 0.1, 0.1), GroupFairness("age", (), parity, odds), SCHOOLING])


def auc(low: float) -> dict[str, Estimate]:
    return {"roc_auc": Estimate(0.9, low, 0.95)}


# For each gate evidence with which it passes, at its very limit where there is one, and with which it refuses.
_CASES: dict[str, tuple[list[GateEvidence], list[GateEvidence]]] = {
    "signature": ([GOOD], [facts(signature_faults=("it has no signature",))]),
    "feature_spec": ([GOOD], [facts(feature_faults=("nothing provides a",))]),
    "fresh_load": ([GOOD], [load(problem="RefusedError: unpickling")]),
    "row_latency": (
        [load(row_ms=ms) for ms in (1.0, 5.0)],
        [load(row_ms=ms) for ms in (5.1, NAN)],
    ),
    "batch_latency": (
        [load(batch_ms=ms) for ms in (1.0, 100.0)],
        [load(batch_ms=ms) for ms in (100.1, NAN)],
    ),
    "model_size": ([facts(size_mb=50.0)], [facts(size_mb=50.01)]),
    "documentation": (
        [GOOD],
        [documents(owner=""), documents(model_card=""), facts(documents={"released_code": "true"})],
    ),
    "unseen_rows": (
        [GOOD, report(champion=None, seen={"candidate": 0.0, "baseline": 0.0})],
        [
            report(seen={**GOOD_REPORT.seen, "candidate": 1.0}),
            report(seen={**GOOD_REPORT.seen, "baseline": 100.0}),
            report(seen={**GOOD_REPORT.seen, "champion": 3.0}),
            report(seen={**GOOD_REPORT.seen, "champion": NAN}),
            report(seen={"candidate": 0.0, "baseline": 0.0}),
            report(seen={}),
            report(rows=0),
        ],
    ),
    "minimum_roc_auc": (
        [report(metrics=auc(0.8)), report(metrics=auc(0.75))],
        [report(metrics=auc(0.74)), report(metrics=auc(NAN))],
    ),
    "beats_baseline": (
        [report(baseline=rival(roc_auc=Estimate(0.1, 1e-9, 0.2)))],
        [report(baseline=rival(roc_auc=Estimate(0.1, low, 0.2))) for low in (0.0, -0.1, NAN)],
    ),
    "costs_less_than_baseline": (
        [report(baseline=rival(expected_cost=Estimate(-9, -10, -1e-9)))],
        [report(baseline=rival(expected_cost=Estimate(-9, -10, high))) for high in (0.0, 0.1, NAN)],
    ),
    "not_worse_than_champion": (
        [report(champion=None), *(report(champion=rival(roc_auc=Estimate(0, low, 0.1))) for low in (0.0, -0.0625))],
        [report(champion=rival(roc_auc=Estimate(0, low, 0.1))) for low in (-0.07, NAN)],
    ),
    "brier_not_worse_than_champion": (
        [report(champion=None), *(report(champion=rival(brier_score=Estimate(0, -1, high))) for high in (0.0, 0.125))],
        [report(champion=rival(brier_score=Estimate(0, -1, high))) for high in (0.13, NAN)],
    ),
    "not_costlier_than_champion": (
        [report(champion=None), *(report(champion=rival(expected_cost=Estimate(0, -9, high))) for high in (-5, 10))],
        [report(champion=rival(expected_cost=Estimate(0, -9, high))) for high in (10.1, NAN)],
    ),
    "calibration": (
        [report(calibration=[CalibrationBin(100, 0.25, found)]) for found in (0.25, 0.5)],
        [report(calibration=[CalibrationBin(100, 0.25, 0.51)]), report(calibration=[])],
    ),
    "demographic_parity": (
        [fairness(parity=0.0), fairness(parity=0.25)],
        [fairness(parity=0.26), fairness(parity=NAN), report(fairness=[SCHOOLING]), report(fairness=[])],
    ),
    "equalized_odds": (
        [fairness(odds=0.0), fairness(odds=0.25)],
        [fairness(odds=0.26), fairness(odds=NAN), report(fairness=[GroupFairness("sex", (), 0.1, 0.1)])],
    ),
    "behaviour": (
        [report(behaviour=[behaved(10, 0)]), report(behaviour=[behaved(10, 1, share=0.1)])],
        [
            report(behaviour=[behaved(10, 0), behaved(10, 1)]),
            report(behaviour=[behaved(10, 2, share=0.1)]),
            report(behaviour=[behaved(0, 0)]),
            report(behaviour=[]),
        ],
    ),
    "no_leakage": (
        [GOOD],
        [
            report(leakage=LeakageFindings(features=3, suspicious={"a": 0.99}, future_rows={})),
            report(leakage=LeakageFindings(features=3, suspicious={}, future_rows={"a_view": 5})),
            report(leakage=LeakageFindings(features=0, suspicious={}, future_rows={})),
            report(leakage=None),
        ],
    ),
    "data_quality": (
        [quality(a=0.0, b=0.125)],
        [
            quality(b=0.126),
            replace(GOOD, quality={"clean.a": GOOD.quality["clean.a"]}),
            replace(GOOD, quality={**GOOD.quality, "clean.b": TableQuality(table="clean.b", rows=0, broken_share=0)}),
            replace(GOOD, quality={}),
        ],
    ),
    "approval": (
        [
            GOOD,
            approval(expires=None),
            approval(expires=NOW + timedelta(seconds=1)),
            approval(required=False, approved=False, by=None),
        ],
        [
            approval(approved=False),
            approval(approved=False, by=None, reason="nobody has approved it"),
            approval(by=None),
            approval(by=""),
            approval(expires=NOW),
            approval(expires=NOW - timedelta(days=1)),
        ],
    ),
    "released_code": (
        [GOOD],
        [
            *(documents(released_code=told) for told in ("false", "True", "")),
            facts(documents={"owner": "o", "model_card": "c"}),
        ],
    ),
}


def cases_of(gate: str) -> list[Case]:
    """Return the cases of one gate, none for a gate that nobody gave any."""
    passing, refusing = _CASES.get(gate, ([], []))
    return [Case(gate, passes, each) for passes, group in ((True, passing), (False, refusing)) for each in group]


def all_cases() -> list[Case]:
    return [case for gate in GATES for case in cases_of(gate)]
