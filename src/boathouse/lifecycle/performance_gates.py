"""Gates that read the evaluation: how good, how fair, how it behaves, on which rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from boathouse.evaluation.comparison import Estimate
from boathouse.evaluation.report import ComparedModel
from boathouse.lifecycle.evidence import GateEvidence
from boathouse.lifecycle.gate_rules import COMPARISON, GateLimits, GateRule, Reading, count_faults

_NAN = float("nan")
_NO_CHAMPION = "there is no champion yet"


def read_unseen_rows(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001 - one signature for all
    """Read the test rows that any compared model was trained on; an unknown training window is undefined."""
    roles = ["candidate", "baseline", *(["champion"] if evidence.report.champion else [])]
    seen = {role: evidence.report.seen.get(role, _NAN) for role in roles}
    unknown = [f"the training window of the {role} is not known" for role, rows in seen.items() if math.isnan(rows)]
    faults = [f"the {role} was trained on {rows:,.0f} of the rows" for role, rows in seen.items() if rows > 0]
    value = _NAN if unknown or not evidence.report.rows else max(seen.values())
    return Reading(value, 0.0, "; ".join([*unknown, *faults]), digits=0)


def read_roc_auc(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the lower bound of the candidate's ROC AUC."""
    return Reading(evidence.report.metrics["roc_auc"].low, limits.min_roc_auc)


def read_gain_over_baseline(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read the lower bound of the gain in ROC AUC over the business rule; a tie does not pass."""
    return Reading(_difference(evidence.report.baseline, "roc_auc").low, 0.0)


def read_cost_over_baseline(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read the upper bound of the extra cost over the business rule; a tie does not pass."""
    return Reading(_difference(evidence.report.baseline, "expected_cost").high, 0.0)


def read_cost_margin_over_baseline(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the upper bound of the extra cost over the business rule, which a margin may exceed."""
    high = _difference(evidence.report.baseline, "expected_cost").high
    return Reading(high, limits.baseline_cost_margin, digits=2)


def read_one_sided(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read how many of candidate and business rule act on none of the rows or on all; unknown is undefined."""
    report = evidence.report
    acted = {"candidate": report.acted, "baseline": report.baseline.acted}
    unknown = [
        f"it is not known on how many rows the {role} acts" for role, share in acted.items() if math.isnan(share)
    ]
    if unknown:
        return Reading(_NAN, 0.0, "; ".join(unknown), digits=0)
    extents = {0.0: "none", 1.0: "all"}
    return count_faults(
        [
            f"the {role} acts on {extents[share]} of the {report.rows:,} rows"
            for role, share in acted.items()
            if share in extents
        ]
    )


def read_gain_over_champion(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the lower bound of the gain in ROC AUC over the champion; without one there is nothing to lose."""
    champion = evidence.report.champion
    if champion is None:
        return Reading(0.0, -limits.champion_margin, _NO_CHAMPION)
    return Reading(_difference(champion, "roc_auc").low, -limits.champion_margin)


def read_brier_over_champion(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the upper bound of the extra Brier score over the champion; without one there is nothing to lose."""
    champion = evidence.report.champion
    if champion is None:
        return Reading(0.0, limits.champion_brier_margin, _NO_CHAMPION)
    return Reading(_difference(champion, "brier_score").high, limits.champion_brier_margin)


def read_cost_over_champion(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the upper bound of the extra cost over the champion; without one there is nothing to lose."""
    champion = evidence.report.champion
    if champion is None:
        return Reading(0.0, limits.champion_cost_margin, _NO_CHAMPION, digits=2)
    return Reading(_difference(champion, "expected_cost").high, limits.champion_cost_margin, digits=2)


def read_calibration(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the mean distance of predicted and observed."""
    return Reading(evidence.report.calibration_error, limits.max_calibration_error)


def read_parity(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the greatest demographic parity difference of the protected columns."""
    spreads = {each.sensitive: each.demographic_parity_difference for each in evidence.report.fairness}
    return _greatest(spreads, limits.protected, limits.max_demographic_parity_difference)


def read_odds(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the greatest equalized odds difference of the protected columns."""
    spreads = {each.sensitive: each.equalized_odds_difference for each in evidence.report.fairness}
    return _greatest(spreads, limits.protected, limits.max_equalized_odds_difference)


def read_behaviour(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read how many behaviour tests failed; undefined if none was run."""
    results = evidence.report.behaviour
    if not results:
        return Reading(_NAN, 0.0, "no behaviour test was run", digits=0)
    return count_faults([f"{each.name} in {each.failing} of {each.cases} cases" for each in results if not each.passed])


def read_leakage(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read how many alarms of leakage there are; undefined if no feature was looked at, or with a laxer limit."""
    found = evidence.report.leakage
    if found is None or not found.features:
        return Reading(_NAN, 0.0, "leakage was not looked for", digits=0)
    if found.limit is None or found.limit > limits.max_single_feature_auc:
        return Reading(_NAN, 0.0, f"leakage was looked for with the limit {found.limit}; evaluate it again", digits=0)
    return count_faults(found.alarms)


def _difference(compared: ComparedModel, metric: str) -> Estimate:
    return compared.difference.get(metric, Estimate(_NAN, _NAN, _NAN))


def _greatest(spreads: Mapping[str, float], protected: Sequence[str], limit: float) -> Reading:
    """Read the greatest number; undefined if a protected column was not measured or is undefined."""
    judged = {column: spreads.get(column, _NAN) for column in protected}
    unknown = [f"{column} was not measured" for column, spread in judged.items() if math.isnan(spread)]
    if unknown or not judged:
        return Reading(_NAN, limit, "; ".join(unknown))
    worst = max(judged, key=lambda column: judged[column])
    return Reading(judged[worst], limit, f"by {worst}")


PERFORMANCE_GATES = (
    GateRule(
        name="unseen_rows",
        asks="Were all models measured on rows that none of them was trained on?",
        bound="at most",
        read=read_unseen_rows,
        step=COMPARISON,
    ),
    GateRule(
        name="minimum_roc_auc",
        asks="Does the model rank well enough at all?",
        bound="at least",
        read=read_roc_auc,
    ),
    GateRule(
        name="beats_baseline",
        asks="Does it rank better than the business rule, beyond chance?",
        bound="more than",
        read=read_gain_over_baseline,
        step=COMPARISON,
    ),
    GateRule(
        name="costs_less_than_baseline",
        asks="Do its decisions cost less than the business rule's, beyond chance?",
        bound="less than",
        read=read_cost_over_baseline,
        step=COMPARISON,
    ),
    GateRule(
        name="not_worse_than_champion",
        asks="Does it rank no worse than the champion, within a margin?",
        bound="at least",
        read=read_gain_over_champion,
        step=COMPARISON,
    ),
    GateRule(
        name="brier_not_worse_than_champion",
        asks="Are its probabilities no worse than those of the champion, within a margin?",
        bound="at most",
        read=read_brier_over_champion,
        step=COMPARISON,
    ),
    GateRule(
        name="not_costlier_than_champion",
        asks="Do its decisions cost no more than those of the champion, within a margin?",
        bound="at most",
        read=read_cost_over_champion,
        step=COMPARISON,
    ),
    GateRule(
        name="calibration",
        asks="Can its probabilities be taken at their word?",
        bound="at most",
        read=read_calibration,
    ),
    GateRule(
        name="demographic_parity",
        asks="Does it act on all protected groups about equally often?",
        bound="at most",
        read=read_parity,
    ),
    GateRule(
        name="equalized_odds",
        asks="Is it right and wrong about equally often in all protected groups?",
        bound="at most",
        read=read_odds,
    ),
    GateRule(
        name="behaviour",
        asks="Does it do for single entities what it has to do?",
        bound="at most",
        read=read_behaviour,
    ),
    GateRule(
        name="no_leakage",
        asks="Is its training data free of what could not have been known?",
        bound="at most",
        read=read_leakage,
    ),
    GateRule(
        name="acts_on_some",
        asks="Do it and the business rule act on some rows, and not on all?",
        bound="at most",
        read=read_one_sided,
    ),
    GateRule(
        name="not_costlier_than_baseline",
        asks="Do its decisions cost no more than the business rule's, within a margin?",
        bound="at most",
        read=read_cost_margin_over_baseline,
        step=COMPARISON,
    ),
)
