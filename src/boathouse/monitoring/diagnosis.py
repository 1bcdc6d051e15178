"""What stands behind an alert: columns and slices beside it, and which kind of drift it likely is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from boathouse.monitoring.measures import ALL_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from boathouse.monitoring.judging import Finding

Likely = Literal["data quality", "covariate", "label", "concept", "unknown"]
EXPLANATIONS: dict[str, str] = {
    "data quality": "values are missing or wrong: the source comes before the model",
    "covariate": "the inputs moved; whether that hurts is what the performance says",
    "label": "the rate of the label moved and the inputs did not",
    "concept": "the relation of inputs and label changed: the performance fell",
    "unknown": "nothing else that was measured explains it",
}
# Columns and slices that are named; the table of measures has the rest.
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What an alert likely comes from.

    Attributes:
        likely: Kind of drift.
        columns: Columns that are beyond a limit too, with the metric and its value, the largest excess first.
        slices: Slices in which the same metric is beyond a limit.
    """

    likely: Likely
    columns: tuple[tuple[str, str, float], ...] = ()
    slices: tuple[tuple[str, float], ...] = ()

    def to_evidence(self) -> dict[str, Any]:
        """Return what an event holds of it, as plain values; figures to twelve significant digits."""
        return {
            "likely": self.likely,
            "columns": [[subject, metric, float(f"{value:.12g}")] for subject, metric, value in self.columns],
            "slices": [[scope, float(f"{value:.12g}")] for scope, value in self.slices],
        }


def diagnose(findings: Sequence[Finding]) -> dict[str, Diagnosis]:
    """Return the diagnosis of every finding that is told, by the id of its alert."""
    crossed = [finding for finding in findings if finding.crossed]
    return {finding.alert_id: _diagnose(finding, crossed) for finding in crossed if finding.is_told}


def _diagnose(finding: Finding, crossed: Iterable[Finding]) -> Diagnosis:
    beside = [each for each in crossed if each.alert_id != finding.alert_id]
    columns = [
        each
        for each in beside
        if each.is_told
        and each.measure.kind in {"data", "feature"}
        and each.measure.scope == ALL_ROWS
        and each.measure.subject != finding.measure.subject
    ]
    slices = [
        each
        for each in beside
        if each.measure.scope != ALL_ROWS
        and (each.measure.kind, each.measure.metric) == (finding.measure.kind, finding.measure.metric)
    ]
    columns.sort(key=_excess, reverse=True)
    # A drifted column explains what the model does, not why another column drifted.
    explains = finding.measure.kind not in {"data", "feature"}
    return Diagnosis(
        likely=_guess(finding, {each.measure.kind for each in beside}),
        columns=tuple((each.measure.subject, each.measure.metric, each.value) for each in columns[:_NAMED])
        if explains
        else (),
        slices=tuple((each.measure.scope, each.value) for each in slices[:_NAMED]),
    )


def _excess(finding: Finding) -> float:
    """Return how far beyond its limit a finding is, in limits."""
    return abs(finding.value - finding.rule.limit) / max(abs(finding.rule.limit), 1e-9)


# What is beyond a limit beside an alert of the kind, in the order asked, and the kind of drift that it makes likely;
# last what is likely with none of it beside.
_GUESSES: dict[str, tuple[tuple[tuple[str, Likely], ...], Likely]] = {
    "data": ((), "data quality"),
    "feature": ((), "covariate"),
    "label": ((("data", "data quality"), ("feature", "covariate")), "label"),
    "concept": ((("data", "data quality"),), "concept"),
    "performance": (
        (("data", "data quality"), ("concept", "concept"), ("feature", "covariate"), ("label", "label")),
        "concept",
    ),
}
_OTHERS: tuple[tuple[str, Likely], ...] = (
    ("data", "data quality"),
    ("concept", "concept"),
    ("feature", "covariate"),
    ("label", "label"),
)


def _guess(finding: Finding, beside: set[str]) -> Likely:
    signs, otherwise = _GUESSES.get(finding.measure.kind, (_OTHERS, "unknown"))
    return next((likely for kind, likely in signs if kind in beside), otherwise)


def describe_diagnosis(content: Mapping[str, Any]) -> list[str]:
    """Return the diagnosis that an event holds, as lines for a person."""
    likely = str(content.get("likely") or "unknown")
    lines = [f"likely kind  {likely}: {EXPLANATIONS[likely]}"]
    columns = [f"{subject} ({metric} {value:.3g})" for subject, metric, value in content.get("columns") or ()]
    slices = [f"{scope} ({value:.3g})" for scope, value in content.get("slices") or ()]
    return [
        *lines,
        f"columns      {', '.join(columns) or 'none beyond a limit beside it'}",
        f"slices       {', '.join(slices) or 'none beyond a limit beside it'}",
    ]
