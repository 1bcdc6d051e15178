"""The rows a model is judged on, with the groups by which fairness is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from boathouse.evaluation.fairness import FairnessOptions
from boathouse.pipelines.evaluation.nodes import take_test_rows
from boathouse.use_case.entity import TIME_COLUMN
from boathouse.use_case.features import ENTITY_KEYS, FEATURE_NAMES
from boathouse.use_case.label import LABEL

KEY = ENTITY_KEYS[0]


def test_a_protected_column_may_have_the_name_of_a_feature() -> None:
    shared = FEATURE_NAMES[0]
    training_set = pd.DataFrame(
        {
            KEY: [3, 1, 2],
            TIME_COLUMN: pd.to_datetime(["2005-08-31"] * 3),
            "split": "test",
            LABEL: [1, 0, 1],
            **{name: [30.0, 10.0, 20.0] for name in FEATURE_NAMES},
        }
    )
    groups = pd.DataFrame({KEY: [1, 2], shared: ["low", "high"]})
    rows = take_test_rows(training_set, groups, FairnessOptions(sensitive=[shared], min_group_rows=1))
    assert rows.columns[shared].tolist() == [10.0, 20.0, 30.0]
    assert rows.groups[shared].tolist() == ["low", "high", "unknown"]
    assert rows.label.tolist() == [0, 1, 1]
    assert np.asarray(rows.days).tolist() == ["2005-08-31"] * 3
