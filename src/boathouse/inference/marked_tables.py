"""Tables that remember in their own log up to where a stream has been written: rows and mark in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pyspark.sql import functions as F

from boathouse.core.errors import CommitConflictError, DataQualityError
from boathouse.core.inference.stream_contracts import SOURCE_BATCH
from boathouse.core.tables.row_rules import nan_counts, violation_counts
from boathouse.datasets.delta_log import open_log
from boathouse.datasets.frames import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from boathouse.core.tables import TableContract
    from boathouse.datasets.delta_place import TablePlace


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

    def __init__(self, place: TablePlace, contract: TableContract, *, application: str) -> None:
        """Remember table and stream; read nothing.

        Args:
            place: Where the table is or will be.
            contract: What it looks like.
            application: Names the stream in the table's log.
        """
        self._place, self._contract, self._application = place, contract, application

    def read(self) -> DataFrame | None:
        """Return the rows so far, lazily."""
        log = open_log(self._place)
        return self._place.read(log.newest()) if log.exists() else None

    def mark(self) -> int | None:
        """Return the last source batch written."""
        return self._find_mark(self._open()) if open_log(self._place).exists() else None

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add what is new of ``rows``.

        Raises:
            DataQualityError: If rows break the contract.
            CommitConflictError: If the same stream, started twice, was first.
        """
        from deltalake import CommitProperties, write_deltalake
        from deltalake.exceptions import CommitFailedError
        from deltalake.transaction import Transaction

        table = self._open_or_create()
        mark = self._find_mark(table)
        if mark is not None and mark >= upto:
            return
        new = rows if mark is None else rows.where(F.col(SOURCE_BATCH) > mark)
        check_rows(new, self._contract, self._place.table)
        data = new.select(*self._contract.column_names).toArrow().cast(self._schema())
        properties = CommitProperties(app_transactions=[Transaction(self._application, upto)])
        try:
            write_deltalake(table, data, mode="append", commit_properties=properties)
        except CommitFailedError as error:
            raise CommitConflictError.moved_on(self._place.table) from error

    def _find_mark(self, table: DeltaTable) -> int | None:
        found = table.transaction_version(self._application)
        return None if found is None else int(found)

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(str(self._place.path))

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        self._place.check_writable()
        with self._place.creation_lock():
            return DeltaTable.create(str(self._place.path), self._schema(), mode="ignore")

    def _schema(self) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([pa.field(each.name, arrow_type(each.dtype)) for each in self._contract.columns])


class EngineMarkedTable:
    """A table written by Spark, which honours the marks of a commit."""

    def __init__(self, place: TablePlace, contract: TableContract, *, application: str) -> None:
        """Remember table and stream; read nothing."""
        self._place, self._contract, self._application = place, contract, application

    def read(self) -> DataFrame | None:
        """Return the rows so far, lazily."""
        log = open_log(self._place)
        return self._place.read(log.newest()) if log.exists() else None

    def mark(self) -> int | None:
        """Return None: Spark compares the marks when it commits."""
        return None

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add ``rows``, unless a commit of the stream for ``upto`` or a later batch is there.

        Raises:
            DataQualityError: If rows break the contract.
        """
        check_rows(rows, self._contract, self._place.table)
        self._create()
        writer = rows.select(*self._contract.column_names).write.format("delta").mode("append")
        self._place.save(writer.option("txnAppId", self._application).option("txnVersion", upto))

    def _create(self) -> None:
        """Make the table where there is none."""
        with self._place.creation_lock():
            if not open_log(self._place).exists():
                columns = ", ".join(f"`{each.name}` {each.dtype}" for each in self._contract.columns)
                nothing = self._place.session().createDataFrame([], columns)
                self._place.save(nothing.write.format("delta").mode("ignore"))


def check_rows(rows: DataFrame, contract: TableContract, table: str) -> None:
    """Check columns and rules of ``rows``; one action.

    Raises:
        SchemaMismatchError: If a column is not the contract's.
        DataQualityError: If rows break a rule.
    """
    contract.check_schema(dict(rows.dtypes), where=f"Streaming into '{table}'")
    rules = nan_counts(rows) | violation_counts(contract)
    counts = [F.count(F.lit(1)).alias("__rows"), *(count.alias(rule) for rule, count in rules.items())]
    row = rows.agg(*counts).collect()[0]
    broken = {rule: row[rule] for rule in rules if row[rule]}
    if broken:
        raise DataQualityError.from_counts(table, broken, rows=row["__rows"])
