"""What a scorer is, apart from its estimator: features, calibration, threshold, reasons."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from boathouse.errors import UntrustedModelError
from boathouse.options import require_choice

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


@dataclass(frozen=True, kw_only=True)
class ScorerSpec:
    """The JSON half of a model.

    Attributes:
        algorithm: Name in the closed registry of estimators.
        features: Input columns in the order of the matrix.
        label: Name of what is predicted.
        calibration: From the estimator's log-odds to a probability.
        threshold: A probability of at least this is decided as 1; 0 to 1. NaN for a task without decisions.
        reason_texts: For each feature, how a reason names it.
        task: Name of the task, which says what the answer is; see ``outputs``.
        adverse: The value of the label, 0 or 1, that is bad for the entity: the decision that owes reasons.
    """

    algorithm: str
    features: tuple[str, ...]
    label: str
    calibration: Calibration
    threshold: float
    reason_texts: Mapping[str, str]
    task: str = "binary"
    adverse: int = 1

    def decide(self, probability: np.ndarray) -> np.ndarray:
        """Return 1 where the probability reaches the threshold, else 0, as int32."""
        return (probability >= self.threshold).astype(np.int32)

    def to_json(self) -> bytes:
        """Return the spec as JSON; a threshold that is not there is null."""
        threshold = None if math.isnan(self.threshold) else self.threshold
        plain = {**asdict(self), "threshold": threshold, "reason_texts": dict(self.reason_texts)}
        return json.dumps(plain, indent=2).encode()

    @classmethod
    def from_json(cls, content: bytes) -> ScorerSpec:
        """Return the spec that :meth:`to_json` wrote.

        Raises:
            UntrustedModelError: If it is not such a spec.
        """
        try:
            raw = json.loads(content)
            calibration = Calibration(**raw.pop("calibration"))
            threshold = math.nan if raw["threshold"] is None else float(raw["threshold"])
            names = {"features": tuple(raw["features"]), "calibration": calibration, "threshold": threshold}
            return cls(**{**raw, **names})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UntrustedModelError.unreadable("spec.json") from error
