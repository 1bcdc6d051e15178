"""One spelling for each key, and one name for each fault: on values and on columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from boathouse.errors import KeyValueError
from boathouse.tables.contract import Column
from boathouse.tables.keys import read_key, read_keys
from boathouse.tables.row_rules import has_value
from boathouse.tables.row_rules import read_key as read_key_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NUMBER = Column(name="id", dtype="bigint", description="A number.")
CODE = Column(name="code", dtype="string", description="A code.", pattern="^[A-Z]")
TYPE = "type"
# By hand: the key, None where there is no value, or the fault.
WHOLE: dict[str, int | str | None] = {
    "17": 17,
    "0017": 17,
    "+17": 17,
    " 17 ": 17,
    "-17": -17,
    "0": 0,
    "-0": 0,
    "": None,
    "  ": None,
    **dict.fromkeys(("1_7", "1e3", "17.0", "1 7", "0x11", "true", "x", "--1", "+", "17\n", "\t17", "\u00a017"), TYPE),
    **dict.fromkeys(("\uff11\uff17", "\u0661\u0667", "\u00b2", "1\u0660", "NaN", "Infinity"), TYPE),
    "9223372036854775807": 2**63 - 1,
    "-9223372036854775808": -(2**63),
    f"{'0' * 40}17": 17,
    **dict.fromkeys(("9223372036854775808", "-9223372036854775809", "9" * 40), TYPE),
}
TEXTS: dict[str, str | None] = {
    "A": "A",
    " A ": "A",
    "A B": "A B",
    "AÄ": "AÄ",
    "A\u0301": "A\u0301",
    "": None,
    "   ": None,
    **dict.fromkeys(("A\n", "\tA", "A\x00", "A\x7fB"), TYPE),
}
FLOATS: dict[float, int | str | None] = {
    17.0: 17,
    -17.0: -17,
    0.0: 0,
    2.0**53 - 1: 2**53 - 1,
    float("nan"): None,
    **dict.fromkeys((17.5, 2.0**53, -(2.0**53), 1e300, float("inf"), float("-inf")), TYPE),
}


def read(value: object, column: Column) -> Any:
    try:
        return read_key(value, column)
    except KeyValueError as error:
        return error.fault


@pytest.mark.parametrize("text", WHOLE)
def test_a_number_has_one_value_in_all_spellings(text: str) -> None:
    assert read(text, NUMBER) == WHOLE[text]


@pytest.mark.parametrize("number", FLOATS)
def test_a_float_is_a_key_while_it_stands_for_one_number(number: float) -> None:
    assert read(number, NUMBER) == FLOATS[number]


@pytest.mark.parametrize("value", [True, False, [17], {"a": 1}, 2**63, -(2**63) - 1, b"17"])
def test_what_else_json_and_files_hold_is_no_number(value: object) -> None:
    assert read(value, NUMBER) == TYPE


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_counts_without_the_spaces_around_it(text: str) -> None:
    assert read(text, CODE) == TEXTS[text]


@pytest.mark.parametrize("value", [17, 17.5, True, ["A"], "A\ud800"])
def test_what_is_no_text_is_no_code(value: object) -> None:
    assert read(value, CODE) == TYPE


def test_the_rules_of_the_contract_hold() -> None:
    bounded = Column(name="id", dtype="bigint", description="A number.", minimum=1, maximum=9)
    assert [read(value, bounded) for value in (0, 1, "9", 10)] == ["in_range", 1, 9, "in_range"]
    assert read("a", CODE) == "pattern"
    assert read("B", Column(name="code", dtype="string", description="A code.", allowed=("A",))) == "allowed"


def test_no_value_is_in_a_message() -> None:
    for value in ("secret", "4711x", 4711.5):
        with pytest.raises(KeyValueError) as refused:
            read_key(value, NUMBER)
        assert str(value) not in str(refused.value)


def test_a_row_is_named_by_its_number() -> None:
    assert read_keys([1, 2], NUMBER) == [1, 2]
    assert read_keys([1, None, "03"], NUMBER) == [1, None, 3]
    with pytest.raises(KeyValueError, match=r"Column 'id', row 2: a whole number is expected, found text \(id_type\)"):
        read_keys([1, 2, "x"], NUMBER)
    with pytest.raises(KeyValueError, match=r"row 1: outside of its range, 1 to any \(id_in_range\)"):
        read_keys([1, 0], Column(name="id", dtype="bigint", description="A number.", minimum=1))


@pytest.mark.parametrize(
    ("cases", "column", "found"),
    [(WHOLE, NUMBER, "string"), (TEXTS, CODE, "string"), (FLOATS, NUMBER, "double")],
    ids=["numbers as text", "texts", "floats"],
)
def test_a_column_of_a_table_is_read_alike(
    spark: SparkSession, cases: dict[Any, Any], column: Column, found: str
) -> None:
    rows = spark.createDataFrame([(value, place) for place, value in enumerate(cases)], f"{column.name} {found}, n int")
    read_rows = rows.select(
        "n", read_key_column(column, found).alias("key"), has_value(column.name, found).alias("any")
    )
    seen = [
        row["key"] if row["key"] is not None else TYPE if row["any"] else None
        for row in read_rows.orderBy(F.col("n")).collect()
    ]
    assert dict(zip(cases, seen, strict=True)) == cases
