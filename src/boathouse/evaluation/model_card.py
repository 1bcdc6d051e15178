"""The model card: one page of Markdown for the person who approves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from boathouse.evaluation.behaviour import BehaviourResult
from boathouse.evaluation.card_views import (
    CostView,
    IntervalView,
    compared_models,
    find_worse,
    show_number,
    view_costs,
    view_interval,
)
from boathouse.evaluation.comparison import ALL, Slice
from boathouse.evaluation.fairness import GroupRates
from boathouse.evaluation.report import ComparedModel, EvaluationReport
from boathouse.modelling.task import BINARY, Task
from boathouse.options import require_whole
from boathouse.reports.rendering import render_markdown

_MOST_FEATURES = 12


@dataclass(frozen=True, kw_only=True)
class CardWords:
    """Words of the problem that the card uses.

    Attributes:
        entity: What a row is about, in the singular.
        entities: The same in the plural.
        currency: Unit of costs; empty where costs have none.
        adverse: Value of the label, 0 or 1, that is bad news for an entity.
    """

    entity: str = "entity"
    entities: str = "entities"
    currency: str = ""
    adverse: int = 1

    def __post_init__(self) -> None:
        """Check the label's value."""
        require_whole("adverse", self.adverse, 0, 1)


@dataclass(frozen=True, kw_only=True)
class MetricView:
    """One metric of the candidate; for each model compared with, its value and the candidate's less it."""

    name: str
    candidate: IntervalView
    others: tuple[tuple[IntervalView, IntervalView], ...]


@dataclass(frozen=True, kw_only=True)
class ComparedView:
    """The candidate less baseline or champion on a part of the rows; ``key`` is empty for all rows.

    ``differences`` are those of the compared metrics, in the order of the task.
    """

    role: str
    key: str
    value: str
    rows: str
    differences: tuple[IntervalView, ...]


@dataclass(frozen=True, kw_only=True)
class BehaviourView:
    """What a model has to do and whether it does; ``failing_share`` is empty if no case may fail."""

    requirement: str
    passed: bool
    failing: str
    cases: str
    rule: str
    worst: str
    bound: str
    failing_share: str


@dataclass(frozen=True, kw_only=True)
class CardView:
    """What the template of the model card shows; numbers are rounded text.

    Attributes:
        threshold: From which on 1 is decided; empty for a task without decisions.
        unseen: Whether none of the models was trained on the test rows.
        rule: On which rows the baseline acts, in words; may be empty.
        cost: The candidate's cost; None for a task without costs.
        costs: The other decisions that it is compared with.
        acted: Share of the rows that each model acts on, by role; empty for a task without decisions.
        one_sided: Those of them that act on all rows or on none, with ``all`` or ``none``.
        worse: Role, metric and difference where the candidate is worse beyond chance.
        roles: Models compared with: ``baseline``, and ``champion`` where there is one.
        uncompared: Those of them that were not compared, since a model was trained on the rows.
        better_above: Compared metrics of which more is better.
        better_below: The others.
        slices: Column, value, then rows, observed, predicted and the metrics of a part.
        spreads: Sensitive column, demographic parity and equalized odds difference.
        groups: Sensitive column, group, whether it is judged, then rows and rates.
        calibration: Rows, predicted and observed rate of each bin.
        importance: Feature and its mean contribution.
    """

    name: str
    version: str
    algorithm: str
    threshold: str
    digest: str
    rows: str
    first: str
    last: str
    confidence: str
    unseen: bool
    rule: str
    cost: IntervalView | None
    costs: tuple[CostView, ...]
    acted: tuple[tuple[str, str], ...]
    one_sided: tuple[tuple[str, str], ...]
    worse: tuple[tuple[str, str, IntervalView], ...]
    roles: tuple[str, ...]
    metrics: tuple[MetricView, ...]
    compared: tuple[ComparedView, ...]
    uncompared: tuple[str, ...]
    better_above: tuple[str, ...]
    better_below: tuple[str, ...]
    behaviour: tuple[BehaviourView, ...]
    slices: tuple[tuple[str, str, tuple[str, ...]], ...]
    spreads: tuple[tuple[str, str, str], ...]
    groups: tuple[tuple[str, str, bool, tuple[str, ...]], ...]
    calibration_error: str
    calibration: tuple[tuple[str, str, str], ...]
    importance: tuple[tuple[str, str], ...]


def write_model_card(report: EvaluationReport, words: CardWords | None = None, *, task: Task = BINARY) -> str:
    """Return the card of the report's candidate as Markdown; ``words`` are those of the problem."""
    return render_markdown(
        "model_card.md.j2",
        card=view_card(report, task),
        words=words or CardWords(),
        task=task.words,
        compared=tuple(task.compared),
        parts=tuple(task.slice_metrics),
    )


def view_card(report: EvaluationReport, task: Task) -> CardView:
    """Return what the card shows of ``report``."""
    subject, models = report.subject, compared_models(report)
    acted = {"candidate": report.acted, **{role: each.acted for role, each in models.items()}}
    return CardView(
        name=subject.name,
        version=subject.version,
        algorithm=subject.algorithm,
        threshold="" if math.isnan(subject.threshold) else f"{subject.threshold:.4f}",
        digest=subject.digest[:16],
        rows=f"{report.rows:,}",
        first=report.period[0],
        last=report.period[1],
        confidence=f"{report.confidence:.0%}",
        unseen=bool(report.seen) and all(rows == 0 for rows in report.seen.values()),
        rule=report.rule,
        cost=view_interval(report.metrics[task.words.cost]) if task.words.cost in report.metrics else None,
        costs=tuple(view_costs(report, task)),
        acted=tuple((role, f"{share:.1%}") for role, share in acted.items() if not math.isnan(share)),
        one_sided=tuple((role, "all" if share else "none") for role, share in acted.items() if share in {0, 1}),
        worse=tuple(find_worse(models, task)),
        roles=tuple(models),
        metrics=tuple(_view_metric(name, report) for name in task.words.metrics),
        compared=tuple(each for role, model in models.items() for each in _view_comparison(role, model, task)),
        uncompared=tuple(role for role, model in models.items() if not model.slices),
        better_above=tuple(name for name, more in task.compared.items() if more),
        better_below=tuple(name for name, more in task.compared.items() if not more),
        behaviour=view_behaviour(report.behaviour),
        slices=tuple((each.key, each.value, _view_slice(each)) for each in report.slices),
        spreads=tuple(
            (
                each.sensitive,
                show_number(each.demographic_parity_difference),
                show_number(each.equalized_odds_difference),
            )
            for each in report.fairness
        ),
        groups=tuple(
            (each.sensitive, group.group, group.judged, _view_rates(group))
            for each in report.fairness
            for group in each.groups
        ),
        calibration_error=show_number(report.calibration_error),
        calibration=tuple(
            (f"{each.rows:,}", f"{each.predicted:.3f}", f"{each.observed:.3f}") for each in report.calibration
        ),
        importance=tuple((name, f"{value:.3f}") for name, value in list(report.importance.items())[:_MOST_FEATURES]),
    )


def view_behaviour(results: Sequence[BehaviourResult]) -> tuple[BehaviourView, ...]:
    """Return what is shown of behaviour tests: what the model has to do for single cases, and whether it does."""
    return tuple(
        BehaviourView(
            requirement=each.says,
            passed=each.passed,
            failing=f"{each.failing:,}",
            cases=f"{each.cases:,}",
            rule=each.rule,
            worst=show_number(each.worst),
            bound=f"{each.bound:.3f}",
            failing_share=f"{each.max_failing_share:.0%}" if each.max_failing_share else "",
        )
        for each in results
    )


def _view_metric(name: str, report: EvaluationReport) -> MetricView:
    return MetricView(
        name=name,
        candidate=view_interval(report.metrics[name]),
        others=tuple(
            (view_interval(each.metrics[name]), view_interval(each.difference[name]))
            for each in compared_models(report).values()
        ),
    )


def _view_comparison(role: str, model: ComparedModel, task: Task) -> Iterator[ComparedView]:
    for each in model.slices:
        yield ComparedView(
            role=role,
            key="" if each.key == ALL else each.key,
            value=each.value,
            rows=f"{each.rows:,}",
            differences=tuple(view_interval(each.difference[name]) for name in task.compared),
        )


def _view_slice(part: Slice) -> tuple[str, ...]:
    return (f"{part.rows:,}", *map(show_number, (part.observed, part.predicted, *part.metrics.values())))


def _view_rates(group: GroupRates) -> tuple[str, ...]:
    rates = (
        group.selection_rate,
        group.true_positive_rate,
        group.false_positive_rate,
        group.positive_predictive_value,
    )
    return (f"{group.rows:,}", *map(show_number, rates))
