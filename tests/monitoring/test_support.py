"""Which rows lie where labelled ones have been."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from boathouse.errors import OptionError
from boathouse.monitoring.support import SupportOptions, check_support

OPTIONS = SupportOptions(maximum_new_share=0.02, maximum_unsupported=0.05, minimum_effective=0.1, discrete_values=20)
GENERATOR = np.random.default_rng(8)


def codes(*shares: float, rows: int = 2_000) -> np.ndarray:
    return np.repeat(np.arange(len(shares), dtype=float), [round(rows * share) for share in shares])


def test_a_new_category_with_a_large_share_ends_the_estimate_and_is_named() -> None:
    """As the new status of the shipped data: no value before, and 12 % of the rows."""
    found = check_support({"late": codes(0.88, 0.0, 0.12)}, {"late": codes(0.76, 0.12, 0.12)}, OPTIONS)
    assert not found.is_enough
    assert found.columns == {"late": pytest.approx(0.12)}
    assert found.new_values == {"late": ("1.0",)}
    assert "12.0% of the rows have a value of late that no labelled row had ('1.0')" in found.reason


def test_a_rare_new_category_is_counted_and_tolerated() -> None:
    found = check_support({"late": codes(0.9, 0.1)}, {"late": codes(0.89, 0.1, 0.01)}, OPTIONS)
    assert found.is_enough
    assert found.unsupported == pytest.approx(0.01)


@pytest.mark.parametrize("rows", [100, 1_000])
def test_rows_of_one_distribution_have_support_in_many_columns(rows: int) -> None:
    """Some row always exceeds what was seen before: chance is not counted."""
    for _ in range(20):
        before, now = ({f"x{n}": GENERATOR.normal(size=rows) for n in range(20)} for _ in range(2))
        found = check_support(before, now, OPTIONS)
        assert found.is_enough, found.reason


def test_numbers_beyond_the_range_are_found() -> None:
    before = {"x": GENERATOR.normal(size=2_000), "z": GENERATOR.normal(size=2_000)}
    now = {"x": GENERATOR.normal(size=2_000), "z": GENERATOR.normal(size=2_000) + 3}
    found = check_support(before, now, OPTIONS)
    assert list(found.columns) == ["z"]
    assert "lie outside of what labelled rows had (z " in found.reason


def test_values_that_are_newly_missing_and_columns_that_are_gone_have_no_support() -> None:
    before = {"x": GENERATOR.normal(size=500)}
    missing = np.where(np.arange(500) < 100, np.nan, GENERATOR.choice(before["x"], 500))
    assert check_support(before, {"x": missing}, OPTIONS).unsupported == pytest.approx(0.2)
    assert check_support(before, {"other": np.ones(500)}, OPTIONS).unsupported == 1.0
    seen = {"x": np.where(np.arange(500) < 5, np.nan, before["x"])}
    assert check_support(seen, {"x": missing}, OPTIONS).is_enough


def test_words_are_categories() -> None:
    found = check_support({"kind": np.array(["a", "b"] * 50)}, {"kind": np.array(["a", "c"] * 50)}, OPTIONS)
    assert found.new_values == {"kind": ("c",)}


def test_without_rows_there_is_a_reason() -> None:
    empty, rows = {"x": np.empty(0)}, {"x": np.ones(10)}
    assert check_support(rows, empty, OPTIONS).reason == "there are no rows to compare."
    assert check_support(empty, rows, OPTIONS).reason == "there are no reference rows to compare."


@pytest.mark.parametrize("name", ["maximum_new_share", "maximum_unsupported", "minimum_effective"])
def test_options_out_of_range_are_named(name: str) -> None:
    with pytest.raises(OptionError, match=f"'{name}'"):
        replace(OPTIONS, **{name: 1.5})
