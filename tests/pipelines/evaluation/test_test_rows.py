"""The rows a model is judged on, with the groups by which fairness is judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from boathouse.evaluation.fairness import FairnessOptions
from boathouse.modelling.splits import SplitOptions
from boathouse.pipelines.evaluation.nodes import take_test_rows
from boathouse.problem.spec import Groups
from boathouse.tables.contract import Column, TableContract
from tests.fixtures.toy.use_case import USE_CASE

KEYS = USE_CASE.entity.key_names
SHARED = USE_CASE.feature_names[0]
GROUPS = Groups(
    contract=TableContract(
        name="model_input.groups",
        description="Groups of the products.",
        grain="One row per product of a shop",
        columns=(*USE_CASE.entity.keys, Column(name=SHARED, dtype="string", description="Class of the price.")),
        keys=KEYS,
    ),
    tables=("clean.products",),
    compute=lambda products: products,
)


def test_a_protected_column_may_have_the_name_of_a_feature() -> None:
    training_set = pd.DataFrame(
        {
            "shop_id": [2, 1, 1],
            "product_code": ["P01", "P01", "P02"],
            USE_CASE.time_column: [date(2024, 3, 19)] * 3,
            "split": "test",
            USE_CASE.label.name: [1, 0, 1],
            **{name: [30.0, 10.0, 20.0] for name in USE_CASE.feature_names},
        }
    )
    groups = pd.DataFrame({"shop_id": [1, 1], "product_code": ["P01", "P02"], SHARED: ["low", "high"]})
    rows = take_test_rows(
        training_set,
        FairnessOptions(sensitive=[SHARED], min_group_rows=1),
        SplitOptions(validation_cohorts=1, test_cohorts=1),
        groups,
        use_case=replace(USE_CASE, groups=GROUPS),
    )
    assert rows.columns[SHARED].tolist() == [10.0, 20.0, 30.0]
    assert rows.groups[SHARED].tolist() == ["low", "high", "unknown"]
    assert rows.label.tolist() == [0, 1, 1]
    assert np.asarray(rows.days).tolist() == ["2024-03-19"] * 3
