"""Any table with keys and time, judged before it is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.core.errors import InferenceError
from boathouse.core.inference.batch import SplitRows
from boathouse.tables.row_rules import UNIQUE_KEYS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_RULES, _COPIES, _TEXT = "broken_rules", "__copies", "__text_"
# What can be read as the type wanted without losing anything.
_WIDER = {
    "bigint": ("tinyint", "smallint", "int"),
    "double": ("tinyint", "smallint", "int", "bigint", "float"),
}


def check_columns(found: Mapping[str, str], wanted: Mapping[str, str], *, where: str, as_text: bool) -> None:
    """Check that ``found`` has the columns ``wanted`` in types that can be read as those.

    Args:
        found: Column name to Spark type name.
        wanted: The same of what scoring takes; other columns do not matter.
        where: The input, for the message.
        as_text: Whether the input is a text file, whose columns are read as the type wanted.

    Raises:
        InferenceError: With one line for each column that is missing or of another type.
    """
    lines = [f"  - {name}: {dtype} (missing)" for name, dtype in wanted.items() if name not in found]
    for name, dtype in wanted.items():
        fits = name not in found or found[name] == dtype or found[name] in _WIDER.get(dtype, ()) or as_text
        if not fits:
            lines.append(f"  ~ {name}: expected {dtype}, found {found[name]}")
    if lines:
        raise InferenceError.wrong_columns(where, lines, sorted(found))


def judge_input(frame: DataFrame, wanted: Mapping[str, str], *, keys: Sequence[str]) -> SplitRows:
    """Return the columns ``wanted`` in their types, and the rows that cannot be told apart or read, with the reason.

    Rules are ``<column>_type`` (a text that is no such value), ``<column>_not_null`` for keys, and ``keys_unique``:
    of rows with the same keys nothing tells which is right, so all are put aside.

    Args:
        frame: Has the columns.
        wanted: Column name to Spark type name.
        keys: Columns that identify a row.
    """
    types = dict(frame.dtypes)
    read = [
        (F.expr(f"try_cast(`{name}` AS {dtype})") if types[name] == "string" else F.col(name).cast(dtype)).alias(name)
        for name, dtype in wanted.items()
    ]
    texts = [name for name, dtype in wanted.items() if types[name] == "string" and dtype != "string"]
    rows = frame.select(*read, *[F.col(name).alias(f"{_TEXT}{name}") for name in texts])
    rules = [
        F.when(F.col(name).isNull() & F.col(f"{_TEXT}{name}").isNotNull(), F.lit(f"{name}_type")) for name in texts
    ]
    unread = {name: F.col(f"{_TEXT}{name}").isNull() if name in texts else F.col(name).isNull() for name in keys}
    rules += [F.when(is_null, F.lit(f"{name}_not_null")) for name, is_null in unread.items()]
    copies = rows.withColumn(_COPIES, F.count(F.lit(1)).over(Window.partitionBy(*keys)))
    present = F.concat_ws("", *[F.when(F.col(name).isNull(), F.lit("x")) for name in keys]) == ""
    rules.append(F.when(present & (F.col(_COPIES) > 1), F.lit(UNIQUE_KEYS)))
    judged = copies.withColumn(_RULES, F.array_compact(F.array(*rules))).select(*wanted, _RULES)
    return SplitRows(
        judged.where(F.size(_RULES) == 0).drop(_RULES), judged.where(F.size(_RULES) > 0).select(*keys, _RULES)
    )
