"""What is said of a column: the sentences that alerts, report and summary take over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from boathouse.monitoring.distances import Comparison, Shift
from boathouse.monitoring.drift import ColumnDrift, grade_nulls
from boathouse.monitoring.drift_measures import Comparing, measure_drifts, measure_reference
from boathouse.monitoring.effects import Certainty, Effect, measure_shares
from boathouse.monitoring.measures import Measure
from boathouse.monitoring.options import DriftOptions
from boathouse.monitoring.reference import Baseline
from boathouse.monitoring.windows import ComparedWindows

DRIFT = DriftOptions(
    tolerated_effect=0.05,
    windows_between_alarms=10,
    discrete_values=20,
    max_rows=1_000,
    reference_cohorts=1,
    ignored=(),
)
COMPARISON = Comparison(
    data_type="double",
    reference_rows=1_000,
    current_rows=1_000,
    psi=0.3,
    js_distance=0.1,
    ks=None,
    chi_squared=None,
    shift=Shift("1", 0.0, 0.12),
    distinct_delta=0.0,
)
MOVED = Effect(distance=0.32, chance=0.02, low=0.25, high=0.4)
FEATURES = Comparing(kind="feature", windows=ComparedWindows.against_baseline(date(2005, 8, 31), "month"))


def drift(severity: str, **changes: object) -> ColumnDrift:
    moved = {"effect": MOVED} if severity == "alarm" else {}
    comparison = count_empty(replace(COMPARISON, **moved | changes))
    nulls = grade_nulls(comparison, DRIFT)
    return ColumnDrift(column="x", comparison=comparison, p_adjusted=0.0, severity=severity, null_severity=nulls)


def count_empty(compared: Comparison) -> Comparison:
    """Return the comparison with the effects of its nulls and infinite numbers."""
    rows = np.array([compared.reference_rows, compared.current_rows])
    nulls, infinite = (
        measure_shares(np.column_stack([rows - count, count]).astype(float), Certainty(0.05))
        for count in (
            np.array([compared.reference_nulls, compared.current_nulls]),
            np.array([compared.reference_infinite, compared.current_infinite]),
        )
    )
    return replace(compared, null_effect=nulls, infinite_effect=infinite)


def measure(found: ColumnDrift) -> dict[str, Measure]:
    """Return the measures of one column by name."""
    return {each.metric: each for each in measure_drifts([found], FEATURES)}


def test_the_effect_is_told_with_its_bound_and_the_bin_that_moved() -> None:
    effect = measure(drift("alarm"))["effect"]
    assert effect.value == pytest.approx(0.3)
    assert (effect.low, effect.high) == (0.25, 0.4)
    assert effect.detail == "x moved by 0.30, at least 0.25 for sure; the share of '1' went from 0.0% to 12.0%."


def test_an_effect_that_is_not_proven_is_said_to_be_perhaps_chance() -> None:
    effect = measure(drift("warning", effect=replace(MOVED, low=0.0)))["effect"]
    assert effect.detail.startswith("x moved by 0.30, which may be chance; ")


@pytest.mark.parametrize(("before", "now", "change"), [(0, 80, "+8.0%"), (300, 200, "-10.0%")])
def test_nulls_that_came_are_wrong_data_and_those_that_went_something_to_learn(
    before: int, now: int, change: str
) -> None:
    measures = measure(drift("none", reference_nulls=before, current_nulls=now))
    found, filled = measures["null_share_change"], measures["filled_share"]
    assert (found.kind, filled.kind) == ("data", "feature")
    assert found.value == pytest.approx((now - before) / 1_000)
    assert found.low < found.value < found.high
    assert found.low > 0 or found.high < 0
    assert filled.value == pytest.approx(max(0.0, (before - now) / 1_000))
    assert (filled.low > 0) == (now < before)
    assert found.detail == (
        f"The share of nulls in x went from {before / 1_000:.1%} to {now / 1_000:.1%}, by {change}."
    )


def test_nulls_of_a_handful_of_rows_may_be_chance() -> None:
    few = replace(COMPARISON, reference_rows=20, current_rows=20, current_nulls=2)
    assert grade_nulls(count_empty(few), DRIFT) != "alarm"
    assert measure(drift("none", reference_rows=20, current_rows=20, current_nulls=2))["null_share_change"].low < 0
    assert grade_nulls(count_empty(replace(few, current_nulls=20)), DRIFT) == "alarm"


def test_a_column_that_is_gone_says_so_and_one_that_is_there_is_measured_as_such() -> None:
    found = measure(replace(drift("none"), null_severity="alarm", problem="it is not in the current window"))
    assert (found["effect"].value, found["effect"].status) == (None, "not_estimable")
    gone = found["uncomparable_column"]
    assert (gone.kind, gone.value) == ("data", 1.0)
    assert gone.detail == "x cannot be compared: it is not in the current window."
    assert measure(drift("none"))["uncomparable_column"].value == 0.0


def test_the_values_that_came_and_went_are_named() -> None:
    found = drift("alarm", new_values=("a", "b", "c", "d"), new_share=0.25, vanished_values=("z",), vanished_share=0.1)
    assert measure(found)["effect"].detail.endswith(
        "went from 0.0% to 12.0%; new: 'a', 'b', 'c' and 1 more (25.0% of the current rows); "
        "vanished: 'z' (10.0% of the earlier rows)."
    )


def test_a_rare_new_category_is_said_in_its_own_words_and_its_end_is_measured() -> None:
    changes = {"data_type": "string", "psi": 0.01, "is_surprising": True, "new_values": ("d",), "new_share": 0.002}
    found = measure(drift("warning", **changes))["surprising_value_share"]
    assert found.value == 0.002
    assert found.detail == "x has other values than before: new: 'd' (0.2% of the current rows)."
    assert measure(drift("none"))["surprising_value_share"].value == 0.0


def test_a_column_that_the_model_does_not_take_says_so() -> None:
    effect = measure(replace(drift("alarm"), is_input=False))["effect"]
    assert effect.detail.endswith("; the model does not take it.")


def test_rows_that_cannot_be_read_are_a_measure_of_their_own() -> None:
    other = Baseline(title="the cohort of 2005-08-31", problem="Vacuumed.", cohort=date(2005, 8, 31))
    (instead,) = measure_reference(other, FEATURES)
    assert (instead.kind, instead.value) == ("service", 1.0)
    assert "compared with the cohort of 2005-08-31, since" in instead.detail
    (nothing,) = measure_reference(Baseline(title="", problem="Vacuumed."), FEATURES)
    assert "not compared with anything" in nothing.detail
    (fine,) = measure_reference(Baseline(title="dev.model_input.training_set@3"), FEATURES)
    assert (fine.value, fine.detail) == (0.0, "")
    assert measure_reference(None, FEATURES) == []


@pytest.mark.parametrize(("before", "now"), [(0, 0), (0, 1), (5, 0), (0, 100)])
def test_infinite_numbers_are_counted(before: int, now: int) -> None:
    found = measure(drift("none", reference_infinite=before, current_infinite=now))["infinite_share"]
    assert (found.kind, found.value) == ("data", now / 1_000)
    said = f"{now} of 1,000 values of x are infinite, {before} of 1,000 before; no statistic counts them."
    assert found.detail == (said if now else "")
