"""A replay in plain lines: a month as it is played, the table at the end, and what a comparison found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from boathouse.replay.matrix import Matrix, describe_cell, judge_retraining
from boathouse.replay.policies import ALARMS

if TYPE_CHECKING:
    from boathouse.replay.matrix import Interval, PolicyResult
    from boathouse.replay.records import Earned, MonthRecord

# Alerts named in a line; the table of alerts has all.
NAMED_ALERTS = 3
SIX_MONTHS = (
    "These months are one path: they show what would have happened in them, not what a policy is worth in others."
)


@dataclass(frozen=True)
class Terms:
    """Words of the use case.

    Attributes:
        observations: What is scored, plural.
        currency: Unit of costs.
        figure: Title of the decisive metric.
    """

    observations: str
    currency: str
    figure: str


def describe_step(record: MonthRecord, terms: Terms) -> list[str]:
    """Return the lines of the step that was done last in a month; none for a step that has only begun."""
    if record.steps[-1:] == ("prepared",) and not record.action:
        return [_head(record, _describe_scoring(record, terms))]
    if record.steps[-1:] == ("watched",) and not record.action:
        lines = [_line(_describe_earned(each, terms)) for each in record.earned]
        return [*lines, *([_line(_describe_alerts(record))] if record.scored_by or record.earned else [])]
    if record.is_done:
        return [_line(_describe_action(record))]
    return []


def _head(record: MonthRecord, text: str) -> str:
    return f"{record.month}  {text}"


def _line(text: str) -> str:
    return f"{'':<9}{text}"


def _describe_scoring(record: MonthRecord, terms: Terms) -> str:
    rows = ", ".join(f"{count:,} {name}" for name, count in record.delivered.items() if count) or "nothing"
    if record.scored_by:
        return f"delivered {rows} · version {record.scored_by} scored {record.scored:,} {terms.observations}"
    why = "no champion yet" if not record.champion else f"no new {terms.observations} to score"
    return f"delivered {rows} · {why}"


def _describe_earned(earned: Earned, terms: Terms) -> str:
    saved = f"saved {terms.currency} {earned.nothing - earned.model:,.0f} against doing nothing"
    if earned.rule is not None:
        saved += f", {earned.rule - earned.model:+,.0f} against the rule"
    return f"labels of {earned.cohort[:7]}: version {earned.version} {saved} ({terms.figure} {earned.figure:.3f})"


def _describe_alerts(record: MonthRecord) -> str:
    alarms = [each for each in record.alerts if each.severity in ALARMS]
    others = len(record.alerts) - len(alarms)
    if not record.alerts:
        return "alarms: none"
    named = ", ".join(f"{each.kind} of {each.subject}" for each in alarms[:NAMED_ALERTS])
    more = f" and {len(alarms) - NAMED_ALERTS} more" if len(alarms) > NAMED_ALERTS else ""
    return f"alarms: {named or 'none'}{more}; {others} warning(s)"


def _describe_action(record: MonthRecord) -> str:
    done = {"start": "trained the first model", "retrain": "retrained", "wait": "waited"}.get(record.action, "nothing")
    made = f" → version {record.candidate}" if record.candidate else ""
    outcome = f", {record.outcome}" if record.outcome else ""
    return f"done: {done}, since {record.reason}{made}{outcome}"


def table_of(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    for row in (heads, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def summarise_months(records: Sequence[MonthRecord], terms: Terms) -> list[str]:
    """Return the table of the months, and what was saved in all."""
    earned = {each.cohort[:7]: each for record in records for each in record.earned}
    rows = []
    for record in records:
        own = earned.get(record.month)
        rows.append(
            (
                record.month,
                record.scored_by or "–",
                f"{own.figure:.3f}" if own else "–",
                f"{own.nothing - own.model:,.0f}" if own else "–",
                f"{own.rule - own.model:+,.0f}" if own and own.rule is not None else "–",
                str(sum(each.severity in ALARMS for each in record.alerts)),
                record.action or "–",
                record.champion or "–",
            )
        )
    heads = ("month", "version", terms.figure, "saved", "against rule", "alarms", "done", "champion after")
    saved = sum(each.nothing - each.model for each in earned.values())
    against = sum(each.rule - each.model for each in earned.values() if each.rule is not None)
    total = (
        f"Saved {terms.currency} {saved:,.0f} against doing nothing, {against:+,.0f} against the rule, on "
        f"{sum(each.rows for each in earned.values()):,} {terms.observations} with labels."
    )
    return [*table_of(heads, rows), "", total]


def describe_matrix(matrix: Matrix, terms: Terms) -> list[str]:
    """Return the cost per row of each trained model on each cohort, as a table."""
    rows = [
        (
            f"{cutoff:%Y-%m}",
            *(
                f"{describe_cell(matrix.trained[cutoff, day])['cost']:,.1f}" if (cutoff, day) in matrix.trained else ""
                for day in matrix.cohorts
            ),
        )
        for cutoff in matrix.cutoffs
    ]
    heads = ("trained at", *(f"{day:%Y-%m}" for day in matrix.cohorts))
    return [f"Cost in {terms.currency} per row of the model trained at the end of a month, by cohort:",
            *table_of(heads, rows)]  # fmt: skip


def summarise_policies(
    results: Sequence[PolicyResult], terms: Terms, *, confidence: float, judged: Sequence[str]
) -> list[str]:
    """Return the table of policies, and in sentences whether training again was worth it.

    Args:
        results: Of every policy and reference.
        terms: Words of the use case.
        confidence: Coverage of the intervals.
        judged: Policies that train again, which are held against never doing so.
    """
    rows = [
        (
            each.policy,
            _name_months(each.trained),
            f"{each.cost.value:,.0f}",
            _span(each.saved, ",.0f"),
            _span(each.regret, ",.0f"),
            _span(each.roc_auc, ".3f"),
            _span(each.log_loss, ".4f"),
        )
        for each in results
    ]
    heads = (
        "policy",
        "trained at",
        f"cost ({terms.currency})",
        "saved against never",
        "regret",
        terms.figure,
        "log loss",
    )
    verdicts = judge_retraining([each for each in results if each.policy in judged], currency=terms.currency)
    return [
        *table_of(heads, rows),
        "",
        f"Intervals of {confidence:.0%}, by resamples of entities. Regret is against the best schedule in hindsight.",
        *verdicts,
        SIX_MONTHS,
    ]


def _name_months(days: Sequence[date]) -> str:
    return " ".join(f"{day:%m}" for day in days) or "–"


def _span(interval: Interval, form: str) -> str:
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


def name_schedules(schedules: Mapping[str, Sequence[date]]) -> dict[str, Sequence[date]]:
    """Return the schedules with those that are the same under one name, joined by a comma, in the order given."""
    names: dict[tuple[date, ...], list[str]] = {}
    for name, schedule in schedules.items():
        names.setdefault(tuple(schedule), []).append(name)
    return {", ".join(each): schedule for schedule, each in names.items()}
