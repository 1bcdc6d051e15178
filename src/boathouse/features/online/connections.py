"""Connections through SQLAlchemy's pool, and what each failure of a database means."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.errors import OnlineStoreError
from boathouse.features.online.tables import POSTGRESQL, SQLITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

_MILLISECONDS = 1000
# Names of PostgreSQL's errors that are more precise than their class.
_READ_ONLY = ("ReadOnlySqlTransaction", "InsufficientPrivilege")
_FULL = ("DiskFull", "OutOfMemory")
_REPEATED = ("UniqueViolation", "CardinalityViolation", "NotNullViolation")
_MISSING = ("UndefinedTable", "UndefinedColumn")
# Pages of a SQLite file that a connection keeps in memory, in KiB: look-ups of many keys hit the same ones.
_CACHE_KIB = 16_384


class Connections:
    """Two pools of one database: one that commits each statement, one for transactions."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        """Remember the URL; connect to nothing.

        Raises:
            OnlineStoreError: If it names another database than SQLite or PostgreSQL.
        """
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            self._url = make_url(url)
        except ArgumentError as error:
            raise OnlineStoreError.unavailable("given", "its URL cannot be read") from error
        self.dialect = self._url.get_backend_name()
        self.where = self._url.render_as_string(hide_password=True)
        if self.dialect not in (SQLITE, POSTGRESQL):
            raise OnlineStoreError.unavailable(
                self.where, f"{self.dialect} is not supported; SQLite and PostgreSQL are"
            )
        self.mark = "?" if self.dialect == SQLITE else "%s"
        self._timeout_s = timeout_s
        self._file: tuple[int, int] | None = None
        # How often another file has been found in the place of the one that was read.
        self.replaced = 0
        self._reader, self._writer = self._make(autocommit=True), self._make(autocommit=False)

    def read(self, text: str, parameters: Sequence[Any], *, view: str) -> list[Any]:
        """Return the rows of one statement; a connection that has died since is replaced once.

        Raises:
            OnlineStoreError: If the store does not answer or lacks a view.
        """
        import sqlalchemy.exc

        if self.dialect == SQLITE:
            self._check_file(view)
        for is_last in (False, True):
            connection = None
            try:
                connection = self._reader.raw_connection()
                cursor = connection.cursor()
                cursor.execute(text, parameters)
                rows = list(cursor.fetchall())
                cursor.close()
            except (self._error_class, sqlalchemy.exc.DBAPIError) as error:
                cause = getattr(error, "orig", None) or error
                if connection is not None and self.dialect == SQLITE:
                    # Opening a file costs little, and what was broken may not be in the next connection.
                    connection.invalidate()
                if self._is_disconnect(cause):
                    if connection is not None:
                        connection.invalidate()
                    self._reader.dispose()
                    if not is_last:
                        continue
                raise self._explain(cause, view, reading=True) from error
            else:
                return rows
            finally:
                if connection is not None:
                    connection.close()
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    @contextmanager
    def write(self, view: str) -> Iterator[Any]:
        """Give the cursor of a transaction that is committed at the end, or rolled back with an error.

        One transaction at a time writes a view.

        Raises:
            OnlineStoreError: If the store is down, full, read-only, or a key comes twice.
        """
        import sqlalchemy.exc

        if self.dialect == SQLITE:
            self._check_folder()
        connection = None
        try:
            connection = self._writer.raw_connection()
            cursor = connection.cursor()
            self._begin(cursor, view)
            yield cursor
            connection.commit()
        except (self._error_class, sqlalchemy.exc.DBAPIError) as error:
            cause = getattr(error, "orig", None) or error
            if connection is not None and self._is_disconnect(cause):
                connection.invalidate()
            raise self._explain(cause, view, reading=False) from (None if _quotes_values(cause) else error)
        finally:
            if connection is not None:
                # Given back to the pool, which rolls back what was not committed.
                connection.close()

    def close(self) -> None:
        """Close the connections of both pools."""
        self._reader.dispose()
        self._writer.dispose()

    @property
    def _error_class(self) -> type[Exception]:
        if self.dialect == SQLITE:
            return sqlite3.Error
        import psycopg

        return psycopg.Error

    def _make(self, *, autocommit: bool) -> Engine:
        from sqlalchemy import create_engine, event

        arguments: dict[str, Any] = {"timeout": self._timeout_s, "check_same_thread": False, "isolation_level": None}
        if self.dialect == POSTGRESQL:
            wait = int(self._timeout_s * _MILLISECONDS)
            limit = f"-c statement_timeout={wait}" if autocommit else f"-c lock_timeout={wait}"
            connect = max(2, round(self._timeout_s))
            # Given here, options replace those of the URL instead of adding to them.
            own = str(self._url.query.get("options", ""))
            arguments = {"connect_timeout": connect, "options": f"{own} {limit}", "autocommit": autocommit}
        # Nothing to roll back after a single statement: resetting would be a second round trip.
        reset = None if autocommit else "rollback"
        engine = create_engine(
            self._url, connect_args=arguments, pool_reset_on_return=reset, pool_pre_ping=not autocommit
        )
        if self.dialect == SQLITE:
            event.listen(engine, "connect", _prepare_sqlite)
        return engine

    def _begin(self, cursor: Any, view: str) -> None:  # noqa: ANN401 - a DBAPI cursor
        if self.dialect == SQLITE:
            cursor.execute("BEGIN IMMEDIATE")
        else:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"boathouse {view}",))

    def _check_file(self, view: str) -> None:
        """Let go of a file that was deleted or replaced: open connections would go on reading it for ever.

        Raises:
            OnlineStoreError: If there is none.
        """
        try:
            found = Path(self._url.database or "").stat()
        except OSError as error:
            self._file = None
            raise OnlineStoreError.not_published([view]) from error
        file = (found.st_dev, found.st_ino)
        if file != self._file:
            self._file, self.replaced = file, self.replaced + 1
            self._reader.dispose()
            self._writer.dispose()

    def _check_folder(self) -> None:
        folder = Path(self._url.database or "").absolute().parent
        if not folder.is_dir():
            raise OnlineStoreError.unavailable(self.where, f"{folder.as_posix()} is not a folder")

    def _is_disconnect(self, error: Exception) -> bool:
        if self.dialect == SQLITE:
            return False
        import psycopg

        lost = isinstance(error, psycopg.OperationalError) and getattr(error, "sqlstate", None) in (None, "57P01")
        return lost or isinstance(error, psycopg.InterfaceError)

    def _explain(self, error: Exception, view: str, *, reading: bool) -> OnlineStoreError:
        """Return what ``error`` means; its own text may hold keys and stays out of the message."""
        kind = getattr(error, "sqlite_errorname", "") or type(error).__name__
        text = str(error)
        if kind in _MISSING or "no such table" in text or "no such column" in text:
            return OnlineStoreError.not_published([view])
        if reading:
            return OnlineStoreError.unavailable(self.where, kind)
        if kind in _REPEATED or kind.startswith("SQLITE_CONSTRAINT"):
            return OnlineStoreError.not_written(view, "a key comes twice, or a key or time is missing.")
        if kind in _FULL or kind == "SQLITE_FULL":
            return OnlineStoreError.not_written(view, f"the store {self.where} is full ({kind}).")
        if kind in _READ_ONLY or kind.startswith("SQLITE_READONLY"):
            return OnlineStoreError.not_written(view, f"the store {self.where} is read-only ({kind}).")
        return OnlineStoreError.unavailable(self.where, kind)


def _quotes_values(error: Exception) -> bool:
    """Return whether the database quotes the row in its message, which then must not reach a log."""
    return type(error).__name__ in _REPEATED


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Let readers go on while one writes; a crash of the machine may lose the last publish, never half of it."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
