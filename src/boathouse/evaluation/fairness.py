"""Rates by group, demographic parity and equalized odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from boathouse.modelling.metrics import divide
from boathouse.options import require_whole

UNKNOWN = "unknown"


@dataclass(frozen=True)
class FairnessOptions:
    """By what a model is judged.

    Attributes:
        sensitive: Columns whose values are the groups.
        min_group_rows: Smaller groups are shown but no difference is taken from them.
    """

    sensitive: Sequence[str]
    min_group_rows: int

    def __post_init__(self) -> None:
        """Check the range."""
        require_whole("min_group_rows", self.min_group_rows, 1, 10**9)


@dataclass(frozen=True)
class GroupRates:
    """One group.

    Attributes:
        group: Value of the sensitive column; ``unknown`` for a missing one.
        rows: Rows of the group.
        selection_rate: Share for which the adverse value was decided.
        true_positive_rate: The same among rows to which it happened; NaN without such rows.
        false_positive_rate: The same among the other rows; NaN without such rows.
        positive_predictive_value: Share of those for which it was decided to which it happened; NaN if none is decided.
        judged: Whether the group is large enough for differences.
    """

    group: str
    rows: int
    selection_rate: float
    true_positive_rate: float
    false_positive_rate: float
    positive_predictive_value: float
    judged: bool


@dataclass(frozen=True)
class GroupFairness:
    """All groups of one sensitive column.

    Attributes:
        sensitive: The column.
        groups: Rates, by group name.
        demographic_parity_difference: Largest less smallest selection rate; 0 is parity, 1 the worst.
        equalized_odds_difference: The larger of the spreads of true and of false positive rate; 0 is
            parity, 1 the worst (Hardt, Price & Srebro 2016; as in fairlearn).
    """

    sensitive: str
    groups: tuple[GroupRates, ...]
    demographic_parity_difference: float
    equalized_odds_difference: float


def measure_fairness(
    sensitive: str, groups: np.ndarray, label: np.ndarray, decision: np.ndarray, *, min_group_rows: int
) -> GroupFairness:
    """Return the rates of every group of one sensitive column, and their differences.

    Args:
        sensitive: Name of the column.
        groups: Its value for each row; None is the group ``unknown``.
        label: 1 where the adverse value happened, else 0.
        decision: 1 where it was decided, else 0.
        min_group_rows: Smaller groups do not enter differences.
    """
    names, codes = np.unique([UNKNOWN if each is None else str(each) for each in groups], return_inverse=True)
    cells = np.bincount(codes * 4 + label.astype(np.int64) * 2 + decision.astype(np.int64), minlength=4 * len(names))
    rates = tuple(
        _rates(str(name), row, min_group_rows) for name, row in zip(names, cells.reshape(-1, 4).tolist(), strict=True)
    )
    judged = [each for each in rates if each.judged]
    odds = [_spread([getattr(each, f"{kind}_positive_rate") for each in judged]) for kind in ("true", "false")]
    known = [each for each in odds if not np.isnan(each)]
    return GroupFairness(
        sensitive, rates, _spread([each.selection_rate for each in judged]), max(known) if known else float("nan")
    )


def _rates(name: str, cells: Sequence[int], min_group_rows: int) -> GroupRates:
    true_negatives, false_positives, false_negatives, true_positives = cells
    rows, selected = sum(cells), false_positives + true_positives
    return GroupRates(
        group=name,
        rows=rows,
        selection_rate=divide(selected, rows),
        true_positive_rate=divide(true_positives, true_positives + false_negatives),
        false_positive_rate=divide(false_positives, false_positives + true_negatives),
        positive_predictive_value=divide(true_positives, selected),
        judged=rows >= min_group_rows,
    )


def _spread(rates: Sequence[float]) -> float:
    known = [rate for rate in rates if not np.isnan(rate)]
    return max(known) - min(known) if known else float("nan")
