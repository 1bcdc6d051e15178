"""The training set as matrices, in an order that does not depend on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.task import BINARY, Task

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One split: rows by features, the label, and the dates it spans.

    Attributes:
        features: Names of the matrix's columns.
        matrix: float64, NaN for missing.
        label: What happened, as the task reads it; for a binary task int64, 0 or 1.
        window: First and last date of the rows, both inclusive.
        entities: A number for each row, uint64; rows of one entity have the same. Empty if each row is of its own.
    """

    features: tuple[str, ...]
    matrix: np.ndarray
    label: np.ndarray
    window: tuple[date, date]
    entities: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    @property
    def halves(self) -> np.ndarray:
        """Which half of the entities each row is of, 0 or 1; every second one where each row is of its own."""
        numbers = self.entities if len(self.entities) else np.arange(len(self.label), dtype=np.uint64)
        return (numbers % 2).astype(np.int64)

    def take(self, rows: np.ndarray) -> Sample:
        """Return the rows that ``rows`` selects, under the same window."""
        entities = self.entities[rows] if len(self.entities) else self.entities
        return replace(self, matrix=self.matrix[rows], label=self.label[rows], entities=entities)


def join_samples(earlier: Sample, later: Sample) -> Sample:
    """Return the rows of both, in this order."""
    return Sample(
        features=earlier.features,
        matrix=np.concatenate([earlier.matrix, later.matrix]),
        label=np.concatenate([earlier.label, later.label]),
        window=(earlier.window[0], later.window[1]),
        entities=np.concatenate([earlier.entities, later.entities]),
    )


def add_unknown_rows(sample: Sample, share: float) -> Sample:
    """Return the sample and a share of its rows once more, evenly spread, with every input missing.

    An estimator that never saw a missing value sends one down an arbitrary branch: a row of which nothing is known
    may then get any answer. With these rows it learns the mean.

    Args:
        sample: Rows with what is known of them.
        share: Of the rows, 0 to 1; 0 adds none.
    """
    if not share:
        return sample
    repeated = sample.take(np.arange(0, len(sample.label), round(1 / share)))
    return join_samples(sample, replace(repeated, matrix=np.full_like(repeated.matrix, np.nan)))


def number_entities(rows: pd.DataFrame, keys: Sequence[str]) -> np.ndarray:
    """Return a number for each row, uint64, the same for equal ``keys`` in any frame; none without keys."""
    import pandas as pd

    if not keys:
        return np.empty(0, dtype=np.uint64)
    numbers: np.ndarray = pd.util.hash_pandas_object(rows[list(keys)], index=False).to_numpy()
    return numbers


def take_split(
    training_set: pd.DataFrame,
    split: str,
    *,
    features: Sequence[str],
    label: str,
    keys: Sequence[str],
    task: Task = BINARY,
) -> Sample:
    """Return the rows of ``split``, sorted by ``keys``, of which the last dates the row.

    Raises:
        ModelError: If nothing can be learnt from the label in the split, such as a single class.
    """
    rows = training_set[training_set["split"] == split].sort_values(list(keys))
    labels = task.read_label(rows[label].to_numpy(), split, label)
    days = rows[keys[-1]]
    return Sample(
        features=tuple(features),
        matrix=rows[list(features)].to_numpy(dtype=np.float64),
        label=labels,
        window=(days.min(), days.max()),
        entities=number_entities(rows, keys[:-1]),
    )
