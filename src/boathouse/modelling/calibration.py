"""What is chosen on validation rows: the map from log-odds to probability, and the threshold that costs least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from boathouse.options import require_between, require_choice
from boathouse.scoring.spec import METHODS, Calibration


@dataclass(frozen=True)
class CalibrationOptions:
    """How probabilities are calibrated.

    Attributes:
        method: ``platt``, ``isotonic`` or ``none``.
    """

    method: str

    def __post_init__(self) -> None:
        """Check the method."""
        require_choice("method", self.method, METHODS)


def fit_calibration(log_odds: np.ndarray, label: np.ndarray, options: CalibrationOptions) -> Calibration:
    """Return the calibration fitted on validation rows."""
    if options.method == "platt":
        return _fit_platt(log_odds, label)
    if options.method == "isotonic":
        return _fit_isotonic(log_odds, label)
    return Calibration("none")


def _fit_platt(log_odds: np.ndarray, label: np.ndarray) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    # Without a penalty: two parameters on thousands of rows need none.
    model = LogisticRegression(C=np.inf).fit(log_odds.reshape(-1, 1), label)
    return Calibration("platt", (float(model.coef_[0, 0]), float(model.intercept_[0])))


def _fit_isotonic(log_odds: np.ndarray, label: np.ndarray) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(out_of_bounds="clip").fit(log_odds, label)
    return Calibration("isotonic", model.X_thresholds_.tolist(), model.y_thresholds_.tolist())


# A bound that no sensible cost of one decision reaches, in currency units.
_LARGEST_COST = 1e9


@dataclass(frozen=True)
class CostOptions:
    """What a wrong decision costs.

    Attributes:
        missed: Cost of not acting on a row whose label turns out adverse, currency units per row.
        false_alarm: Cost of acting on a row whose label turns out well, currency units per row.
    """

    missed: float
    false_alarm: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_between("missed", self.missed, 0, _LARGEST_COST)
        require_between("false_alarm", self.false_alarm, 0, _LARGEST_COST)


def choose_threshold(probability: np.ndarray, label: np.ndarray, costs: CostOptions, *, adverse: int = 1) -> float:
    """Return the threshold with the lowest cost on the given rows; of equal ones that which acts on the fewest.

    The decision is 1 if the probability of label 1 is at least the threshold, and acting on a row is to decide the
    ``adverse`` value: rows from the threshold on are acted on where that is 1, rows below it where it is 0. Candidates
    lie midway between neighbouring probabilities: all between two neighbours decide these rows alike, and the one in
    the middle still does when the next fit moves both a little. The ends 0 and 1 act on all or on none but the certain.
    """
    order = np.argsort(-probability if adverse == 1 else probability, kind="stable")
    ranked, positives = probability[order], (label[order] == adverse).astype(np.int64)
    alarms = np.arange(1, len(ranked) + 1)
    caught = np.cumsum(positives)
    cost = (positives.sum() - caught) * costs.missed + (alarms - caught) * costs.false_alarm
    # Only the last row of a run of equal probabilities is one after which the decision can change.
    settable = np.append(ranked[1:] != ranked[:-1], adverse == 1 or ranked[-1] < 1)
    settable_rows = np.flatnonzero(settable)
    none, every = (1.0, 0.0) if adverse == 1 else (0.0, 1.0)
    if not len(settable_rows):
        return none
    best = settable_rows[np.argmin(cost[settable_rows])]
    if cost[best] >= positives.sum() * costs.missed:
        return none
    if best + 1 == len(ranked):
        return every
    lower, upper = sorted((float(ranked[best]), float(ranked[best + 1])))
    # Between two neighbouring floats there is none.
    return middle if (middle := (lower + upper) / 2) > lower else upper


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What is chosen on validation rows.

    Attributes:
        calibration: From the estimator's number to the answer.
        threshold: From which on the decision is 1; NaN for a task without decisions.
        metrics: Of the calibrated answer on these rows.
    """

    calibration: Calibration
    threshold: float
    metrics: Mapping[str, float]
