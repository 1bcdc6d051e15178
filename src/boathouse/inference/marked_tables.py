"""Tables that remember in their own log up to where a stream has been written: rows and mark in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pyspark.sql import functions as F

from boathouse.problem.scored_tables import SOURCE_BATCH
from boathouse.tables.commits import append_once, last_transaction
from boathouse.tables.delta_log import open_log
from boathouse.tables.row_rules import check_rows, nan_counts, violation_counts

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation


class MarkedTable(Protocol):
    """One target of a stream."""

    def read(self) -> DataFrame | None:
        """Return the rows so far; None if there is no table yet."""

    def mark(self) -> int | None:
        """Return the last source batch written; None if there is none, or the engine keeps it to itself."""

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add ``rows`` and the mark ``upto`` in one commit; rows up to the present mark are there already."""


class PathMarkedTable:
    """A table in a folder, written through ``deltalake``: Sail ignores the marks of a commit."""

    def __init__(self, location: TableLocation, contract: TableContract, *, application: str) -> None:
        """Remember table and stream; read nothing.

        Args:
            location: Where the table is or will be.
            contract: What it looks like.
            application: Names the stream in the table's log.
        """
        self._location, self._contract, self._application = location, contract, application

    def read(self) -> DataFrame | None:
        """Return the rows so far, lazily."""
        return self._location.read_newest()

    def mark(self) -> int | None:
        """Return the last source batch written."""
        return last_transaction(self._open(), self._application) if open_log(self._location).exists() else None

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add what is new of ``rows``.

        Raises:
            DataQualityError: If rows break the contract.
            CommitConflictError: If the same stream, started twice, was first.
        """
        table = self._open_or_create()
        mark = last_transaction(table, self._application)
        if mark is not None and mark >= upto:
            return
        new = rows if mark is None else rows.where(F.col(SOURCE_BATCH) > mark)
        _check(new, self._contract, self._location.table)
        data = new.select(*self._contract.column_names).toArrow().cast(self._contract.arrow_schema)
        append_once(table, data, name=self._location.table, application=self._application, number=upto)

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(str(self._location.path))

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        self._location.check_writable()
        with self._location.creation_lock():
            return DeltaTable.create(str(self._location.path), self._contract.arrow_schema, mode="ignore")


class EngineMarkedTable:
    """A table written by Spark, which honours the marks of a commit."""

    def __init__(self, location: TableLocation, contract: TableContract, *, application: str) -> None:
        """Remember table and stream; read nothing."""
        self._location, self._contract, self._application = location, contract, application

    def read(self) -> DataFrame | None:
        """Return the rows so far, lazily."""
        return self._location.read_newest()

    def mark(self) -> int | None:
        """Return None: Spark compares the marks when it commits."""
        return None

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add ``rows``, unless a commit of the stream for ``upto`` or a later batch is there.

        Raises:
            DataQualityError: If rows break the contract.
        """
        _check(rows, self._contract, self._location.table)
        self._create()
        writer = rows.select(*self._contract.column_names).write.format("delta").mode("append")
        self._location.save(writer.option("txnAppId", self._application).option("txnVersion", upto))

    def _create(self) -> None:
        """Make the table where there is none."""
        with self._location.creation_lock():
            if not open_log(self._location).exists():
                nothing = self._location.session().createDataFrame([], self._contract.ddl)
                self._location.save(nothing.write.format("delta").mode("ignore"))


def _check(rows: DataFrame, contract: TableContract, table: str) -> None:
    """Check columns and rules of ``rows``; one action.

    Raises:
        TableError: If a column is not the contract's.
        DataQualityError: If rows break a rule.
    """
    contract.check_schema(dict(rows.dtypes), where=f"Streaming into '{table}'")
    check_rows(rows, nan_counts(rows) | violation_counts(contract), table=table)
