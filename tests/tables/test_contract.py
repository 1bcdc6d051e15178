"""A contract: comparison with columns, types, allowed values, and the SQL that documents a table."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from boathouse.errors import TableError
from boathouse.tables.contract import (
    Column,
    TableContract,
    arrow_schema_of,
    arrow_type,
    diff_columns,
    documentation_digest,
    documentation_sql,
)


@pytest.mark.parametrize(
    ("expected", "found", "lines"),
    [
        ({"a": "int", "b": "int"}, {"b": "int", "a": "int"}, []),
        ({"a": "int"}, {}, ["  - a: int (missing)"]),
        ({}, {"a": "int"}, ["  + a: int (unexpected)"]),
        ({"a": "int"}, {"a": "bigint"}, ["  ~ a: expected int, found bigint"]),
    ],
)
def test_each_difference_has_a_line(expected: dict[str, str], found: dict[str, str], lines: list[str]) -> None:
    """Order is no difference."""
    assert diff_columns(expected, found) == lines


def test_a_mismatch_names_contract_and_location() -> None:
    """Three parts: where, what, what next."""
    contract = TableContract(
        name="clean.t", description="", grain="", columns=(Column(name="a", dtype="int", description=""),)
    )
    contract.check_schema({"a": "int"}, where="Saving x")
    with pytest.raises(TableError, match=r"(?s)Saving x: .*'clean.t'.*- a: int \(missing\).*Change the data"):
        contract.check_schema({}, where="Saving x")


SIGHTINGS = TableContract(
    name="clean.sightings",
    description="",
    grain="",
    columns=(
        Column(name="buoy id", dtype="bigint", description=""),
        Column(name="seen_at", dtype="timestamp", description=""),
        Column(name="marks", dtype="array<string>", description="", nullable=True),
    ),
)


def test_a_contract_is_a_schema_of_spark_with_quoted_names() -> None:
    assert SIGHTINGS.ddl == "`buoy id` bigint, `seen_at` timestamp, `marks` array<string>"


def test_a_contract_is_a_schema_of_arrow_that_says_what_may_be_null() -> None:
    expected = [
        pa.field("buoy id", pa.int64(), nullable=False),
        pa.field("seen_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("marks", pa.list_(pa.string()), nullable=True),
    ]
    assert SIGHTINGS.arrow_schema.equals(pa.schema(expected))


def test_a_column_without_an_arrow_type_is_named() -> None:
    column = Column(name="window", dtype="struct<start:date>", description="")
    with pytest.raises(ValueError, match=r"window \(struct<start:date>\)"):
        arrow_schema_of([column])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bigint", pa.int64()),
        ("date", pa.date32()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("decimal(10,2)", pa.decimal128(10, 2)),
        ("array<array<string>>", pa.list_(pa.list_(pa.string()))),
        ("struct<a:int>", None),
        ("array<struct<a:int>>", None),
    ],
)
def test_spark_types_have_arrow_types(name: str, expected: pa.DataType | None) -> None:
    """Structs are left as the frame has them."""
    assert arrow_type(name) == expected


@pytest.mark.parametrize("value", [" card", "card ", "\tcard\n"])
def test_allowed_values_that_never_match_are_refused_when_declared(value: str) -> None:
    """Delivered text is trimmed before it is compared."""
    with pytest.raises(TableError, match=r"Column 'kind' allows '.*card.*'; .*never match. Declare 'card'\."):
        Column(name="kind", dtype="string", description="", allowed=("cash", value))
    assert Column(name="kind", dtype="string", description="", allowed=("a b", 1)).allowed == ("a b", 1)


CONTRACT = TableContract(
    name="features.profile",
    description="A boat's profile",
    grain="one row per boat and day",
    columns=(
        Column(name="boat_id", dtype="bigint", description="Number."),
        Column(name="observed_on", dtype="date", description="Known on."),
        Column(name="age", dtype="double", description="Age.", unit="years", nullable=True),
    ),
    keys=("boat_id", "observed_on"),
    time_column="observed_on",
)


def test_comments_keys_and_the_digest_last() -> None:
    """A time column among the keys is a TIMESERIES."""
    assert documentation_sql(CONTRACT, "`e`.`s`.`t`") == (
        "COMMENT ON TABLE `e`.`s`.`t` IS 'A boat\\'s profile. Grain: one row per boat and day.'",
        (
            "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `boat_id` COMMENT 'Number.', `observed_on` COMMENT 'Known on.', "
            "`age` COMMENT 'Age. Unit: years.'"
        ),
        "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `boat_id` SET NOT NULL",
        "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `observed_on` SET NOT NULL",
        "ALTER TABLE `e`.`s`.`t` DROP PRIMARY KEY IF EXISTS",
        (
            "ALTER TABLE `e`.`s`.`t` ADD CONSTRAINT `features_profile_pk` "
            "PRIMARY KEY (`boat_id`, `observed_on` TIMESERIES)"
        ),
        f"ALTER TABLE `e`.`s`.`t` SET TBLPROPERTIES ('boathouse.contract' = '{documentation_digest(CONTRACT)}')",
    )


def test_a_table_without_keys_gets_no_constraint() -> None:
    """Raw tables have none."""
    made = documentation_sql(replace(CONTRACT, keys=()), "t")
    assert not [statement for statement in made if "PRIMARY" in statement]


def test_the_digest_changes_with_the_contract() -> None:
    """It is the same for the same contract in every process."""
    assert documentation_digest(CONTRACT) == documentation_digest(replace(CONTRACT))
    assert documentation_digest(CONTRACT) != documentation_digest(replace(CONTRACT, description="Other"))
