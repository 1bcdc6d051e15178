"""SQL statements: what kind each is, which tables it reads and changes, and its text in the names of Spark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from boathouse.rehearsal.connect.catalog import full_name
from boathouse.rehearsal.connect.refusals import catalog_not_found
from boathouse.rehearsal.connect.sql_tokens import (
    Name,
    Token,
    quote,
    rewrite_names,
    significant,
    split_tokens,
)
from boathouse.rehearsal.connect.unity_sql import read_unity_statement

if TYPE_CHECKING:
    from boathouse.rehearsal.connect.catalog import Catalogs
    from boathouse.rehearsal.connect.unity_sql import UnityStatement

# What stands before the table that a statement changes, and the right that it needs there. The longest first.
_TARGETS = (
    ("CREATE OR REPLACE TABLE", "WRITE"),
    ("INSERT OVERWRITE TABLE", "WRITE"),
    ("INSERT INTO TABLE", "WRITE"),
    ("INSERT OVERWRITE", "WRITE"),
    ("COMMENT ON TABLE", "MODIFY"),
    ("TRUNCATE TABLE", "MODIFY"),
    ("REPLACE TABLE", "WRITE"),
    ("RESTORE TABLE", "MODIFY"),
    ("CREATE TABLE", "WRITE"),
    ("ALTER TABLE", "MODIFY"),
    ("INSERT INTO", "WRITE"),
    ("DELETE FROM", "MODIFY"),
    ("MERGE INTO", "MODIFY"),
    ("DROP TABLE", "MANAGE"),
    ("OPTIMIZE", "MODIFY"),
    ("UPDATE", "MODIFY"),
    ("VACUUM", "MODIFY"),
)
# Words that name a kind together with the one before.
_SECOND = frozenset("HISTORY DETAIL TABLE TABLES TBLPROPERTIES INTO FROM SCHEMAS DATABASES VIEW SCHEMA".split())
# Formats: what follows them is a path, which has no name.
_PATHS = frozenset({"delta", "parquet", "csv", "json", "text", "orc", "avro", "global_temp", "system"})
_SCHEMA_LEVELS = 2


@dataclass(frozen=True, kw_only=True)
class Use:
    """One right that a statement needs.

    Attributes:
        privilege: ``SELECT``, ``MODIFY`` or ``MANAGE``; ``WRITE`` is MODIFY, or CREATE_TABLE where there is no table.
        name: ``catalog.schema.table``.
    """

    privilege: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ReadStatement:
    """A statement after it was read.

    Attributes:
        kind: Its first words, such as ``MERGE INTO``, ``DESCRIBE HISTORY`` or ``SELECT``.
        text: With the names of Spark; for a statement that is only recorded, one without rows.
        uses: Rights that it needs, the changed table first.
        unity: What a statement of Unity Catalog's own says; None for Spark's.
    """

    kind: str
    text: str
    uses: tuple[Use, ...] = ()
    unity: UnityStatement | None = None


# What Spark runs in place of a statement that is recorded: no row, and nothing happens.
_NOTHING = "SELECT 'recorded' AS result WHERE false"


def read_statement(text: str, catalogs: Catalogs, current: tuple[str, str]) -> ReadStatement:
    """Return what ``text`` is.

    Args:
        text: One statement.
        catalogs: That exist.
        current: Catalog and schema for names of fewer parts; empty for none.

    Raises:
        RefusedError: If it is malformed, or names a catalog or schema that was not created.
    """
    unity = read_unity_statement(text)
    if unity is not None:
        if unity.is_about_table:
            unity = replace(unity, name=complete_name(unity.name, catalogs, current))
        return ReadStatement(kind=unity.kind, text=_NOTHING, unity=unity)
    tokens = split_tokens(text)
    kind, privilege = _classify(significant(tokens))
    uses: list[Use] = []

    def rewrite(name: Name) -> str | None:
        parts = _locate(name, catalogs, current)
        if parts is None:
            return None
        if len(parts) > _SCHEMA_LEVELS:
            wanted = privilege if not uses and privilege and name.in_table_position else "SELECT"
            uses.append(Use(privilege=wanted, name=full_name(parts)))
        return quote(catalogs.spark_name(parts))

    return ReadStatement(kind=kind, text=rewrite_names(tokens, rewrite), uses=tuple(uses))


def complete_name(parts: tuple[str, ...], catalogs: Catalogs, current: tuple[str, str]) -> tuple[str, ...]:
    """Return the name of a table with the current catalog and schema where it lacks them."""
    parts = catalogs.original(parts)
    if len(parts) == _SCHEMA_LEVELS and current[0] and not catalogs.has_catalog(parts[0]):
        return (current[0], *parts)
    if len(parts) == 1 and all(current):
        return (*current, *parts)
    return parts


def _classify(tokens: list[Token]) -> tuple[str, str]:
    """Return the kind of a statement and the right on the table that it changes; no right where it changes none."""
    words = [token.keyword for token in tokens[:4]]
    for beginning, privilege in _TARGETS:
        expected = beginning.split()
        if words[: len(expected)] == expected:
            return beginning, privilege
    first = next((word for word in words if word), "") or "QUERY"
    second = words[1] if len(words) > 1 and words[0] == first else ""
    return (f"{first} {second}" if second in _SECOND else first), ""


def _locate(name: Name, catalogs: Catalogs, current: tuple[str, str]) -> tuple[str, ...] | None:
    """Return the parts of a name of a schema or table in the workspace's terms; None for any other name."""
    if name.is_call and not name.in_table_position:
        return None  # a function
    if len(name.parts) == 1:
        return _locate_short(name, catalogs, current)
    parts = catalogs.original(name.parts)
    if catalogs.has_catalog(parts[0]):
        return parts
    if name.in_table_position and len(parts) > _SCHEMA_LEVELS and parts[0].lower() not in _PATHS:
        raise catalog_not_found(parts[0])
    has_schema = len(parts) == _SCHEMA_LEVELS and name.in_table_position and current[0]
    if has_schema and catalogs.has_schema(current[0], parts[0]):
        return (current[0], *parts)
    return None


def _locate_short(name: Name, catalogs: Catalogs, current: tuple[str, str]) -> tuple[str, ...] | None:
    """Return the full name of a table of one part in the current schema, if it is one."""
    if not name.in_table_position or not all(current):
        return None
    full = (*current, *name.parts)
    return full if catalogs.exists(full_name(full)) else None


def is_listing(kind: str) -> bool:
    """Return whether the rows of a statement of this kind have names of tables and schemas in them."""
    return kind.split(" ", maxsplit=1)[0] in {"SHOW", "DESCRIBE", "DESC"}
