"""What a catalog refuses, in the words of the project: a schema that was not made, a right that is missing."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boathouse.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

_NO_SCHEMA = re.compile(r"SCHEMA_NOT_FOUND|NO_SUCH_(CATALOG|SCHEMA|DATABASE)|CATALOG_NOT_FOUND", re.IGNORECASE)
_DENIED = re.compile(r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED", re.IGNORECASE)


def explain_refusal(error: Exception, table: str) -> TableError | None:
    """Return the error of the project for what the catalog refused about ``table``; None for any other error.

    Args:
        error: Of the engine.
        table: Full name.
    """
    text = str(error)
    if _NO_SCHEMA.search(text):
        return TableError.missing_schema(table)
    if _DENIED.search(text):
        reason = re.search(r"(?:User|Principal)\b[^\n]*? (?:does not|on) [^\n]*?(?=\.? SQLSTATE|\.\s|\.?$)", text)
        return TableError.denied(table, reason[0] if reason else "")
    return None


def list_catalog_tables(session: SparkSession, schema: str, *, like: str = "*") -> list[str]:
    """Return the names of the tables of ``<catalog>.<schema>``, sorted; none if there is no such schema.

    By a statement, which is run each time: Spark Connect answers the catalog's own questions (``tableExists``) from a
    cache of plans when another process of the same session has asked the same before, as the batches of a stream do.

    Args:
        session: Where the catalog is.
        schema: Catalog and schema.
        like: Name, or a pattern of SHOW TABLES.

    Raises:
        TableError: If this identity may not look.
    """
    from pyspark.errors import PySparkException

    quoted = ".".join(f"`{part}`" for part in schema.split("."))
    try:
        with explained(schema):
            rows = session.sql(f"SHOW TABLES IN {quoted} LIKE '{like}'").collect()
    except TableError as error:
        if isinstance(error.__cause__, PySparkException) and _NO_SCHEMA.search(str(error.__cause__)):
            return []
        raise
    return sorted(row["tableName"] for row in rows if not row["isTemporary"])


@contextmanager
def explained(table: str) -> Iterator[None]:
    """Give what the catalog refuses inside as an error of the project; other errors pass as they are.

    Raises:
        TableError: If a schema or a right is missing; with what to do.
    """
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        own = explain_refusal(error, table)
        if own is None:
            raise
        raise own from error
