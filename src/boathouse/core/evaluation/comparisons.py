"""The table that remembers how each version did against its rivals, and its rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from boathouse.core.evaluation.comparison import Estimate
from boathouse.core.evaluation.intervals import BootstrapOptions
from boathouse.core.evaluation.paired import ALL, COMPARED, SliceComparison
from boathouse.core.evaluation.report import EvaluationReport, Rival
from boathouse.tables import Column, TableContract

VERDICTS = ("better", "worse", "tie", "undefined")

COMPARISONS = TableContract(
    name="audit.comparisons",
    description="Every version against baseline and champion on the same unseen rows, with intervals, by slice.",
    grain="One row per version, rival, slice and metric.",
    columns=(
        Column(name="model_name", dtype="string", description="Registered name of the candidate."),
        Column(name="model_version", dtype="string", description="Version of the candidate."),
        Column(name="rival", dtype="string", description="Whom it met.", allowed=("baseline", "champion")),
        Column(name="rival_name", dtype="string", description="Registered name of the rival."),
        Column(name="rival_version", dtype="string", description="Version of the rival."),
        Column(name="slice_key", dtype="string", description="Column that cuts; ':all' for all rows."),
        Column(name="slice_value", dtype="string", description="Its value; ':all' for all rows."),
        Column(name="metric", dtype="string", description="What is compared.", allowed=tuple(COMPARED)),
        Column(name="rows", dtype="bigint", description="Rows of the slice; 0 if it was not fair.", unit="rows"),
        Column(
            name="candidate_value", dtype="double", description="Of the candidate.", unit="of the metric", nullable=True
        ),
        Column(name="rival_value", dtype="double", description="Of the rival.", unit="of the metric", nullable=True),
        Column(
            name="difference",
            dtype="double",
            description="Candidate less rival; null: undefined.",
            unit="of the metric",
            nullable=True,
        ),
        Column(
            name="low",
            dtype="double",
            description="Lower bound of the paired interval.",
            unit="of the metric",
            nullable=True,
        ),
        Column(
            name="high",
            dtype="double",
            description="Upper bound of the paired interval.",
            unit="of the metric",
            nullable=True,
        ),
        Column(
            name="confidence",
            dtype="double",
            description="Share of resamples in it.",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(name="resamples", dtype="int", description="Paired resamples behind it.", unit="resamples", minimum=1),
        Column(
            name="verdict",
            dtype="string",
            description="better or worse if the whole interval is on one side of zero, else tie; undefined if the "
            "comparison was not fair or the slice has one class.",
            allowed=VERDICTS,
        ),
    ),
    keys=("model_name", "model_version", "rival", "slice_key", "slice_value", "metric"),
)


def comparison_rows(report: EvaluationReport, options: BootstrapOptions) -> list[tuple[Any, ...]]:
    """Return the rows of ``audit.comparisons`` for one report."""
    rivals = {"baseline": report.baseline, "champion": report.champion}
    return [
        (report.subject.name, report.subject.version, role, *rest, options.confidence, options.samples, verdict)
        for role, rival in rivals.items()
        if rival
        for *rest, verdict in _rows(rival)
    ]


def find_verdict(metric: str, difference: Estimate) -> str:
    """Return who is better by ``metric``: a tie unless the whole interval lies on one side of zero."""
    if math.isnan(difference.low) or math.isnan(difference.high):
        return "undefined"
    if difference.low <= 0 <= difference.high:
        return "tie"
    return "better" if (difference.low > 0) == COMPARED[metric] else "worse"


def _rows(rival: Rival) -> Iterator[tuple[Any, ...]]:
    for each in rival.slices or [_unfair(rival)]:
        for metric in COMPARED:
            difference = each.difference[metric]
            numbers = (each.ours[metric], each.theirs[metric], difference.value, difference.low, difference.high)
            place = (rival.subject.name, rival.subject.version, each.key, each.value, metric, each.rows)
            yield (*place, *(_known(number) for number in numbers), find_verdict(metric, difference))


def _unfair(rival: Rival) -> SliceComparison:
    """Return what stands for a comparison that was not made."""
    nothing = dict.fromkeys(COMPARED, float("nan"))
    return SliceComparison(key=ALL, value=ALL, rows=0, ours=nothing, theirs=nothing, difference=rival.difference)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
