"""What crossed its limit, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.monitoring.distances import Comparison
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.measures import Kind
    from boathouse.monitoring.performance import CohortPerformance, LabelRate
    from boathouse.monitoring.reference import Baseline


Urgency = Literal["info", "warning", "alarm"]

# Values named in a message; the report and the table of drift have more.
NAMED_VALUES = 3


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One limit crossed.

    Attributes:
        kind: What crossed it.
        severity: ``info``, ``warning`` (watch) or ``alarm`` (act).
        subject: The column, cohort or table it is about.
        value: Value measured.
        limit: Limit crossed, in the unit of ``value``.
        message: What happened, in one sentence without values of single persons.
        action: What to do, by the rule that was crossed.
    """

    kind: Kind
    severity: Urgency
    subject: str
    value: float
    limit: float
    message: str
    action: str = ""


def describe_effect(drift: ColumnDrift) -> str:
    """Return by how much a column moved for sure, in which bin most, and which values came and went."""
    compared = drift.comparison
    effect, shift, values = compared.effect, compared.shift, describe_values(compared)
    proven = f"at least {effect.low:.2f} for sure" if effect.low > 0 else "which may be chance"
    return (
        f"{drift.column} moved by {effect.value:.2f}, {proven}; the share of "
        f"'{shift.bin}' went from {shift.reference:.1%} to {shift.current:.1%}{f'; {values}' if values else ''}"
    )


def describe_values(compared: Comparison) -> str:
    """Return which values came and went, with their share of the rows; empty where none did."""
    parts = [
        f"{word} {_name_some(values)} ({share:.1%} of the {rows} rows)"
        for word, values, share, rows in (
            ("new:", compared.new_values, compared.new_share, "current"),
            ("vanished:", compared.vanished_values, compared.vanished_share, "earlier"),
        )
        if values
    ]
    return "; ".join(parts)


def _name_some(values: Sequence[str]) -> str:
    named = ", ".join(f"'{value}'" for value in values[:NAMED_VALUES])
    return named if len(values) <= NAMED_VALUES else f"{named} and {len(values) - NAMED_VALUES:,} more"


def describe_nulls(drift: ColumnDrift) -> str:
    """Return how the share of nulls of a column changed."""
    compared = drift.comparison
    return (
        f"The share of nulls in {drift.column} went from {compared.reference_null_share:.1%} to "
        f"{compared.current_null_share:.1%}, by {compared.null_delta:+.1%}"
    )


def describe_infinite(drift: ColumnDrift) -> str:
    """Return how many values of a column are infinite; empty where none is."""
    compared = drift.comparison
    if not compared.current_infinite:
        return ""
    before, now = compared.reference_infinite, compared.current_infinite
    return (
        f"{now:,} of {compared.current_rows:,} values of {drift.column} are infinite, {before:,} of "
        f"{compared.reference_rows:,} before; no statistic counts them."
    )


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that one run measured.

    Attributes:
        features: Drift of the features against the rows trained on, the largest first, those not judged last.
        scores: Drift of the answers against the cohort before; empty without one.
        labels: Drift of the label against the cohort before; empty without one.
        rates: Label rate of each cohort, oldest first.
        cohorts: Scored cohorts, oldest first.
        baseline: What the features were compared with; None where no feature was compared.
    """

    features: Sequence[ColumnDrift]
    scores: Sequence[ColumnDrift]
    labels: Sequence[ColumnDrift]
    rates: Sequence[LabelRate]
    cohorts: Sequence[CohortPerformance]
    baseline: Baseline | None = None
