"""An incremental refresh computes the affected keys alone, and leaves what a full one would."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.errors import DataQualityError, TableError
from boathouse.features.incremental import order_views
from boathouse.features.refreshing import FeatureRefresher
from tests.fixtures.boats import CARGO, DELAYS, IDENTITY, UPKEEP, VIEWS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tests.features.store.conftest import Fleet, Logbook

LOGBOOK: Logbook = {(boat, month): (0, 100.0 * month, 50.0) for boat in (1, 2, 3) for month in (4, 5, 6)}
CAPACITIES = {1: 1000.0, 2: 2000.0, 3: 3000.0}


def expected(fleet: Fleet, table: str, view_number: int) -> bool:
    """Return whether the table holds what the view gives when it is computed from nothing."""
    computed = fleet.refresher.preview(VIEWS[view_number])
    return fleet.rows(table) == sorted(map(tuple, computed.collect()), key=repr)


def test_the_first_refresh_is_full_and_the_next_has_nothing_to_do(fleet: Fleet) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    first = fleet.refresher.refresh(CARGO)
    assert (first.mode, first.rows, first.version, first.reason) == ("full", 9, 0, "there is no table yet")
    again = fleet.refresher.refresh(CARGO)
    assert (again.mode, again.rows, again.version) == ("incremental", 0, 0)
    assert "not changed" in again.reason


def test_a_correction_changes_its_boat_from_its_month_on(fleet: Fleet) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(DELAYS)
    fleet.write({**LOGBOOK, (2, 5): (2, 500.0, 0.0)}, CAPACITIES)
    done = fleet.refresher.refresh(DELAYS)
    # The boat's months from May on: two rows.
    assert (done.mode, done.keys, done.rows) == ("incremental", 1, 2)
    assert expected(fleet, "features.delays", 1)


def test_rows_that_are_gone_leave_and_a_source_without_time_changes_the_whole_key(fleet: Fleet) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    for view in (IDENTITY, CARGO):
        fleet.refresher.refresh(view)
    fleet.write(
        {key: value for key, value in LOGBOOK.items() if key not in {(1, 4), (3, 6)}}, {**CAPACITIES, 2: 2500.0}
    )
    done = [fleet.refresher.refresh(view) for view in (IDENTITY, CARGO)]
    assert [(each.mode, each.keys) for each in done] == [("incremental", 3)] * 2
    assert expected(fleet, "features.identity", 0)
    assert expected(fleet, "features.cargo", 2)


def test_columns_that_the_view_does_not_use_change_nothing(fleet: Fleet) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(DELAYS)
    fleet.write({key: (late, weight + 1, fuel) for key, (late, weight, fuel) in LOGBOOK.items()}, CAPACITIES)
    done = fleet.refresher.refresh(DELAYS)
    assert (done.mode, done.keys, done.rows, done.version) == ("incremental", 0, 0, 0)


@pytest.mark.parametrize("cause", ["asked for", "definition has changed", "written otherwise"])
def test_where_the_start_is_unknown_the_refresh_is_full(fleet: Fleet, cause: str) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    view = replace(CARGO, max_age_days=90) if cause.startswith("definition") else CARGO
    if cause == "written otherwise":
        location = fleet.refresher.location("features.cargo")
        fleet.session.sql(f"DELETE FROM {location.sql_name} WHERE boat_id = 1")  # noqa: S608 - the test's own table
    done = fleet.refresher.refresh(view, full=cause == "asked for")
    assert done.mode == "full"
    assert cause in done.reason
    assert expected(fleet, "features.cargo", 2)


boats, months = st.integers(1, 4), st.integers(4, 9)
lines = st.tuples(st.integers(0, 3), st.sampled_from([0.0, 10.5, 900.0]), st.sampled_from([0.0, 7.25]))
logbooks = st.dictionaries(st.tuples(boats, months), lines, min_size=1, max_size=16)
limits = st.fixed_dictionaries({number: st.sampled_from([100.0, 250.0]) for number in range(1, 5)})


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(logbooks, limits), min_size=2, max_size=2))
def test_any_sequence_of_changes_leaves_what_a_full_computation_would(
    fleet: Fleet, steps: list[tuple[Logbook, dict[int, float]]]
) -> None:
    for logbook, capacities in steps:
        fleet.write(logbook, capacities)
        for number, view in enumerate(VIEWS):
            fleet.refresher.refresh(view)
            assert expected(fleet, view.table, number)


def test_a_crash_between_table_and_record_is_repaired_by_the_next_run(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    fleet.write({**LOGBOOK, (2, 5): (2, 500.0, 0.0)}, CAPACITIES)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FeatureRefresher, "_note", die)
        with pytest.raises(KeyboardInterrupt):
            fleet.refresher.refresh(CARGO)
    done = fleet.refresher.refresh(CARGO)
    assert (done.mode, done.reason) == ("full", "the table has been written otherwise")
    assert expected(fleet, "features.cargo", 2)
    assert fleet.refresher.refresh(CARGO).rows == 0


def broken(trips: DataFrame, boats: DataFrame) -> DataFrame:
    """Return each row twice."""
    rows = CARGO.compute(trips, boats)
    return rows.unionByName(rows)  # type: ignore[attr-defined, no-any-return]


def test_rows_that_break_the_contract_are_not_written(fleet: Fleet) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    before = fleet.rows("features.cargo")
    with pytest.raises(DataQualityError, match=r"(?s)features\.cargo.*keys_unique"):
        fleet.refresher.refresh(replace(CARGO, compute=broken))
    with pytest.raises(DataQualityError, match=r"(?s)features\.cargo.*keys_unique"):
        fleet.refresher.refresh_month(replace(CARGO, compute=broken), date(2005, 5, 1))
    assert fleet.rows("features.cargo") == before


def test_months_are_filled_one_by_one_and_not_twice(fleet: Fleet) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    months = [date(2005, number, 1) for number in (4, 5, 6)]
    assert [fleet.refresher.refresh_month(CARGO, month).rows for month in months[:2]] == [3, 3]
    # Another process goes on: what is done is not done again.
    done = [fleet.refresher.refresh_month(CARGO, month) for month in months]
    assert [each.rows for each in done] == [0, 0, 3]
    assert "before" in done[0].reason
    assert expected(fleet, "features.cargo", 2)
    # A correction of April changes April's sources, so that the months are due again.
    fleet.write({**LOGBOOK, (1, 4): (1, 1.0, 1.0)}, CAPACITIES)
    assert fleet.refresher.refresh_month(CARGO, months[0]).rows == 3


def test_a_view_of_a_source_that_is_not_delivered_waits_and_is_not_late(fleet: Fleet) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    assert fleet.refresher.refresh(UPKEEP).rows == 0
    waiting = fleet.refresher.state(UPKEEP)
    assert waiting is not None
    assert (waiting.newest, waiting.newest_source, waiting.lag_days) == (None, None, 0)
    # Once there are repairs, it is as late as any other view.
    fleet.write(LOGBOOK, CAPACITIES, {(1, date(2005, 6, 3)): (5.0, 1)})
    late = fleet.refresher.state(UPKEEP)
    assert late is not None
    assert late.lag_days > 0
    done = fleet.refresher.refresh(UPKEEP)
    # The day of the repair and the trip after it.
    assert (done.mode, done.keys, done.rows) == ("incremental", 1, 2)
    assert expected(fleet, "features.upkeep", 3)


def test_a_repair_that_is_reported_late_changes_its_boat_from_its_day_on(fleet: Fleet) -> None:
    repairs = {(boat, date(2005, 5, day)): (10.0, 1) for boat in (1, 2) for day in (2, 9, 30)}
    fleet.write(LOGBOOK, CAPACITIES, repairs)
    fleet.refresher.refresh(UPKEEP)
    fleet.write(LOGBOOK, CAPACITIES, {**repairs, (2, date(2005, 5, 4)): (1.0, 2)})
    done = fleet.refresher.refresh(UPKEEP)
    # The 4th, 9th and 30th of May and the trips of May and June; the 2nd of May stays.
    assert (done.mode, done.keys, done.rows) == ("incremental", 1, 5)
    assert expected(fleet, "features.upkeep", 3)


def test_a_missing_source_is_named_with_what_makes_it(fleet: Fleet) -> None:
    with pytest.raises(TableError, match=r"clean\.trips.*data_prep"):
        fleet.refresher.refresh(DELAYS)


def test_a_view_comes_after_those_it_is_made_from() -> None:
    source = replace(CARGO.sources[0], table="features.cargo", columns=("boat_id", "weight"))
    derived = replace(CARGO, name="derived", sources=(source,))
    assert order_views([derived, CARGO]) == (CARGO, derived)
