"""What a model answers with: the columns, their types, and how they follow from the estimator's number.

This is the half of a task that scoring needs, wherever it runs; the rest is in ``boathouse.modelling.task``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from boathouse.scoring.spec import ScorerSpec

Arrays = tuple[np.ndarray, ...]


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
