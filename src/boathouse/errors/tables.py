"""Errors of tables and engines. Constructors are for messages that several places raise."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class TableError(BoathouseError):
    """A table cannot be read or written as asked."""

    @classmethod
    def read_only(cls, table: str) -> TableError:
        """Name the table and the catalog option that protects it."""
        return cls(f"Table '{table}' is read-only here (read_only: true in the catalog); nothing was written.")

    @classmethod
    def failed(cls, table: str, action: str, reason: str) -> TableError:
        """Name the table, what was tried and the engine's kind of error."""
        return cls(f"Table '{table}' cannot be {action}: {reason}")

    @classmethod
    def missing_version(cls, table: str, wanted: str, newest: int) -> TableError:
        """Name the version asked for and the newest there is."""
        return cls(f"Table '{table}' has no {wanted}; its newest version is {newest}.")

    @classmethod
    def missing_schema(cls, table: str) -> TableError:
        """Name the schema that the catalog does not have, and who makes it."""
        schema, catalog = table.rpartition(".")[0], table.partition(".")[0]
        return cls(
            f"Table '{table}' has no place: the schema '{schema}' does not exist. Nothing was written. Schemas are "
            "made by deploying the bundle: databricks bundle deploy --target <target>. The deployer needs CREATE "
            f"SCHEMA on the catalog '{catalog}'."
        )

    @classmethod
    def denied(cls, table: str, reason: str) -> TableError:
        """Name the table and what the catalog says is missing."""
        said = f": {reason}" if reason else ""
        return cls(
            f"Table '{table}' is not for this identity{said}. Nothing was written. Each environment writes its "
            "own catalog alone. What is missing there is granted by the bundle (grants of its schemas) when it is "
            "deployed: databricks bundle deploy --target <target>."
        )

    @classmethod
    def wrong_columns(cls, table: str, lines: Iterable[str], *, where: str) -> TableError:
        """Show the column diff against the contract of ``table``."""
        diff = "\n".join(lines)
        return cls(
            f"{where}: the columns are not those of the contract '{table}'.\n{diff}\n"
            "Change the data, or the contract and the code that fills it, in one commit."
        )


class CommitConflictError(TableError):
    """Another writer committed first; callers that can, retry."""

    @classmethod
    def moved_on(cls, table: str) -> CommitConflictError:
        """Name the table whose newest version changed since it was read."""
        return cls(f"Table '{table}': another writer committed first; nothing was written. Look again and retry.")

    @classmethod
    def after_retries(cls, table: str, attempts: int) -> CommitConflictError:
        """Name the table and the number of attempts."""
        return cls(
            f"Table '{table}': other writers committed first in all {attempts} attempts; nothing was written. "
            "Run again, or raise 'retries' on the catalog entry."
        )


class DataQualityError(BoathouseError):
    """Data break their contract so badly that nothing may be published."""

    @classmethod
    def empty_file(cls, path: str) -> DataQualityError:
        """Name the file that has no rows."""
        return cls(f"The file {path} has no rows; nothing was read. Ask its supplier for a complete one.")

    @classmethod
    def empty_partition(cls, table: str, column: str, *, broken: int, rows: int) -> DataQualityError:
        """Name the partition column that has empty texts."""
        return cls(
            f"Table '{table}': {broken} of {rows} rows have an empty text in '{column}', by which the table is "
            "partitioned, or __HIVE_DEFAULT_PARTITION__; nothing was written. Both come back as null. Write null, or "
            "a text that says what is meant."
        )

    @classmethod
    def missing_periods(cls, table: str, periods: Iterable[str]) -> DataQualityError:
        """Name the days or months between the first and the last that have no rows."""
        return cls(
            f"Table '{table}': expected rows for every period from the first to the last, found none for "
            f"{', '.join(periods)}; nothing was published. Deliver the missing rows."
        )


class EngineError(BoathouseError):
    """An engine cannot start or does not offer what was asked of it."""

    @classmethod
    def not_installed(cls, engine: str, what: str, command: str) -> EngineError:
        """Name the engine, what it lacks and the command that installs it."""
        return cls(f"The engine '{engine}' cannot start: {what} is missing. Install it: {command}.")
