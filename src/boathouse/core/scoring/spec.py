"""What a scorer is, apart from its estimator: features, calibration, threshold, reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from boathouse.core.errors import UntrustedModelError
from boathouse.core.scoring.calibration import Calibration


@dataclass(frozen=True, kw_only=True)
class ScorerSpec:
    """The JSON half of a model.

    Attributes:
        algorithm: Name in the closed registry of estimators.
        features: Input columns in the order of the matrix.
        label: Name of what is predicted.
        calibration: From the estimator's log-odds to a probability.
        threshold: A probability of at least this is decided as 1; 0 to 1.
        reason_texts: For each feature, how a reason names it.
        adverse: The decision that is bad for the entity, 0 or 1: reasons speak for it.
    """

    algorithm: str
    features: tuple[str, ...]
    label: str
    calibration: Calibration
    threshold: float
    reason_texts: Mapping[str, str]
    adverse: int = 1

    def to_json(self) -> bytes:
        """Return the spec as JSON."""
        content = {**asdict(self), "reason_texts": dict(self.reason_texts)}
        if self.adverse == 1:
            # As before there was a choice: the digest of a model stays.
            del content["adverse"]
        return json.dumps(content, indent=2).encode()

    @classmethod
    def from_json(cls, content: bytes) -> ScorerSpec:
        """Return the spec that :meth:`to_json` wrote.

        Raises:
            UntrustedModelError: If it is not such a spec.
        """
        try:
            raw = json.loads(content)
            calibration = Calibration(**raw.pop("calibration"))
            if raw.get("adverse", 1) not in (0, 1):
                raise UntrustedModelError.unreadable("spec.json")
            return cls(**{**raw, "features": tuple(raw["features"]), "calibration": calibration})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UntrustedModelError.unreadable("spec.json") from error
