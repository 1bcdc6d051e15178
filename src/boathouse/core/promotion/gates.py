"""The closed list of gates: each reads numbers of the evaluation and refuses unless they show enough."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from boathouse.core.errors import OptionError
from boathouse.core.evaluation.report import EvaluationReport
from boathouse.core.options import require_between, require_choice

MODES = ("off", "warn", "enforce")
# Shares, and differences of shares, reach from 0 to 1.
_LARGEST_DIFFERENCE = 1.0


@dataclass(frozen=True)
class GateOptions:
    """Which gates count, and their limits.

    Attributes:
        modes: For every gate ``off`` (or false, as YAML reads a bare off), ``warn`` (recorded, does not refuse)
            or ``enforce``.
        min_roc_auc: Lowest ROC AUC of a candidate, 0.5 to 1.
        champion_margin: ROC AUC by which the interval's lower bound may fall short of the champion, 0 to 1.
        max_calibration_error: Greatest mean distance of predicted and observed, 0 to 1.
        protected: Sensitive columns that the two fairness gates judge; others are reported, not limited.
        max_demographic_parity_difference: Greatest spread of selection rates, 0 to 1.
        max_equalized_odds_difference: Greatest spread of true or false positive rates, 0 to 1.
    """

    modes: Mapping[str, str | bool]
    min_roc_auc: float
    champion_margin: float
    max_calibration_error: float
    protected: Sequence[str]
    max_demographic_parity_difference: float
    max_equalized_odds_difference: float

    def __post_init__(self) -> None:
        """Check that every gate has a mode, no other has, and limits are in range."""
        if set(self.modes) != set(GATES):
            raise OptionError.unknown_choice("modes", sorted(self.modes), GATES)
        for name, mode in self.modes.items():
            require_choice(f"modes.{name}", "off" if mode is False else str(mode), MODES)
        require_between("min_roc_auc", self.min_roc_auc, 0.5, 1)
        for name in ("champion_margin", "max_calibration_error"):
            require_between(name, getattr(self, name), 0, _LARGEST_DIFFERENCE)
        for name in ("max_demographic_parity_difference", "max_equalized_odds_difference"):
            require_between(name, getattr(self, name), 0, _LARGEST_DIFFERENCE)


@dataclass(frozen=True)
class Gate:
    """One gate after judging.

    Attributes:
        name: Name in the closed list.
        mode: ``off``, ``warn`` or ``enforce``.
        passed: Whether the number shows enough; an undefined number does not.
        value: The number judged; None where undefined.
        limit: What it was held against.
        message: One sentence with both.
    """

    name: str
    mode: str
    passed: bool
    value: float | None
    limit: float
    message: str

    @property
    def refuses(self) -> bool:
        """Whether this gate stands in the way."""
        return self.mode == "enforce" and not self.passed


def judge_gates(report: EvaluationReport, options: GateOptions) -> list[Gate]:
    """Return every gate that is not off, judged."""
    modes = {name: str(mode) for name, mode in options.modes.items() if mode not in (False, "off")}
    return [_judge(name, mode, report, options) for name, mode in modes.items()]


def _judge(name: str, mode: str, report: EvaluationReport, options: GateOptions) -> Gate:
    value, bound, limit = GATES[name](report, options)
    passed = not math.isnan(value) and _BOUNDS[bound](value, limit)
    shown = "undefined" if math.isnan(value) else f"{value:.4f}"
    message = f"{name} is {shown}, needed {bound} {limit:.4f}."
    return Gate(name, mode, passed, None if math.isnan(value) else value, limit, message)


_BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "at least": operator.ge,
    "at most": operator.le,
    "more than": operator.gt,
    "less than": operator.lt,
}
# A gate gives the number judged, which bound holds, and the limit.
Judged = tuple[float, str, float]


def minimum_roc_auc(report: EvaluationReport, options: GateOptions) -> Judged:
    """Judge the lower bound of the candidate's ROC AUC."""
    return report.metrics["roc_auc"].low, "at least", options.min_roc_auc


def beats_baseline(report: EvaluationReport, options: GateOptions) -> Judged:  # noqa: ARG001 - one signature for all
    """Judge the lower bound of the gain in ROC AUC over the business rule; a tie does not pass."""
    return report.baseline.difference["roc_auc"].low, "more than", 0.0


def costs_less_than_baseline(report: EvaluationReport, options: GateOptions) -> Judged:  # noqa: ARG001
    """Judge the upper bound of the extra cost over the business rule; a tie does not pass."""
    return report.baseline.difference["expected_cost"].high, "less than", 0.0


def not_worse_than_champion(report: EvaluationReport, options: GateOptions) -> Judged:
    """Judge the lower bound of the gain in ROC AUC over the champion; without one there is nothing to lose."""
    gain = report.champion.difference["roc_auc"].low if report.champion else 0.0
    return gain, "at least", -options.champion_margin


def calibration(report: EvaluationReport, options: GateOptions) -> Judged:
    """Judge the mean distance of predicted and observed."""
    return report.calibration_error, "at most", options.max_calibration_error


def demographic_parity(report: EvaluationReport, options: GateOptions) -> Judged:
    """Judge the greatest demographic parity difference of the protected columns."""
    spreads = {each.sensitive: each.demographic_parity_difference for each in report.fairness}
    return _greatest(spreads, options.protected), "at most", options.max_demographic_parity_difference


def equalized_odds(report: EvaluationReport, options: GateOptions) -> Judged:
    """Judge the greatest equalized odds difference of the protected columns."""
    spreads = {each.sensitive: each.equalized_odds_difference for each in report.fairness}
    return _greatest(spreads, options.protected), "at most", options.max_equalized_odds_difference


def _greatest(spreads: Mapping[str, float], protected: Sequence[str]) -> float:
    """Return the greatest number; undefined if a protected column was not measured or is undefined."""
    judged = [spreads.get(column, float("nan")) for column in protected]
    return float("nan") if not judged or any(math.isnan(each) for each in judged) else max(judged)


GATES: dict[str, Callable[[EvaluationReport, GateOptions], Judged]] = {
    each.__name__: each
    for each in (
        minimum_roc_auc,
        beats_baseline,
        costs_less_than_baseline,
        not_worse_than_champion,
        calibration,
        demographic_parity,
        equalized_odds,
    )
}
