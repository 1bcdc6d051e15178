"""Everything an approver needs to know of a version, as one frozen result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from boathouse.evaluation.behaviour import BehaviourResult
from boathouse.evaluation.comparison import Estimate, Slice, SliceComparison
from boathouse.evaluation.fairness import GroupFairness, GroupRates
from boathouse.modelling.leakage import LeakageFindings
from boathouse.modelling.metrics import CalibrationBin, calibration_error


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Which model was measured.

    Attributes:
        name: Registered name.
        version: Version as text.
        algorithm: Name in the registry of estimators.
        threshold: Probability from which it decides 1; NaN for a task without decisions.
        digest: SHA-256 of the manifest of its files.
    """

    name: str
    version: str
    algorithm: str
    threshold: float
    digest: str


@dataclass(frozen=True, kw_only=True)
class ComparedModel:
    """A model measured on the same rows, and what the candidate does better or worse.

    Attributes:
        subject: The model.
        metrics: Its metrics.
        difference: Candidate less this model, paired; undefined if one of them was trained on the rows.
        slices: The comparison on all rows and on parts of them; empty if it is not fair.
        acted: Share of the rows that it acts on, 0 to 1; NaN for a task without decisions.
    """

    subject: Subject
    metrics: Mapping[str, Estimate]
    difference: Mapping[str, Estimate]
    slices: Sequence[SliceComparison] = ()
    acted: float = float("nan")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Decisions that need no model, on the same rows.

    Attributes:
        name: ``nothing``: no row is acted on; ``everything``: all are.
        cost: What they cost, currency units per row.
        difference: The candidate's cost less it, paired.
    """

    name: str
    cost: float
    difference: Estimate


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """The candidate beside baseline and champion on the same rows, which no model should have been trained on.

    Attributes:
        subject: The candidate.
        rows: Test rows.
        period: First and last date of them, ISO, both inclusive.
        confidence: Of every interval.
        metrics: With intervals.
        baseline: The business rule on the same rows.
        champion: The champion on the same rows, or None.
        slices: By sensitive group.
        fairness: By sensitive column.
        calibration: Ten bins of equally many rows.
        importance: Mean absolute contribution of each feature, in the unit of the estimator's number (for a binary task
            log-odds), largest first.
        seen: Test rows that a model was trained on, by role (candidate, baseline, champion); NaN where its training
            window is not known.
        behaviour: Tests of the model's behaviour; empty if none was run.
        leakage: What the training set may have seen too early; None if it was not looked for.
        rule: On which rows the business rule acts, in words; empty if it cannot be said.
        references: Decisions that need no model; empty for a task without decisions.
        acted: Share of the rows that the candidate acts on, 0 to 1; NaN for a task without decisions.
    """

    subject: Subject
    rows: int
    period: tuple[str, str]
    confidence: float
    metrics: Mapping[str, Estimate]
    baseline: ComparedModel
    champion: ComparedModel | None
    slices: Sequence[Slice]
    fairness: Sequence[GroupFairness]
    calibration: Sequence[CalibrationBin]
    importance: Mapping[str, float]
    seen: Mapping[str, float] = field(default_factory=dict)
    behaviour: Sequence[BehaviourResult] = ()
    leakage: LeakageFindings | None = None
    rule: str = ""
    references: Sequence[Reference] = ()
    acted: float = float("nan")

    @property
    def calibration_error(self) -> float:
        """Mean distance of predicted and observed over the bins."""
        return calibration_error(list(self.calibration))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON; an undefined number is None."""
        plain: dict[str, Any] = _without_nan({**asdict(self), "calibration_error": self.calibration_error})
        return plain

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> EvaluationReport:
        """Return the report that :meth:`to_dict` described."""
        fields = {name: value for name, value in raw.items() if name != "calibration_error"}
        return cls(
            **{
                **fields,
                "subject": Subject(**_with_nan(raw["subject"])),
                "period": tuple(raw["period"]),
                "metrics": _estimates(raw["metrics"]),
                "baseline": _compared_model(raw["baseline"]),
                "champion": _compared_model(raw["champion"]) if raw["champion"] else None,
                "slices": [_slice(each) for each in raw["slices"]],
                "fairness": [_fairness(each) for each in raw["fairness"]],
                "calibration": [CalibrationBin(**each) for each in raw["calibration"]],
                "seen": _with_nan(raw.get("seen", {})),
                "behaviour": [BehaviourResult(**_with_nan(each)) for each in raw.get("behaviour", ())],
                "leakage": LeakageFindings(**raw["leakage"]) if raw.get("leakage") else None,
                "references": [_reference(each) for each in raw.get("references", ())],
                "acted": _number(raw.get("acted")),
            }
        )


def _estimates(raw: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: Estimate(**_with_nan(each)) for name, each in raw.items()}


def _compared_model(raw: Mapping[str, Any]) -> ComparedModel:
    return ComparedModel(
        subject=Subject(**_with_nan(raw["subject"])),
        metrics=_estimates(raw["metrics"]),
        difference=_estimates(raw["difference"]),
        slices=[_slice_comparison(each) for each in raw.get("slices", ())],
        acted=_number(raw.get("acted")),
    )


def _reference(raw: Mapping[str, Any]) -> Reference:
    return Reference(**{**_with_nan(raw), "difference": Estimate(**_with_nan(raw["difference"]))})


def _slice(raw: Mapping[str, Any]) -> Slice:
    return Slice(**{**_with_nan(raw), "metrics": _with_nan(raw["metrics"])})


def _slice_comparison(raw: Mapping[str, Any]) -> SliceComparison:
    sides = {side: _with_nan(raw[side]) for side in ("ours", "theirs")}
    return SliceComparison(**{**raw, **sides, "difference": _estimates(raw["difference"])})


def _fairness(raw: Mapping[str, Any]) -> GroupFairness:
    groups = tuple(GroupRates(**_with_nan(each)) for each in raw["groups"])
    return GroupFairness(**{**_with_nan(raw), "groups": groups})


def _number(raw: float | None) -> float:
    return float("nan") if raw is None else raw


def _with_nan(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float("nan") if value is None else value for name, value in raw.items()}


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
