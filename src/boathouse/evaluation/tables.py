"""The tables that remember every evaluation and every comparison with baseline and champion, and their rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from boathouse.evaluation.comparison import ALL, Estimate, SliceComparison
from boathouse.evaluation.report import ComparedModel, EvaluationReport
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.task import BINARY, TASKS, Task
from boathouse.tables.contract import Column, TableContract

EVALUATIONS = TableContract(
    name="audit.evaluations",
    description="Metrics of every version on its test rows, with intervals, by slice and beside baseline and champion.",
    grain="One row per version, role, slice and metric.",
    columns=(
        Column(name="model_name", dtype="string", description="Registered name of the candidate."),
        Column(name="model_version", dtype="string", description="Version of the candidate."),
        Column(
            name="role",
            dtype="string",
            description="Whose number it is; versus_ is candidate less the other. nothing and everything: to act on no "
            "row, on all.",
            allowed=(
                *("candidate", "baseline", "champion", "versus_baseline", "versus_champion"),
                *("nothing", "everything", "versus_nothing", "versus_everything"),
            ),
        ),
        Column(name="slice_key", dtype="string", description="Column that cuts; ':all' for all rows."),
        Column(name="slice_value", dtype="string", description="Its value; ':all' for all rows."),
        Column(name="metric", dtype="string", description="Name of the metric."),
        Column(name="value", dtype="double", description="The metric; null where undefined.", nullable=True),
        Column(name="low", dtype="double", description="Lower bound; null without interval.", nullable=True),
        Column(name="high", dtype="double", description="Upper bound; null without interval.", nullable=True),
    ),
    keys=("model_name", "model_version", "role", "slice_key", "slice_value", "metric"),
)

VERDICTS = ("better", "worse", "tie", "undefined")

COMPARISONS = TableContract(
    name="audit.comparisons",
    description="Every version against baseline and champion on the same unseen rows, with intervals, by slice.",
    grain="One row per version, compared model, slice and metric.",
    columns=(
        Column(name="model_name", dtype="string", description="Registered name of the candidate."),
        Column(name="model_version", dtype="string", description="Version of the candidate."),
        Column(
            name="rival",
            dtype="string",
            description="Model that it is compared with.",
            allowed=("baseline", "champion"),
        ),
        Column(name="rival_name", dtype="string", description="Registered name of that model."),
        Column(name="rival_version", dtype="string", description="Version of that model."),
        Column(name="slice_key", dtype="string", description="Column that cuts; ':all' for all rows."),
        Column(name="slice_value", dtype="string", description="Its value; ':all' for all rows."),
        Column(
            name="metric",
            dtype="string",
            description="What is compared.",
            allowed=tuple(sorted({name for task in TASKS.values() for name in task.compared})),
        ),
        Column(name="rows", dtype="bigint", description="Rows of the slice; 0 if it was not fair.", unit="rows"),
        Column(
            name="candidate_value", dtype="double", description="Of the candidate.", unit="of the metric", nullable=True
        ),
        Column(
            name="rival_value",
            dtype="double",
            description="Of the compared model.",
            unit="of the metric",
            nullable=True,
        ),
        Column(
            name="difference",
            dtype="double",
            description="Candidate less the compared model; null: undefined.",
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


Row = tuple[str, str, str, str, str, str, float | None, float | None, float | None]


def evaluation_rows(report: EvaluationReport) -> list[Row]:
    """Return the rows of ``audit.evaluations`` for one report."""
    return [(report.subject.name, report.subject.version, *rest) for rest in (*_overall(report), *_parts(report))]


def _overall(report: EvaluationReport) -> Iterator[tuple[str, str, str, str, float | None, float | None, float | None]]:
    estimates: dict[str, Mapping[str, Estimate]] = {
        "candidate": report.metrics,
        "baseline": report.baseline.metrics,
        "versus_baseline": report.baseline.difference,
    }
    if report.champion:
        estimates |= {"champion": report.champion.metrics, "versus_champion": report.champion.difference}
    for role, metrics in estimates.items():
        for name, each in metrics.items():
            yield role, ALL, ALL, name, _known(each.value), _known(each.low), _known(each.high)
    yield "candidate", ALL, ALL, "calibration_error", _known(report.calibration_error), None, None
    yield from _decisions(report)


def _decisions(
    report: EvaluationReport,
) -> Iterator[tuple[str, str, str, str, float | None, float | None, float | None]]:
    """Give how often each model acts, and what decisions that need no model cost."""
    acted = {"candidate": report.acted, "baseline": report.baseline.acted}
    if report.champion:
        acted["champion"] = report.champion.acted
    for role, share in acted.items():
        if not math.isnan(share):
            yield role, ALL, ALL, "decision_rate", share, None, None
    for each in report.references:
        found = each.difference
        yield each.name, ALL, ALL, "expected_cost", each.cost, None, None
        numbers = (_known(found.value), _known(found.low), _known(found.high))
        yield f"versus_{each.name}", ALL, ALL, "expected_cost", *numbers


def _parts(report: EvaluationReport) -> Iterator[tuple[str, str, str, str, float | None, float | None, float | None]]:
    for each in report.slices:
        numbers = {"rows": float(each.rows), "observed": each.observed, "predicted": each.predicted, **each.metrics}
        for name, value in numbers.items():
            yield "candidate", each.key, each.value, name, _known(value), None, None
    for fairness in report.fairness:
        for name in ("demographic_parity_difference", "equalized_odds_difference"):
            yield "candidate", fairness.sensitive, ALL, name, _known(getattr(fairness, name)), None, None
        for group in fairness.groups:
            for name in ("selection_rate", "true_positive_rate", "false_positive_rate", "positive_predictive_value"):
                yield "candidate", fairness.sensitive, group.group, name, _known(getattr(group, name)), None, None


def comparison_rows(
    report: EvaluationReport, options: BootstrapOptions, *, task: Task = BINARY
) -> list[tuple[Any, ...]]:
    """Return the rows of ``audit.comparisons`` for one report."""
    compared = {"baseline": report.baseline, "champion": report.champion}
    return [
        (report.subject.name, report.subject.version, role, *rest, options.confidence, options.samples, verdict)
        for role, model in compared.items()
        if model
        for *rest, verdict in _compared(model, task)
    ]


def find_verdict(metric: str, difference: Estimate, *, task: Task = BINARY) -> str:
    """Return who is better by ``metric``, one that says so by itself.

    A tie unless the whole interval lies on one side of zero.
    """
    if math.isnan(difference.low) or math.isnan(difference.high):
        return "undefined"
    if difference.low <= 0 <= difference.high:
        return "tie"
    return "better" if (difference.low > 0) == {**task.directions, **task.compared}[metric] else "worse"


def _compared(model: ComparedModel, task: Task) -> Iterator[tuple[Any, ...]]:
    for each in model.slices or [_unfair(model, task)]:
        for metric in task.compared:
            difference = each.difference[metric]
            numbers = (each.ours[metric], each.theirs[metric], difference.value, difference.low, difference.high)
            identity = (model.subject.name, model.subject.version, each.key, each.value, metric, each.rows)
            yield (*identity, *(_known(number) for number in numbers), find_verdict(metric, difference, task=task))


def _unfair(model: ComparedModel, task: Task) -> SliceComparison:
    """Return what stands for a comparison that was not made."""
    nothing = dict.fromkeys(task.compared, float("nan"))
    return SliceComparison(key=ALL, value=ALL, rows=0, ours=nothing, theirs=nothing, difference=model.difference)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
