"""A feature that alone tells the label has probably seen it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.core.errors import ModelError
from boathouse.core.evaluation.metrics import roc_auc
from boathouse.core.modelling.matrix import Sample
from boathouse.core.options import require_between


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


def check_leakage(sample: Sample, options: LeakageOptions) -> None:
    """Stop if a feature alone separates the classes; missing values count as the smallest.

    Raises:
        ModelError: Naming the features and their ROC AUC.
    """
    found = {}
    for column, name in enumerate(sample.features):
        values = sample.matrix[:, column]
        auc = roc_auc(sample.label, np.where(np.isnan(values), -np.inf, values))
        score = max(auc, 1 - auc)
        if score > options.max_single_feature_auc:
            found[name] = score
    if found:
        raise ModelError.leaking_feature(found, options.max_single_feature_auc)
