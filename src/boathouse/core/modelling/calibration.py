"""Fitting of the map from log-odds to probability, on rows the estimator has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.core.options import require_choice
from boathouse.core.scoring.calibration import METHODS, Calibration


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
