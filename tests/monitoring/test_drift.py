"""Comparing whole tables: order, grading, categories, and the errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from boathouse.errors import BoathouseError, OptionError
from boathouse.monitoring.drift import compare_tables
from boathouse.monitoring.options import DriftOptions

OPTIONS = DriftOptions(
    psi_warning=0.1,
    psi_alarm=0.25,
    js_alarm=0.2,
    null_alarm=0.05,
    alpha=0.01,
    discrete_values=20,
    max_rows=10_000,
    reference_cohorts=1,
    ignored=(),
)
GENERATOR = np.random.default_rng(3)
REFERENCE = pa.table(
    {
        "same": GENERATOR.normal(size=5_000),
        "moved": GENERATOR.normal(size=5_000),
        "kind": np.repeat(["a", "b", "c"], [3_000, 1_500, 500]),
    }
)
CURRENT = pa.table(
    {
        "same": GENERATOR.normal(size=4_000),
        "moved": GENERATOR.normal(1.0, size=4_000),
        "kind": np.repeat(["a", "b", "d"], [2_400, 1_200, 400]),
    }
)


def test_the_largest_drift_comes_first_and_severity_follows_effect_size() -> None:
    found = compare_tables(REFERENCE, CURRENT, columns=["same", "moved", "kind"], options=OPTIONS)
    assert {drift.column: drift.severity for drift in found} == {"same": "none", "moved": "alarm", "kind": "alarm"}
    assert found[-1].column == "same"


def test_new_and_vanished_categories_are_named() -> None:
    (found,) = compare_tables(REFERENCE, CURRENT, columns=["kind"], options=OPTIONS)
    assert found.comparison.new_values == ("d",)
    assert found.comparison.vanished_values == ("c",)
    assert found.comparison.tv_distance == pytest.approx(0.1)
    assert found.comparison.l_infinity == pytest.approx(0.1)


def test_a_huge_sample_with_a_tiny_difference_is_significant_but_no_drift() -> None:
    reference = pa.table({"x": GENERATOR.normal(size=400_000)})
    current = pa.table({"x": GENERATOR.normal(0.02, size=400_000)})
    (found,) = compare_tables(reference, current, columns=["x"], options=OPTIONS)
    assert found.p_adjusted < 1e-6
    assert found.severity == "none"


def test_a_large_effect_in_a_handful_of_rows_is_no_drift() -> None:
    reference, current = pa.table({"x": [1.0, 2.0, 3.0, 4.0]}), pa.table({"x": [3.0, 4.0, 5.0]})
    (found,) = compare_tables(reference, current, columns=["x"], options=OPTIONS)
    assert found.comparison.psi > OPTIONS.psi_alarm
    assert found.severity == "none"


def test_nulls_of_arrow_and_nan_are_the_same() -> None:
    reference = pa.table({"x": pa.array([1.0, None, 3.0])})
    current = pa.table({"x": pa.array([1.0, float("nan"), 3.0])})
    (found,) = compare_tables(reference, current, columns=["x"], options=OPTIONS)
    assert found.comparison.null_delta == 0.0
    assert found.comparison.psi == 0.0


def test_missing_columns_are_named_with_their_side() -> None:
    with pytest.raises(BoathouseError, match="current window lacks the columns moved"):
        compare_tables(REFERENCE, CURRENT.drop_columns(["moved"]), columns=["same", "moved"], options=OPTIONS)


def test_an_empty_side_is_an_error() -> None:
    with pytest.raises(BoathouseError, match="reference window has no rows"):
        compare_tables(REFERENCE.slice(0, 0), CURRENT, columns=["same"], options=OPTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("psi_warning", -0.1),
        ("psi_alarm", 0.05),
        ("js_alarm", 1.1),
        ("alpha", 2),
        ("discrete_values", 1),
        ("max_rows", 5),
    ],
)
def test_options_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"'{name}'"):
        replace(OPTIONS, **{name: value})
