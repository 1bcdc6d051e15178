"""Numbers as the model card shows them, and the candidate held against other decisions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from boathouse.evaluation.comparison import Estimate
from boathouse.evaluation.report import ComparedModel, EvaluationReport
from boathouse.evaluation.tables import find_verdict
from boathouse.modelling.task import Task


@dataclass(frozen=True, kw_only=True)
class IntervalView:
    """An estimate and its interval, rounded."""

    value: str
    low: str
    high: str


@dataclass(frozen=True, kw_only=True)
class CostView:
    """The candidate's cost beside that of other decisions.

    Attributes:
        name: ``baseline``, ``champion``, or the name of a reference.
        cost: What the others cost; empty where it was not measured on unseen rows.
        difference: The candidate's cost less it.
        verdict: ``better``, ``worse``, ``tie`` or ``undefined`` for the candidate.
    """

    name: str
    cost: str
    difference: IntervalView
    verdict: str


def compared_models(report: EvaluationReport) -> dict[str, ComparedModel]:
    """Return the models that the candidate is compared with, by role."""
    return {"baseline": report.baseline} | ({"champion": report.champion} if report.champion else {})


def view_costs(report: EvaluationReport, task: Task) -> Iterator[CostView]:
    """Give what baseline, champion and decisions without a model cost; nothing for a task without costs."""
    cost = task.words.cost
    if cost not in report.metrics:
        return
    for role, model in compared_models(report).items():
        difference = model.difference[cost]
        verdict = find_verdict(cost, difference, task=task)
        yield CostView(
            name=role,
            cost=show_number(model.metrics[cost].value),
            difference=view_interval(difference),
            verdict=verdict,
        )
    for each in report.references:
        verdict = find_verdict(cost, each.difference, task=task)
        yield CostView(
            name=each.name, cost=show_number(each.cost), difference=view_interval(each.difference), verdict=verdict
        )


def find_worse(models: Mapping[str, ComparedModel], task: Task) -> Iterator[tuple[str, str, IntervalView]]:
    """Give each metric by which the candidate is worse than another model, the whole interval on the wrong side."""
    for role, model in models.items():
        for name in task.directions:
            difference = model.difference.get(name)
            if difference and find_verdict(name, difference, task=task) == "worse":
                yield role, name, view_interval(difference)


def view_interval(each: Estimate) -> IntervalView:
    """Return an estimate as text."""
    return IntervalView(value=show_number(each.value), low=show_number(each.low), high=show_number(each.high))


def show_number(value: float) -> str:
    """Return a number with three decimals, without any from 100 on; a dash for an undefined one."""
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
