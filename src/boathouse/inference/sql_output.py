"""Scores into a database: rows and the record of their batch in one transaction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from boathouse.errors import InferenceError
from boathouse.inference.outputs import ScoredBatch
from boathouse.tables.contract import diff_columns

if TYPE_CHECKING:
    import pyarrow as pa

# Rows of one INSERT; the transaction holds all of them.
_ROWS = 5_000


class SqlOutput:
    """``<table>``, ``<table>_quarantine`` and ``<table>_batches``, which are created where they are missing."""

    def __init__(self, url: str, table: str) -> None:
        """Remember URL and table; do not connect.

        Args:
            url: As SQLAlchemy takes it; never shown.
            table: Name of the table for the predictions.
        """
        self._url, self._table = url, table

    def has(self, batch_id: str) -> bool:
        """Return whether the batch is marked as written.

        Raises:
            InferenceError: If the database does not answer.
        """
        with _Guard(self._table), self._engine().begin() as connection:
            if not sa.inspect(connection).has_table(f"{self._table}_batches"):
                return False
            marks = self._marks(sa.MetaData())
            return connection.execute(sa.select(marks).where(marks.c.batch_id == batch_id)).first() is not None

    def write(self, batch: ScoredBatch) -> str:
        """Write mark, quarantine and predictions in one transaction; a batch that is marked is not written again.

        Raises:
            InferenceError: If a table has other columns, or the database fails.
        """
        metadata = sa.MetaData()
        marks = self._marks(metadata)
        quarantine = _describe(f"{self._table}_quarantine", batch.quarantined, metadata)
        scores = _describe(self._table, batch.predictions, metadata)
        with _Guard(self._table):
            engine = self._engine()
            with engine.begin() as connection:
                for table in (scores, quarantine):
                    _check_columns(connection, table)
            metadata.create_all(engine)
            with engine.begin() as connection:
                try:
                    # Of two concurrent runs the second waits here, and finds the mark.
                    mark = {"batch_id": batch.batch_id, "rows": len(batch.predictions), "written_at": datetime.now(UTC)}
                    connection.execute(sa.insert(marks), mark)
                except IntegrityError:
                    connection.rollback()
                    return self._table
                _insert(connection, quarantine, batch.quarantined)
                _insert(connection, scores, batch.predictions)
        return self._table

    def _engine(self) -> sa.Engine:
        return sa.create_engine(self._url, poolclass=sa.NullPool)

    def _marks(self, metadata: sa.MetaData) -> sa.Table:
        return sa.Table(
            f"{self._table}_batches",
            metadata,
            sa.Column("batch_id", sa.String(64), primary_key=True),
            sa.Column("rows", sa.BigInteger, nullable=False),
            sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        )


class _Guard:
    """Turns an error of the database into one without its text, which may hold URL or values."""

    def __init__(self, table: str) -> None:
        self._table = table

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, SQLAlchemyError | ImportError):
            raise InferenceError(
                f"Table '{self._table}' of the database cannot be written ({type(error).__name__}); its transaction "
                "was rolled back. Check the URL, the driver and the rights, then run again: a batch is never written "
                "twice."
            ) from None


def _sql_type(dtype: pa.DataType) -> sa.types.TypeEngine[Any]:
    import pyarrow as pa

    if pa.types.is_integer(dtype):
        return sa.BigInteger()
    if pa.types.is_floating(dtype):
        return sa.Double()
    if pa.types.is_date(dtype):
        return sa.Date()
    if pa.types.is_timestamp(dtype):
        return sa.DateTime(timezone=True)
    return sa.Text()


def _describe(name: str, rows: pa.Table, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(name, metadata, *[sa.Column(field.name, _sql_type(field.type)) for field in rows.schema])


def _check_columns(connection: sa.Connection, table: sa.Table) -> None:
    """Check that an existing table has the columns that are written; the database checks types."""
    if not sa.inspect(connection).has_table(table.name):
        return
    stored = {column["name"]: "column" for column in sa.inspect(connection).get_columns(table.name)}
    lines = diff_columns({column.name: "column" for column in table.columns}, stored)
    if lines:
        raise InferenceError.other_schema(table.name, lines)


def _insert(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    for chunk in rows.to_batches(max_chunksize=_ROWS):
        values = [{name: _plain(value) for name, value in row.items()} for row in chunk.to_pylist()]
        if values:
            connection.execute(sa.insert(table), values)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return lists as JSON: not every database has arrays."""
    return json.dumps(value) if isinstance(value, list) else value
