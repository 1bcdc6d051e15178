"""From an estimator's log-odds to a probability that can be taken at its word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from boathouse.core.options import require_choice

METHODS = ("isotonic", "none", "platt")


@dataclass(frozen=True)
class Calibration:
    """A monotone map from log-odds to probability.

    Attributes:
        method: ``platt``: 1 / (1 + exp(-(slope · x + intercept))) (Platt 1999); ``isotonic``: linear
            between the knots, constant outside; ``none``: the estimator's own probability.
        x: Knots in log-odds for isotonic; slope and intercept for platt; empty for none.
        y: Probabilities at the knots for isotonic; else empty.
    """

    method: str
    x: Sequence[float] = ()
    y: Sequence[float] = ()

    def __post_init__(self) -> None:
        """Check the method."""
        require_choice("calibration", self.method, METHODS)

    def to_probability(self, log_odds: np.ndarray) -> np.ndarray:
        """Return probabilities, elementwise, as float64."""
        values = np.asarray(log_odds, dtype=np.float64)
        if self.method == "isotonic":
            return np.interp(values, self.x, self.y)
        slope, intercept = self.x if self.method == "platt" else (1.0, 0.0)
        return 1.0 / (1.0 + np.exp(-(slope * values + intercept)))
