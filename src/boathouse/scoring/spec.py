"""What a scorer is apart from its estimator: features, calibration, threshold, reasons, and the columns of its answer.

The columns are the half of a task that scoring needs, wherever it runs; the rest is in ``modelling.task``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from boathouse.errors import UntrustedModelError
from boathouse.options import require_choice

Arrays = tuple[np.ndarray, ...]
METHODS = ("isotonic", "none", "platt")
# Estimators compute in single precision: a larger number would be infinite there.
LARGEST = float(np.finfo(np.float32).max)
# Status of a row that is not scored because nothing that the model takes is known of it.
NO_FEATURE_ROW = "no_feature_row"


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
        task: Name of the task, which decides what the answer is; see :data:`OUTPUTS`.
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
        content = {**asdict(self), "threshold": threshold, "reason_texts": dict(self.reason_texts)}
        if self.adverse == 1:
            # The files of such a model, and with them its digest, are those of versions that had no choice.
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
            threshold = math.nan if raw["threshold"] is None else float(raw["threshold"])
            names = {"features": tuple(raw["features"]), "calibration": calibration, "threshold": threshold}
            return cls(**{**raw, **names})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UntrustedModelError.unreadable("spec.json") from error


@dataclass(frozen=True, kw_only=True)
class OutputColumn:
    """One column of an answer; never null.

    Attributes:
        name: Name, in tables, answers of endpoints and signatures.
        dtype: Type in tables: ``double``, ``int`` or ``array<string>``.
        signature: Type in MLflow's signature: ``double``, ``long`` or ``string``.
        description: What it means.
        minimum: Smallest value, inclusive, or None.
        maximum: Largest value, inclusive, or None.
        allowed: The only values, or None.
    """

    name: str
    dtype: str
    signature: str
    description: str
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[int, ...] | None = None

    def to_schema(self) -> dict[str, Any]:
        """Return the column as JSON Schema; a number that is not finite travels as null."""
        if self.allowed is not None:
            return {"enum": list(self.allowed)}
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": ["number", "null"], **{name: value for name, value in bounds.items() if value is not None}}


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The answer to one kind of question.

    Attributes:
        task: Name of the task.
        columns: Columns with one number a row; the first is the one that is measured and watched.
        compute: From the spec and the estimator's numbers to one array for each column.
        find_explained: From the spec and those arrays to the rows that get reasons.
    """

    task: str
    columns: tuple[OutputColumn, ...]
    compute: Callable[[ScorerSpec, np.ndarray], Arrays]
    find_explained: Callable[[ScorerSpec, Arrays], np.ndarray]

    @property
    def main(self) -> str:
        """Name of the column that is measured and watched."""
        return self.columns[0].name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, reasons last."""
        return (*(column.name for column in self.columns), REASONS.name)

    def empty(self) -> dict[str, np.ndarray]:
        """Return an answer without rows."""
        types = {"double": np.float64, "int": np.int32}
        return {column.name: np.empty(0, dtype=types[column.dtype]) for column in self.columns}

    @property
    def schema(self) -> str:
        """All columns as a Spark DDL string."""
        return ", ".join(f"{column.name} {column.dtype}" for column in (*self.columns, REASONS))

    @property
    def signature(self) -> tuple[tuple[str, str], ...]:
        """Name and type of all columns in a signature, in order."""
        return tuple((column.name, column.signature) for column in (*self.columns, REASONS))


REASONS = OutputColumn(
    name="reasons",
    dtype="array<string>",
    signature="string",
    description="What drove the answer most, the strongest first; empty where none is owed.",
)


def _compute_binary(spec: ScorerSpec, log_odds: np.ndarray) -> Arrays:
    probability = spec.calibration.to_probability(log_odds)
    return probability, spec.decide(probability)


def _find_adverse(spec: ScorerSpec, answer: Arrays) -> np.ndarray:
    adverse: np.ndarray = answer[1] == spec.adverse
    return adverse


BINARY_OUTPUTS = Outputs(
    task="binary",
    columns=(
        OutputColumn(
            name="probability",
            dtype="double",
            signature="double",
            description="Probability of label 1.",
            minimum=0,
            maximum=1,
        ),
        OutputColumn(
            name="decision",
            dtype="int",
            signature="long",
            description="1 where the probability reaches the model's threshold.",
            allowed=(0, 1),
        ),
    ),
    compute=_compute_binary,
    # Explanations cost far more than scores, and only an adverse decision needs one.
    find_explained=_find_adverse,
)
OUTPUTS: dict[str, Outputs] = {BINARY_OUTPUTS.task: BINARY_OUTPUTS}
