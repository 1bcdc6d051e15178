"""What a training set must not have seen: features from later, labels from later, and the label itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from boathouse.errors import ModelError
from boathouse.modelling.samples import Sample
from boathouse.modelling.task import BINARY, Task
from boathouse.options import require_between

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LeakageOptions:
    """When a feature is too good to be true.

    Attributes:
        max_single_feature_auc: ROC AUC that one feature may reach alone, in either direction, 0.5 to 1.
    """

    max_single_feature_auc: float

    def __post_init__(self) -> None:
        """Check the range."""
        require_between("max_single_feature_auc", self.max_single_feature_auc, 0.5, 1)


@dataclass(frozen=True, kw_only=True)
class LeakageFindings:
    """Alarms of a training set.

    Attributes:
        features: Features of the model that were looked at.
        suspicious: ROC AUC of each feature that alone ranks better than is believable.
        future_rows: For each view the rows that were joined with features dated after them.
        limit: ROC AUC above which a feature is suspicious; None in evaluations from before it was kept.
    """

    features: int
    suspicious: Mapping[str, float]
    future_rows: Mapping[str, int]
    limit: float | None = None

    @property
    def alarms(self) -> list[str]:
        """Name what is wrong, one short text each."""
        alone = [f"{name} alone ranks with ROC AUC {auc:.3f}" for name, auc in sorted(self.suspicious.items())]
        later = [f"{rows:,} rows with later features of {view}" for view, rows in sorted(self.future_rows.items())]
        return [*alone, *later]


def check_leakage(sample: Sample, options: LeakageOptions, *, task: Task = BINARY) -> None:
    """Stop if a feature alone predicts the label; missing values count as the smallest.

    Raises:
        ModelError: Naming the features and their ROC AUC.
    """
    found = find_suspicious(sample, options, task=task)
    if found:
        raise ModelError.leaking_feature(found, options.max_single_feature_auc)


def find_suspicious(sample: Sample, options: LeakageOptions, *, task: Task = BINARY) -> dict[str, float]:
    """Return the features whose ROC AUC alone, in either direction, exceeds the limit."""
    found = {}
    for column, name in enumerate(sample.features):
        values = sample.matrix[:, column]
        score = task.rank_alone(sample.label, np.where(np.isnan(values), -np.inf, values))
        if score > options.max_single_feature_auc:
            found[name] = score
    return found


def check_feature_times(table: pd.DataFrame, *, time: str, found: Mapping[str, str]) -> None:
    """Stop if a row was joined with features dated after it.

    Args:
        table: The training set.
        time: Column of the row's own time.
        found: For each view the column with the time of its row.

    Raises:
        ModelError: Naming the views, with the number of rows.
    """
    later = count_future_rows(table, time=time, found=found)
    if later:
        raise ModelError.future_features(later, time)


def count_future_rows(table: pd.DataFrame, *, time: str, found: Mapping[str, str]) -> dict[str, int]:
    """Return for each view with rows dated after those they were joined to how many there are."""
    later = {view: int((table[column] > table[time]).sum()) for view, column in found.items()}
    return {view: rows for view, rows in later.items() if rows}


def check_label_times(table: pd.DataFrame, *, known: str, as_of: date) -> None:
    """Stop if a label became known only after ``as_of``, or it is not known when it did.

    Raises:
        ModelError: With the number of rows.
    """
    import pandas as pd

    moments = pd.to_datetime(table[known])
    late = int(((moments > pd.Timestamp(as_of)) | moments.isna()).sum())
    if late:
        raise ModelError.future_labels(late, known, as_of)


def missing_shares(table: pd.DataFrame, found: Mapping[str, str]) -> dict[str, float]:
    """Return for each view the share of rows, 0 to 1, for which it had no row at their time."""
    return {f"{view}_missing_share": float(table[column].isna().mean()) for view, column in found.items()}
