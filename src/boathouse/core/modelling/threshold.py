"""The probability from which it is cheaper to act."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.core.options import require_between

# A bound that no sensible cost of one decision reaches, in currency units.
_LARGEST_COST = 1e9


@dataclass(frozen=True)
class CostOptions:
    """What a wrong decision costs.

    Attributes:
        missed: Cost of not acting on a row whose label turns out 1, currency units per row.
        false_alarm: Cost of acting on a row whose label turns out 0, currency units per row.
    """

    missed: float
    false_alarm: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_between("missed", self.missed, 0, _LARGEST_COST)
        require_between("false_alarm", self.false_alarm, 0, _LARGEST_COST)


def choose_threshold(probability: np.ndarray, label: np.ndarray, costs: CostOptions) -> float:
    """Return the threshold with the lowest cost on the given rows; of equal ones the highest.

    A row is acted on if its probability is at least the threshold. Candidates are the probabilities
    themselves and 1, which acts on none but the certain.
    """
    order = np.argsort(-probability, kind="stable")
    ranked, positives = probability[order], label[order]
    alarms = np.arange(1, len(ranked) + 1)
    caught = np.cumsum(positives)
    cost = (positives.sum() - caught) * costs.missed + (alarms - caught) * costs.false_alarm
    # Only the last row of a run of equal probabilities is a threshold one can set.
    settable = np.append(ranked[1:] != ranked[:-1], True)
    best = np.flatnonzero(settable)[np.argmin(cost[settable])]
    nobody = float(positives.sum() * costs.missed)
    return float(ranked[best]) if cost[best] < nobody else 1.0
