"""What is computed from the amount that a customer asks for, and the page that describes every feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from boathouse.features.lineage import find_equal_logic, find_feature, find_impact
from boathouse.features.registry import write_dictionary
from boathouse.scoring.feature_spec import FeatureSpec
from boathouse.scoring.on_demand import assemble
from boathouse.use_case import USE_CASE


def test_a_request_moves_utilisation_by_its_amount() -> None:
    stored = {"bill_amt": np.array([5_000.0, np.nan]), "limit_bal": np.array([20_000.0, 20_000.0])}
    names = ["utilisation_after_request"]
    assert assemble(names, stored, {}, USE_CASE.on_demand)[0, 0] == 0.25
    found = assemble(names, stored, {"requested_amount": np.array([10_000.0, 1.0])}, USE_CASE.on_demand)
    np.testing.assert_array_equal(found[:, 0], [0.75, np.nan])


def test_the_bill_is_stored_with_spending_and_the_limit_with_the_profile() -> None:
    spec = FeatureSpec.describe(["utilisation_after_request"], USE_CASE.model_views, USE_CASE.on_demand)
    assert [view.name for view in spec.views] == ["customer_profile", "spending"]
    views = find_feature("utilisation_after_request", USE_CASE.views, USE_CASE.on_demand)
    assert [view.name for view in views] == ["customer_profile", "spending"]


def test_the_impact_of_a_column_of_the_sources() -> None:
    found = find_impact("clean.customers.limit_bal", USE_CASE.views, USE_CASE.on_demand)
    assert [view.name for view in found.views] == ["customer_profile", "spending"]
    assert found.on_demand == ("utilisation_after_request",)
    assert len(find_impact("clean.statements", USE_CASE.views, []).views) == 4


def test_no_view_is_declared_twice() -> None:
    assert find_equal_logic(USE_CASE.views) == []


def test_the_dictionary_page_is_as_the_code_is() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == write_dictionary(USE_CASE.views, USE_CASE.on_demand)
