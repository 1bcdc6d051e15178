"""Comparing whole tables: order, grading, categories, and the errors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from boathouse.errors import BoathouseError, OptionError
from boathouse.monitoring.drift import compare_tables
from boathouse.monitoring.options import DriftOptions
from boathouse.monitoring.plots import plot_drift
from boathouse.monitoring.reference import WatchedColumns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTIONS = DriftOptions(
    tolerated_effect=0.05,
    windows_between_alarms=10,
    discrete_values=20,
    max_rows=10_000,
    reference_cohorts=1,
    ignored=(),
)


def watch(names: list[str], besides: Sequence[str] = (), left_out: Mapping[str, str] | None = None) -> WatchedColumns:
    return WatchedColumns(inputs=tuple(names), besides=tuple(besides), left_out=left_out or {})


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
    found = compare_tables(REFERENCE, CURRENT, columns=watch(["same", "moved", "kind"]), options=OPTIONS)
    assert {drift.column: drift.severity for drift in found} == {"same": "none", "moved": "alarm", "kind": "alarm"}
    assert found[-1].column == "same"


def test_new_and_vanished_categories_are_named() -> None:
    (found,) = compare_tables(REFERENCE, CURRENT, columns=watch(["kind"]), options=OPTIONS)
    assert found.comparison.new_values == ("d",)
    assert found.comparison.vanished_values == ("c",)
    assert found.comparison.tv_distance == pytest.approx(0.1)
    assert found.comparison.l_infinity == pytest.approx(0.1)


@pytest.mark.parametrize("rows", [1, 2, 3, 10])
def test_a_thousand_categories_replaced_by_a_thousand_others_have_drifted(rows: int) -> None:
    names = np.repeat(np.arange(1_000), rows)
    before, after = (pa.table({"code": np.char.add(letter, names.astype(str))}) for letter in "ab")
    (found,) = compare_tables(before, after, columns=watch(["code"]), options=OPTIONS)
    assert found.severity == "alarm"
    assert (found.comparison.new_share, found.comparison.vanished_share) == (1.0, 1.0)
    assert len(found.comparison.new_values) == len(found.comparison.vanished_values) == 1_000


def test_half_of_a_thousand_rare_categories_replaced_have_drifted() -> None:
    before, after = np.repeat(np.arange(1_000), 3), np.repeat(np.arange(500, 1_500), 3)
    tables = [pa.table({"code": each.astype(str)}) for each in (before, after)]
    (found,) = compare_tables(*tables, columns=watch(["code"]), options=OPTIONS)
    assert found.severity == "alarm"


def test_rare_categories_of_one_distribution_have_not_drifted() -> None:
    draws = np.random.default_rng(8).integers(0, 1_000, (2, 3_000)).astype(str)
    (found,) = compare_tables(*(pa.table({"code": draw}) for draw in draws), columns=watch(["code"]), options=OPTIONS)
    assert found.comparison.new_values
    assert found.severity == "none"


def test_one_row_of_a_new_category_is_worth_watching_and_a_likely_one_is_not() -> None:
    known = ["a"] * 3_000 + ["b"] * 2_000
    before, after = pa.table({"x": known}), pa.table({"x": [*known, "new"]})
    (found,) = compare_tables(before, after, columns=watch(["x"]), options=OPTIONS)
    assert (found.severity, found.comparison.new_values) == ("warning", ("new",))
    (likely,) = compare_tables(
        pa.table({"x": [*known, "c", "d", "e"]}), pa.table({"x": [*known, "f"]}), columns=watch(["x"]), options=OPTIONS
    )
    assert (likely.severity, likely.comparison.new_values) == ("none", ("f",))


def test_new_values_are_those_of_most_rows_first() -> None:
    after = pa.table({"kind": np.repeat(["a", "x", "y"], [100, 10, 30])})
    (found,) = compare_tables(REFERENCE, after, columns=watch(["kind"]), options=OPTIONS)
    assert (found.comparison.new_values, found.comparison.vanished_values) == (("y", "x"), ("b", "c"))
    assert found.comparison.new_share == pytest.approx(40 / 140)


def test_nulls_of_a_number_are_a_finding_apart_from_its_distribution() -> None:
    outage = pa.table({"x": [None if row % 2 else float(row % 100) for row in range(4_000)]})
    before = pa.table({"x": [float(row * 2 % 100) for row in range(4_000)]})
    (found,) = compare_tables(before, outage, columns=watch(["x"]), options=OPTIONS)
    assert (found.severity, found.null_severity) == ("none", "alarm")
    assert (found.comparison.reference_null_share, found.comparison.current_null_share) == (0.0, 0.5)


def test_columns_that_are_left_out_are_measured_and_not_judged() -> None:
    found = compare_tables(
        REFERENCE,
        CURRENT,
        columns=watch(["same"], besides=["kind"], left_out={"moved": "it always moves"}),
        options=OPTIONS,
    )
    assert [drift.column for drift in found] == ["kind", "same", "moved"]
    assert [drift.is_input for drift in found] == [False, True, True]
    moved = found[-1]
    assert (moved.left_out, moved.severity, moved.comparison.effect.low > OPTIONS.tolerated_effect) == (
        "it always moves",
        "none",
        True,
    )


def test_a_column_that_is_not_judged_does_not_hide_those_that_are() -> None:
    far = (
        pa.table({"moved": GENERATOR.normal(0.9, size=5_000), "off": np.zeros(5_000)}),
        pa.table({"moved": CURRENT["moved"], "off": np.ones(4_000)}),
    )
    found = compare_tables(*far, columns=watch(["moved"], left_out={"off": "it always moves"}), options=OPTIONS)
    judged, left_out = (next(each for each in found if each.column == name) for name in ("moved", "off"))
    axes = plot_drift(found, OPTIONS).axes[0]
    end = axes.get_xlim()[1]
    assert judged.comparison.effect.value < end < left_out.comparison.effect.value
    assert [each.get_text() for each in axes.texts] == [f"{left_out.comparison.effect.value:.3g} →"]


def test_a_column_without_a_reason_cannot_be_left_out() -> None:
    for reason in ("", " "):
        with pytest.raises(OptionError, match="'left_out_because'.*the reason for what is ignored"):
            replace(OPTIONS, ignored=["same"], left_out_because=reason)
    assert replace(OPTIONS, ignored=["same"], left_out_because="It always moves.").ignored == ["same"]


def test_a_huge_sample_with_a_tiny_difference_is_significant_but_no_drift() -> None:
    reference = pa.table({"x": GENERATOR.normal(size=400_000)})
    current = pa.table({"x": GENERATOR.normal(0.02, size=400_000)})
    (found,) = compare_tables(reference, current, columns=watch(["x"]), options=OPTIONS)
    assert found.p_adjusted < 1e-6
    assert found.severity == "none"


def test_a_large_effect_in_a_handful_of_rows_is_no_drift() -> None:
    reference, current = pa.table({"x": [1.0, 2.0, 3.0, 4.0]}), pa.table({"x": [3.0, 4.0, 5.0]})
    (found,) = compare_tables(reference, current, columns=watch(["x"]), options=OPTIONS)
    assert found.comparison.effect.distance > OPTIONS.tolerated_effect
    assert found.severity != "alarm"


def test_nulls_of_arrow_and_nan_are_the_same() -> None:
    reference = pa.table({"x": pa.array([1.0, None, 3.0])})
    current = pa.table({"x": pa.array([1.0, float("nan"), 3.0])})
    (found,) = compare_tables(reference, current, columns=watch(["x"]), options=OPTIONS)
    assert found.comparison.null_delta == 0.0
    assert found.comparison.psi == 0.0


@pytest.mark.parametrize(
    ("sides", "problem", "nulls"),
    [
        ((REFERENCE, CURRENT.drop_columns(["moved"])), "it is not in the current window", (0.0, 1.0)),
        ((REFERENCE.drop_columns(["moved"]), CURRENT), "it is not in the reference", (1.0, 0.0)),
        (
            (REFERENCE, CURRENT.set_column(1, "moved", pa.array(["x"] * 4_000))),
            "it was of type double and is of type string",
            (0.0, 0.0),
        ),
    ],
    ids=["vanished", "new", "retyped"],
)
def test_a_column_that_cannot_be_compared_is_an_alarm_of_its_own_and_the_others_are_compared(
    sides: tuple[pa.Table, pa.Table], problem: str, nulls: tuple[float, float]
) -> None:
    found = {
        each.column: each for each in compare_tables(*sides, columns=watch(["same", "moved", "kind"]), options=OPTIONS)
    }
    lost = found["moved"]
    assert (lost.problem, lost.severity, lost.null_severity) == (problem, "none", "alarm")
    assert (lost.comparison.reference_null_share, lost.comparison.current_null_share) == nulls
    assert (found["same"].severity, found["kind"].severity) == ("none", "alarm")


def test_a_column_of_nulls_without_a_type_is_compared_as_nulls() -> None:
    nothing = CURRENT.set_column(1, "moved", pa.nulls(4_000))
    (found,) = compare_tables(REFERENCE, nothing, columns=watch(["moved"]), options=OPTIONS)
    assert (found.problem, found.severity, found.null_severity) == ("", "none", "alarm")
    assert found.comparison.null_effect.low > 0.9


def test_an_empty_side_is_an_error() -> None:
    with pytest.raises(BoathouseError, match="reference window has no rows"):
        compare_tables(REFERENCE.slice(0, 0), CURRENT, columns=watch(["same"]), options=OPTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tolerated_effect", -0.1),
        ("tolerated_effect", 1.1),
        ("windows_between_alarms", 0.5),
        ("slice_rows", 10),
        ("discrete_values", 1),
        ("max_rows", 5),
    ],
)
def test_options_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"'{name}'"):
        replace(OPTIONS, **{name: value})


def test_whole_numbers_beyond_those_a_double_holds_are_compared() -> None:
    rows = pa.table({"n": pa.array([2**60 + 1, 2**53 + 1, None], pa.int64())})
    (found,) = compare_tables(rows, rows, columns=watch(["n"]), options=OPTIONS)
    assert (found.comparison.psi, found.comparison.current_nulls) == (0.0, 1)
