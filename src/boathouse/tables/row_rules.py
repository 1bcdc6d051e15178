"""The rules that a contract puts on single rows, as conditions and as counts of broken rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.errors import DataQualityError
from boathouse.tables.keys import CONTROL_CHARACTERS, FLOAT_LIMIT
from boathouse.tables.text_forms import WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame, Row

    from boathouse.tables.contract import Column, TableContract

UNIQUE_KEYS = "keys_unique"
_ROWS = "__rows"
# From here on a number of each floating-point type stands for more than one whole number.
_FLOAT_LIMITS = {"double": FLOAT_LIMIT, "float": 2**24}


def check_rows(frame: DataFrame, rules: Mapping[str, SparkColumn], *measures: SparkColumn, table: str) -> Row:
    """Return ``measures`` of ``frame``, if no row breaks a rule; one action for both.

    Args:
        frame: The rows to be written.
        rules: Aggregates by name that count broken rows, such as :func:`violation_counts`.
        measures: Further aggregates, named.
        table: Full name, for the message.

    Raises:
        DataQualityError: With the number of rows for each broken rule, never a value.
    """
    from pyspark.sql import functions as F

    counts = [count.alias(rule) for rule, count in rules.items()]
    row = frame.agg(F.count(F.lit(1)).alias(_ROWS), *counts, *measures).collect()[0]
    broken = [f"  {rule}: {row[rule]} of {row[_ROWS]} rows" for rule in sorted(rules) if row[rule]]
    if broken:
        lines = "\n".join(broken)
        raise DataQualityError(f"Table '{table}': rows break its contract; nothing was written.\n{lines}")
    return row


def broken_conditions(contract: TableContract) -> dict[str, SparkColumn]:
    """Return for each row rule of ``contract`` a condition that is true where a row breaks it.

    Rules are named ``<column>_not_null``, ``<column>_allowed``, ``<column>_in_range`` and
    ``<column>_pattern``. A condition is never null: a null value breaks ``not_null`` and nothing else.
    """
    return {name: condition for column in contract.columns for name, condition in _column_rules(column, contract.keys)}


def violation_counts(contract: TableContract) -> dict[str, SparkColumn]:
    """Return for each rule of ``contract``, uniqueness of keys included, an aggregate counting broken rows."""
    from pyspark.sql import functions as F

    counts = {name: F.count(F.when(broken, 1)) for name, broken in broken_conditions(contract).items()}
    if contract.keys:
        counts[UNIQUE_KEYS] = repeated_keys(contract.keys)
    return counts


def nan_counts(frame: DataFrame) -> dict[str, SparkColumn]:
    """Return for each float column of ``frame`` an aggregate counting NaNs, named ``<column>_not_nan``.

    No table holds NaN; unknown is null. Sail 0.7.2 reads NaN as the column's other value where a file
    has but one: its statistics leave NaN out, and it trusts them.
    """
    from pyspark.sql import functions as F

    floats = [name for name, dtype in frame.dtypes if dtype in ("double", "float")]
    return {f"{name}_not_nan": F.count(F.when(F.isnan(name), 1)) for name in floats}


def repeated_keys(keys: Sequence[str]) -> SparkColumn:
    """Return an aggregate: rows beyond the first of each key; rows with a null in the key do not count."""
    from pyspark.sql import functions as F

    present = F.lit(True)  # noqa: FBT003
    for key in keys:
        present = present & F.col(key).isNotNull()
    return F.count(F.when(present, 1)) - F.count_distinct(*[F.col(key) for key in keys])


def read_key(column: Column, found: str) -> SparkColumn:
    """Return the key of each row, null where a value is none: the rules of :mod:`boathouse.tables.keys`.

    Args:
        column: The key column as its contract has it; the frame has it under the same name.
        found: Its type in the frame.
    """
    from pyspark.sql import functions as F

    value = F.col(column.name)
    if column.dtype == "string":
        text = F.trim(value)
        key = F.when((text != "") & ~text.rlike(CONTROL_CHARACTERS), text)
    elif found == "string":
        key = F.when(F.trim(value).rlike(rf"\A{WHOLE}\z"), F.expr(f"try_cast(trim(`{column.name}`) as {column.dtype})"))
    elif found in _FLOAT_LIMITS:
        is_whole = (F.abs(value) < F.lit(float(_FLOAT_LIMITS[found]))) & (F.floor(value) == value)
        key = F.when(is_whole, value.cast(column.dtype))
    else:
        key = value.cast(column.dtype)
    return key.alias(column.name)


def has_value(name: str, found: str) -> SparkColumn:
    """Return whether a column of type ``found`` holds a value: no null, NaN or text of spaces alone; never null."""
    from pyspark.sql import functions as F

    value = F.col(name)
    if found == "string":
        return F.coalesce(F.trim(value) != "", F.lit(False))  # noqa: FBT003
    return value.isNotNull() & ~F.isnan(value) if found in _FLOAT_LIMITS else value.isNotNull()


def _column_rules(column: Column, keys: Sequence[str]) -> list[tuple[str, SparkColumn]]:
    """Return the named conditions of one column."""
    from pyspark.sql import functions as F

    value, rules = F.col(column.name), []
    if not column.nullable or column.name in keys:
        rules.append((f"{column.name}_not_null", value.isNull()))
    if column.allowed is not None:
        rules.append((f"{column.name}_allowed", value.isNotNull() & ~value.isin(*column.allowed)))
    limits = []
    if column.minimum is not None:
        limits.append(value < F.lit(column.minimum))
    if column.maximum is not None:
        limits.append(value > F.lit(column.maximum))
    if limits:
        outside = limits[0] if len(limits) == 1 else limits[0] | limits[1]
        rules.append((f"{column.name}_in_range", value.isNotNull() & outside))
    if column.pattern is not None:
        rules.append((f"{column.name}_pattern", value.isNotNull() & ~value.cast("string").rlike(column.pattern)))
    return rules
