"""How delivered text is read as a type: the same on every engine, and nothing that only looks like a value."""

from __future__ import annotations

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from boathouse.core.tables import Column

_WHOLE = r"\A[+-]?[0-9]+\z"
# Engines cast more than this, and not the same: 1d, NaN, Infinity, 2005-04, 2005-04-01T00:00:00.
_FORMS = {
    "int": _WHOLE,
    "bigint": _WHOLE,
    "double": r"\A[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z",
    "date": r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z",
}


def read_text(column: Column) -> SparkColumn:
    """Return the typed value of a text column of the same name; null where the text is no such value.

    Spaces around a value do not count. Numbers are decimal, with a point and no thousands separator;
    dates are ``YYYY-MM-DD``; a number too great for its type is no value.
    """
    value = F.expr(f"try_cast(trim(`{column.name}`) as {column.dtype})")
    if column.dtype in _FORMS:
        value = F.when(F.trim(F.col(column.name)).rlike(_FORMS[column.dtype]), value)
    if column.dtype == "double":
        # 1e400 reads as infinity.
        value = F.when(F.abs(value) < F.lit(float("inf")), value)
    return value.alias(column.name)
