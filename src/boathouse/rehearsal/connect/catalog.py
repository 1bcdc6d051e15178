"""Unity Catalog beside Spark: catalogs and schemas that exist, their names in Spark, and what is recorded."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from boathouse.rehearsal.connect.refusals import (
    catalog_not_found,
    permission_denied,
    schema_not_found,
    table_not_found,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

SPARK_CATALOG = "spark_catalog"
_LEVELS = 3
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")


class AccessProtocol(Protocol):
    """Who somebody is and what they may do."""

    def principal_of(self, token: str) -> str | None:
        """Return the name of the token's owner, or None."""

    def may(self, principal: str, privilege: str, securable: str) -> bool:
        """Return whether ``principal`` has ``privilege`` on ``catalog[.schema[.table]]``."""

    def own(self, principal: str, securable: str) -> None:
        """Make ``principal`` the owner of what it has created."""


class Backend(Protocol):
    """Runs SQL in the names of Spark."""

    def query(self, text: str) -> pa.Table:
        """Return the rows of a statement."""


@dataclass
class TableRecord:
    """What Spark does not keep of a table.

    Attributes:
        required: Columns that were declared NOT NULL.
        keys: Columns of constraints, by the constraint's name.
        primary: Name of the primary key; empty without one.
        times: Columns of the primary key that are TIMESERIES.
        tags: Tags; those of a column under ``<column>.<key>``.
    """

    required: set[str] = field(default_factory=set)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    primary: str = ""
    times: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)


class Catalogs:
    """The catalogs of a workspace; safe to use from any thread."""

    def __init__(self, access: AccessProtocol, backend: Backend) -> None:
        """Start without any catalog."""
        self._access, self._backend = access, backend
        self._lock = threading.RLock()
        self._schemas: dict[str, dict[str, str]] = {}
        self._originals: dict[str, tuple[str, str]] = {}
        self._records: dict[str, TableRecord] = {}
        self.volumes: set[str] = set()

    def create_catalog(self, catalog: str) -> None:
        """Make the catalog, if it is not there."""
        with self._lock:
            self._schemas.setdefault(catalog.lower(), {})

    def create_schema(self, catalog: str, schema: str) -> None:
        """Make the schema, and the catalog if it is not there."""
        catalog, schema = catalog.lower(), schema.lower()
        with self._lock:
            self.create_catalog(catalog)
            if schema in self._schemas[catalog]:
                return
            database = f"{_as_word(catalog)}__{_as_word(schema)}"
            self._backend.query(f"CREATE DATABASE IF NOT EXISTS `{database}`")
            self._schemas[catalog][schema] = database
            self._originals[database] = (catalog, schema)

    def drop_schema(self, catalog: str, schema: str) -> None:
        """Remove the schema with its tables."""
        catalog, schema = catalog.lower(), schema.lower()
        with self._lock:
            database = self.database_of(catalog, schema)
            self._backend.query(f"DROP DATABASE `{database}` CASCADE")
            del self._schemas[catalog][schema], self._originals[database]
            self._records = {
                name: record for name, record in self._records.items() if not name.startswith(f"{catalog}.{schema}.")
            }

    def has_catalog(self, catalog: str) -> bool:
        """Return whether the catalog was created."""
        return catalog.lower() in self._schemas

    def has_schema(self, catalog: str, schema: str) -> bool:
        """Return whether the schema was created."""
        return schema.lower() in self._schemas.get(catalog.lower(), {})

    def database_of(self, catalog: str, schema: str) -> str:
        """Return Spark's database for a schema.

        Raises:
            RefusedError: If the catalog or the schema was not created.
        """
        if not self.has_catalog(catalog):
            raise catalog_not_found(catalog)
        if not self.has_schema(catalog, schema):
            raise schema_not_found(catalog, schema)
        return self._schemas[catalog.lower()][schema.lower()]

    def original(self, parts: Sequence[str]) -> tuple[str, ...]:
        """Return a name that is already in Spark's terms in those of the workspace; another one as it is."""
        names = tuple(parts)
        if len(names) > 1 and names[0].lower() == SPARK_CATALOG and names[1].lower() in self._originals:
            return (*self._originals[names[1].lower()], *names[2:])
        return names

    def spark_name(self, parts: Sequence[str]) -> tuple[str, ...]:
        """Return the parts of ``catalog.schema[.table…]`` as Spark has them.

        Raises:
            RefusedError: If the catalog or the schema was not created.
        """
        return (SPARK_CATALOG, self.database_of(parts[0], parts[1]), *parts[2:])

    def rename(self, text: str) -> str:
        """Return ``text`` with the names of Spark replaced by those of the workspace."""
        with self._lock:
            originals = sorted(self._originals.items(), key=lambda each: -len(each[0]))
        for database, (catalog, schema) in originals:
            if database in text:
                text = re.sub(
                    rf"(`?)(?:{SPARK_CATALOG}\1\.\1)?\b{database}\b(?!\.db\b)(`?)",
                    lambda found, c=catalog, s=schema: f"{found[1]}{c}{found[1]}.{found[1]}{s}{found[2]}",  # type: ignore[misc]
                    text,
                )
        return text

    def exists(self, name: str) -> bool:
        """Return whether the table ``catalog.schema.table`` is there."""
        catalog, schema, table = name.split(".", 2)
        if not self.has_schema(catalog, schema):
            return False
        database = self.database_of(catalog, schema)
        rows = self._backend.query(f"SHOW TABLES IN `{SPARK_CATALOG}`.`{database}`").to_pylist()
        return any(row["tableName"] == table.lower() and not row["isTemporary"] for row in rows)

    def schema_of(self, name: str) -> pa.Schema:
        """Return the columns of a table.

        Raises:
            RefusedError: If there is no such table.
        """
        if not self.exists(name):
            raise table_not_found(name)
        return self._backend.query(f"SELECT * FROM {self._quoted(name)} LIMIT 0").schema  # noqa: S608 - quoted

    def has_nulls(self, name: str, column: str) -> bool:
        """Return whether a row of the table has no value in ``column``."""
        text = f"SELECT 1 FROM {self._quoted(name)} WHERE `{column}` IS NULL LIMIT 1"  # noqa: S608 - quoted
        return bool(self._backend.query(text).num_rows)

    def _quoted(self, name: str) -> str:
        return ".".join(f"`{part}`" for part in self.spark_name(name.split(".", 2)))

    def record(self, name: str) -> TableRecord:
        """Return what is recorded of a table."""
        with self._lock:
            return self._records.setdefault(name.lower(), TableRecord())

    def forget(self, name: str) -> None:
        """Forget what is recorded of a table that is dropped."""
        with self._lock:
            self._records.pop(name.lower(), None)

    def require(self, principal: str, privilege: str, securable: str) -> None:
        """Check a right.

        Raises:
            RefusedError: If the principal does not have it.
        """
        for needed, name in _gates(securable):
            if (needed, name) != (privilege, securable) and not self._access.may(principal, needed, name):
                raise permission_denied(principal, needed, name)
        if not self._access.may(principal, privilege, securable):
            raise permission_denied(principal, privilege, securable)

    def require_write(self, principal: str, table: str) -> None:
        """Check that the principal may change the table, or make it where there is none.

        Raises:
            RefusedError: If it may not.
        """
        catalog, schema, _ = table.split(".", 2)
        self.database_of(catalog, schema)
        if self.exists(table):
            self.require(principal, "MODIFY", table)
            return
        self.require(principal, "CREATE_TABLE", f"{catalog}.{schema}")
        # Who makes a table owns it.
        self._access.own(principal, table)


def _gates(securable: str) -> Iterator[tuple[str, str]]:
    """Give what has to be held around a securable before anything in it can be used."""
    parts = securable.split(".")
    yield "USE_CATALOG", parts[0]
    if len(parts) > 1:
        yield "USE_SCHEMA", ".".join(parts[:2])


def _as_word(name: str) -> str:
    """Return a name of which Spark makes a database: letters, digits and underscores."""
    return _NO_NAME.sub(lambda found: f"_x{ord(found[0]):02x}_", name)


def full_name(parts: Sequence[str]) -> str:
    """Return the name of a table or schema, in small letters as the platform keeps it."""
    return ".".join(parts[:_LEVELS]).lower()
