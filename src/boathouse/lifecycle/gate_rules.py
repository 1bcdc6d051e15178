"""What a gate is made of: a question, a number, a bound, a limit."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from boathouse.errors import OptionError
from boathouse.lifecycle.evidence import GateEvidence
from boathouse.options import require_between

# A bound that no sensible cost of one decision reaches, in currency units.
_LARGEST_COST = 1e9
# An hour, in milliseconds; and a terabyte, in megabytes.
_LARGEST_MS, _LARGEST_MB = 3_600_000, 1_000_000


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """What is enough.

    Attributes:
        min_roc_auc: Lowest ROC AUC of a candidate, 0.5 to 1.
        baseline_cost_margin: Cost by which the interval's upper bound may exceed the business rule, currency units a
            row.
        champion_margin: ROC AUC by which the interval's lower bound may fall short of the champion, 0 to 1.
        champion_brier_margin: Brier score by which the interval's upper bound may exceed the champion, 0 to 1.
        champion_cost_margin: Cost by which the interval's upper bound may exceed the champion, currency units a row.
        max_calibration_error: Greatest mean distance of predicted and observed, 0 to 1.
        protected: Sensitive columns that the two fairness gates judge; others are reported, not limited.
        max_demographic_parity_difference: Greatest spread of selection rates, 0 to 1.
        max_equalized_odds_difference: Greatest spread of true or false positive rates, 0 to 1.
        max_row_ms: Greatest median time to score one row, milliseconds.
        max_batch_ms: Greatest median time to score a batch, milliseconds.
        max_size_mb: Greatest size of the model's files, megabytes (10^6 bytes).
        required_documents: Tags and documents that a version must have.
        quality_tables: Cleaned tables that training rests on; one that was not judged does not pass.
        max_broken_share: Greatest share of rows of one of them that broke a rule, 0 to 1.
        max_single_feature_auc: Greatest ROC AUC of one feature alone, 0.5 to 1; training has a limit of its own.
    """

    min_roc_auc: float
    baseline_cost_margin: float
    champion_margin: float
    champion_brier_margin: float
    champion_cost_margin: float
    max_calibration_error: float
    protected: Sequence[str]
    max_demographic_parity_difference: float
    max_equalized_odds_difference: float
    max_row_ms: float
    max_batch_ms: float
    max_size_mb: float
    required_documents: Sequence[str]
    quality_tables: Sequence[str]
    max_broken_share: float
    max_single_feature_auc: float

    def __post_init__(self) -> None:
        """Check that limits are in range and that no list is empty: a gate over nothing would pass everything."""
        for name in ("min_roc_auc", "max_single_feature_auc"):
            require_between(name, getattr(self, name), 0.5, 1)
        shares = ("champion_margin", "champion_brier_margin", "max_calibration_error", "max_broken_share")
        for name in (*shares, "max_demographic_parity_difference", "max_equalized_odds_difference"):
            require_between(name, getattr(self, name), 0, 1)
        for name in ("baseline_cost_margin", "champion_cost_margin"):
            require_between(name, getattr(self, name), 0, _LARGEST_COST)
        for name in ("max_row_ms", "max_batch_ms"):
            require_between(name, getattr(self, name), 0, _LARGEST_MS)
        require_between("max_size_mb", self.max_size_mb, 0, _LARGEST_MB)
        for name in ("protected", "required_documents", "quality_tables"):
            # Without groups nothing is protected; the gates that judge them are off then.
            if isinstance(getattr(self, name), str) or not (getattr(self, name) or name == "protected"):
                raise OptionError.out_of_range(name, getattr(self, name), "a list of at least one name")


BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "at least": operator.ge,
    "at most": operator.le,
    "more than": operator.gt,
    "less than": operator.lt,
}


@dataclass(frozen=True)
class Reading:
    """What a gate read.

    Attributes:
        value: The number judged; NaN where the evidence does not define it, which passes no gate.
        limit: What it is held against.
        detail: What stands behind the number, in words; may be empty.
        digits: Digits shown after the point.
    """

    value: float
    limit: float
    detail: str = ""
    digits: int = 4


# The step that a gate belongs to: a version that fails the compliance check is archived, one that fails the comparison
# with the champion or the baseline stays challenger, and one that lacks an approval waits for it.
COMPLIANCE, COMPARISON, APPROVAL = "compliance", "comparison", "approval"


@dataclass(frozen=True, kw_only=True)
class GateRule:
    """One gate of the closed list.

    Attributes:
        name: Name, as in conf.
        asks: The question it answers, for a person who approves.
        bound: How the number is held against the limit: a key of :data:`BOUNDS`.
        read: Gives number, limit and detail out of the evidence.
        timed: Whether the number is a measured time, which differs whenever it is taken.
        step: ``compliance``, ``comparison`` or ``approval``.
    """

    name: str
    asks: str
    bound: str
    read: Callable[[GateEvidence, GateLimits], Reading]
    timed: bool = False
    step: str = COMPLIANCE


def count_faults(faults: tuple[str, ...] | list[str]) -> Reading:
    """Return the reading of a list in which every entry is a fault."""
    return Reading(float(len(faults)), 0.0, "; ".join(faults), digits=0)
