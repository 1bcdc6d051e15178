"""Delivered rows: typed, judged, split, deduplicated by delivery."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.tables.contract import Column, TableContract
from boathouse.tables.quality import judge_rows, quarantine_contract, raw_contract

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BOATS = TableContract(
    name="boats",
    description="Boats of a club.",
    grain="One row per boat and season",
    columns=(
        Column(name="boat_id", dtype="bigint", description="Number on the hull.", minimum=1),
        Column(name="season", dtype="date", description="First day of the season.", pattern="-01$"),
        Column(name="kind", dtype="int", description="Class.", allowed=(1, 2)),
        Column(name="price", dtype="double", description="Price.", unit="NT$", nullable=True, minimum=0, maximum=1e6),
    ),
    keys=("boat_id", "season"),
    time_column="season",
    time_grain="month",
)
FIRST, SECOND = datetime(2005, 5, 1, 8, tzinfo=UTC), datetime(2005, 6, 1, 8, tzinfo=UTC)
GOOD = ("1", "2005-04-01", "2", "10.5")
TYPED = (1, date(2005, 4, 1), 2, 10.5)


def deliver(spark: SparkSession, *batches: tuple[datetime, list[tuple[Any, ...]]]) -> DataFrame:
    """Return a raw table of ``batches``, each a time and its rows."""
    rows = [(*row, f"batch {at:%m}", "boats.csv", at) for at, batch in batches for row in batch]
    columns = raw_contract(BOATS).ddl
    return spark.createDataFrame(rows, columns)


def judge(spark: SparkSession, *batches: tuple[datetime, list[tuple[Any, ...]]]) -> tuple[list[Any], dict[Any, Any]]:
    """Return the valid rows, sorted, and for each quarantined row its rules."""
    judged = judge_rows(deliver(spark, *batches), BOATS)
    valid = sorted(tuple(row) for row in judged.valid.collect())
    return valid, {tuple(row)[:4]: row["broken_rules"] for row in judged.quarantined.collect()}


def replace(position: int, value: str | None) -> tuple[Any, ...]:
    row = list(GOOD)
    row[position] = value  # type: ignore[call-overload]
    return tuple(row)


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        (replace(0, None), ["boat_id_not_null"]),
        (replace(0, "x"), ["boat_id_type"]),
        (replace(0, "0"), ["boat_id_in_range"]),
        (replace(0, "1.0"), ["boat_id_type"]),
        (replace(0, "9" * 20), ["boat_id_type"]),
        (replace(1, None), ["season_not_null"]),
        (replace(1, "2005-02-30"), ["season_type"]),
        (replace(1, "2005-04"), ["season_type"]),
        (replace(1, "01.04.2005"), ["season_type"]),
        (replace(1, "2005-04-01T00:00:00"), ["season_type"]),
        (replace(1, "2005-04-15"), ["season_pattern"]),
        (replace(2, "3"), ["kind_allowed"]),
        (replace(2, ""), ["kind_not_null"]),
        (replace(2, "  "), ["kind_not_null"]),
        (replace(2, "9999999999"), ["kind_type"]),
        (replace(3, "-1"), ["price_in_range"]),
        (replace(3, "1000000.5"), ["price_in_range"]),
        (replace(3, "NaN"), ["price_type"]),
        (replace(3, "Infinity"), ["price_type"]),
        (replace(3, "1e400"), ["price_type"]),
        (replace(3, "1d"), ["price_type"]),
        (replace(3, "1,000"), ["price_type"]),
        (replace(3, "."), ["price_type"]),
        (("x", None, "7", "?"), ["boat_id_type", "kind_allowed", "price_type", "season_not_null"]),
    ],
)
def test_a_broken_row_is_quarantined_as_delivered_with_its_rules(
    spark: SparkSession, row: tuple[Any, ...], rules: list[str]
) -> None:
    valid, quarantined = judge(spark, (FIRST, [row]))
    assert valid == []
    assert list(quarantined) == [row]
    assert sorted(quarantined[row]) == rules


@pytest.mark.parametrize(
    ("row", "typed"),
    [
        (GOOD, TYPED),
        ((" 1", "2005-04-01 ", " 2 ", " 10.5"), TYPED),
        (("+01", "2005-04-01", "02", "1.05e1"), TYPED),
        (replace(3, None), (*TYPED[:3], None)),
        (replace(3, "1000000"), (*TYPED[:3], 1e6)),
        (replace(3, ".5"), (*TYPED[:3], 0.5)),
    ],
)
def test_a_good_row_is_typed(spark: SparkSession, row: tuple[Any, ...], typed: tuple[Any, ...]) -> None:
    assert judge(spark, (FIRST, [row])) == ([typed], {})


def test_identical_rows_count_once(spark: SparkSession) -> None:
    assert judge(spark, (FIRST, [GOOD, GOOD, GOOD])) == ([TYPED], {})


def test_of_one_key_with_two_contents_neither_is_right(spark: SparkSession) -> None:
    valid, quarantined = judge(spark, (FIRST, [GOOD, replace(3, "11"), replace(0, "2")]))
    assert valid == [(2, *TYPED[1:])]
    assert quarantined == {GOOD: ["keys_unique"], replace(3, "11"): ["keys_unique"]}


def test_one_key_written_in_two_ways_is_one_key(spark: SparkSession) -> None:
    valid, quarantined = judge(spark, (FIRST, [GOOD, replace(0, "01")]))
    assert valid == []
    assert set(quarantined) == {GOOD, replace(0, "01")}
    corrected, _ = judge(spark, (FIRST, [GOOD]), (SECOND, [("01", "2005-04-01", "1", "5")]))
    assert corrected == [(1, date(2005, 4, 1), 1, 5.0)]


def test_the_newest_delivery_of_a_key_counts(spark: SparkSession) -> None:
    valid, quarantined = judge(
        spark,
        (FIRST, [GOOD, replace(0, "2"), replace(0, "3")]),
        (SECOND, [replace(3, "99"), ("2", "2005-04-01", "7", "1")]),
    )
    # 1 was corrected, 2 was replaced by a broken row, 3 was not delivered again.
    assert valid == [(*TYPED[:3], 99.0), (3, *TYPED[1:])]
    assert quarantined == {("2", "2005-04-01", "7", "1"): ["kind_allowed"]}


def test_a_repeated_key_is_healed_by_the_next_delivery(spark: SparkSession) -> None:
    broken = (FIRST, [GOOD, replace(3, "11")])
    assert judge(spark, broken, (SECOND, [replace(3, "11")])) == ([(*TYPED[:3], 11.0)], {})


def test_rows_without_a_readable_key_are_all_kept_and_not_taken_for_one(spark: SparkSession) -> None:
    rows = [replace(0, None), ("x", *GOOD[1:]), ("x", "2005-04-01", "1", "3"), ("y", None, "2", None)]
    _, quarantined = judge(spark, (FIRST, rows))
    assert set(quarantined) == set(rows)
    assert not any("keys_unique" in rules for rules in quarantined.values())


def test_rows_without_a_readable_key_leave_with_their_delivery(spark: SparkSession) -> None:
    assert judge(spark, (FIRST, [("x", *GOOD[1:])]), (SECOND, [GOOD])) == ([TYPED], {})


def test_the_order_of_rows_does_not_matter(spark: SparkSession) -> None:
    rows = [GOOD, replace(3, "11"), replace(0, "2"), replace(0, "x"), GOOD]
    assert judge(spark, (FIRST, rows)) == judge(spark, (FIRST, rows[::-1]))


def test_judging_valid_rows_again_changes_nothing(spark: SparkSession) -> None:
    rows = [GOOD, ("2", "2005-05-01", "1", None), ("03", "2005-05-01", " 1", "1e3"), replace(2, "9")]
    valid, _ = judge(spark, (FIRST, rows))
    as_text = [tuple(None if value is None else str(value) for value in row) for row in valid]
    assert judge(spark, (SECOND, as_text)) == (valid, {})


def test_both_parts_have_the_columns_of_their_contracts(spark: SparkSession) -> None:
    judged = judge_rows(deliver(spark, (FIRST, [GOOD])), BOATS)
    BOATS.check_schema(dict(judged.valid.dtypes), where="valid")
    quarantine_contract(BOATS).check_schema(dict(judged.quarantined.dtypes), where="quarantined")
