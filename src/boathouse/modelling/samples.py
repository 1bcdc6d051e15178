"""The training set as matrices, in an order that does not depend on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """

    features: tuple[str, ...]
    matrix: np.ndarray
    label: np.ndarray
    window: tuple[date, date]


def join_samples(earlier: Sample, later: Sample) -> Sample:
    """Return the rows of both, in this order."""
    return Sample(
        features=earlier.features,
        matrix=np.concatenate([earlier.matrix, later.matrix]),
        label=np.concatenate([earlier.label, later.label]),
        window=(earlier.window[0], later.window[1]),
    )


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
    )
