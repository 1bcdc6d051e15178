"""Errors of tables: missing, changed, in conflict, or with rows that break a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from boathouse.core.errors.base import BoathouseError


class TableError(BoathouseError):
    """A table cannot be read or written as asked."""

    @classmethod
    def not_writable(cls, table: str, path: str) -> TableError:
        """Name the table and the folder that refuses it."""
        return cls(
            f"Table '{table}' cannot be written: {path} is no writable folder. "
            "Make it one, or set BOATHOUSE_DATA to a folder that is."
        )

    @classmethod
    def wrong_form(cls, table: str, found: str) -> TableError:
        """Name the kind of object that was to be saved."""
        return cls(f"Table '{table}': expected a frame of Spark, pandas, pyarrow or polars, found {found}.")

    @classmethod
    def failed(cls, table: str, action: str, reason: str) -> TableError:
        """Name the table, what was tried and the engine's kind of error."""
        return cls(f"Table '{table}' cannot be {action}: {reason}")

    @classmethod
    def missing_extract(cls, path: str) -> TableError:
        """Name the file that has not been delivered."""
        return cls(f"There is no extract {path}. Put the delivered file there, or change 'raw_folder' in globals.yml.")

    @classmethod
    def wrong_slice_type(cls, table: str, column: str, dtype: str, allowed: Iterable[str]) -> TableError:
        """Name the column, its type and the types that can tell slices apart."""
        return cls(f"Table '{table}': slices by '{column}' ({dtype}); allowed types: {', '.join(sorted(allowed))}.")

    @classmethod
    def too_many_slices(cls, table: str, columns: Iterable[str], found: int, limit: int) -> TableError:
        """Say how many distinct slices one write touches and how many it may."""
        return cls(
            f"Table '{table}': {found} or more distinct values of {', '.join(columns)} in one write, at most {limit} "
            "are allowed. Choose a coarser column or mode merge."
        )

    @classmethod
    def foreign_slice(cls, table: str, columns: Iterable[str], found: int) -> TableError:
        """Say that rows belong to another slice than the one that is replaced."""
        return cls(f"Table '{table}': the rows have {found} values of {', '.join(columns)} outside the slice replaced.")

    @classmethod
    def missing_version(cls, table: str, wanted: str, newest: int) -> TableError:
        """Name the version asked for and the newest there is."""
        return cls(f"Table '{table}' has no {wanted}; its newest version is {newest}.")

    @classmethod
    def vacuumed(cls, path: str, version: int, files: int) -> TableError:
        """Give the version whose files are gone and how many are."""
        return cls(
            f"Version {version} of the table in {path} cannot be read: {files} of its files are gone, probably "
            "vacuumed. Read a newer version, or make the table anew from its sources."
        )

    @classmethod
    def no_changes(cls, table: str, since: int, until: int, reasons: Iterable[str]) -> TableError:
        """Name the table, the two versions and why what changed between them cannot be told."""
        return cls(
            f"Table '{table}': what changed from version {since} to {until} cannot be told: {'; '.join(reasons)}. "
            "Publish all of it: boathouse features publish --mode full."
        )

    @classmethod
    def no_table(cls, path: str, version: int) -> TableError:
        """Name the folder in which there is no table."""
        return cls(f"There is no table in {path}, so its version {version} cannot be read.")

    @classmethod
    def log_cleaned(cls, path: str, version: int) -> TableError:
        """Give the version that the log does not lead to any more."""
        return cls(
            f"Version {version} of the table in {path} cannot be read: the log no longer goes back that far, probably "
            "cleaned up. Read a newer version, or make the table anew from its sources."
        )


class MissingTableError(TableError):
    """A table that a pipeline reads does not exist in this environment."""

    @classmethod
    def in_environment(cls, table: str, environment: str, place: str, made_by: str | None) -> MissingTableError:
        """Name table, environment, where it was looked for and the command that makes it."""
        pipeline = f"--pipeline {made_by} " if made_by else ""
        return cls(
            f"Table '{table}' does not exist in environment '{environment}' (looked for {place}). "
            f"Make it: kedro run {pipeline}--env {environment}"
        )


class SchemaMismatchError(TableError):
    """The columns found are not the columns expected."""

    @classmethod
    def from_diff(cls, table: str, lines: Iterable[str], *, where: str) -> SchemaMismatchError:
        """Show the column diff against the contract of ``table``."""
        diff = "\n".join(lines)
        return cls(
            f"{where}: the columns are not those of the contract '{table}'.\n{diff}\n"
            "Change the data, or the contract and the code that fills it, in one commit."
        )

    @classmethod
    def repeated_columns(cls, table: str, names: Iterable[str]) -> SchemaMismatchError:
        """Name the columns that occur more than once."""
        return cls(f"Saving '{table}': columns occur more than once: {', '.join(names)}.")

    @classmethod
    def from_stored(cls, table: str, lines: Iterable[str]) -> SchemaMismatchError:
        """Show the column diff against the stored table, for a write that may not change it."""
        diff, (environment, schema, name) = "\n".join(lines), table.split(".")
        advice = ""
        if schema == "features":
            advice = (
                "Models rely on the stored columns of a view: declare the changed view as its next version, "
                f"beside {name}, and fill its table: boathouse features backfill --env {environment} --from YYYY-MM "
                "--to YYYY-MM (docs/feature_store.md, Change). "
            )
        return cls(
            f"Saving '{table}': the columns are not those of the stored table.\n{diff}\n{advice}"
            "To let saves of an environment add columns, as in dev, set lakehouse.schema_evolution: additive in its "
            "globals.yml. If another change is meant, set allow_schema_evolution: true on the catalog entry for one "
            "run."
        )


class ReadOnlyTableError(TableError):
    """A write was tried on a table opened for reading only."""

    @classmethod
    def on_save(cls, table: str) -> ReadOnlyTableError:
        """Name the table and the catalog option that protects it."""
        return cls(f"Table '{table}' is read-only here (read_only: true in the catalog); nothing was written.")


class CommitConflictError(TableError):
    """Another writer changed the table at the same time, more often than retries allow."""

    @classmethod
    def moved_on(cls, table: str) -> CommitConflictError:
        """Name the table that has grown since it was looked at."""
        return cls(f"Table '{table}': another writer committed first; nothing was written. Look again and retry.")

    @classmethod
    def after_retries(cls, table: str, attempts: int) -> CommitConflictError:
        """Name the table and how often it was tried."""
        return cls(
            f"Table '{table}': other writers committed first in all {attempts} attempts; nothing was written. "
            "Run again, or raise 'retries' on the catalog entry."
        )


class DataQualityError(BoathouseError):
    """Data break their contract so badly that nothing may be published."""

    @classmethod
    def no_rows(cls, table: str) -> DataQualityError:
        """Name the table that would become empty."""
        return cls(f"Table '{table}': there are no rows to clean; nothing was published. Check the extract.")

    @classmethod
    def no_dates(cls, column: str) -> DataQualityError:
        """Name the column whose newest date was to be taken."""
        return cls(
            f"No row has a date in '{column}', so the newest known date cannot be taken. "
            "Fill the table first, or name a date: --params as_of=YYYY-MM-DD."
        )

    @classmethod
    def null_columns(cls, table: str, columns: Iterable[str]) -> DataQualityError:
        """Name the columns that hold no value at all."""
        return cls(
            f"Table '{table}': no row has a value in {', '.join(columns)}; nothing was published. "
            "The extract is broken upstream: ask for a complete one."
        )

    @classmethod
    def missing_periods(cls, table: str, periods: Iterable[str]) -> DataQualityError:
        """Name the months between the first and the last that have no rows."""
        return cls(
            f"Table '{table}': expected rows for every month from the first to the last, found none for "
            f"{', '.join(periods)}; nothing was published. Deliver the missing months."
        )

    @classmethod
    def above_limit(cls, table: str, counts: Mapping[str, int], *, rows: int, limit: float) -> DataQualityError:
        """Name rules with their counts, and the limit that they exceed together."""
        lines = "\n".join(f"  {rule}: {count:,}" for rule, count in sorted(counts.items()))
        return cls(
            f"Table '{table}': more than {limit:.2%} of {rows:,} rows break its rules; nothing was published.\n"
            f"{lines}\n"
            "Correct the extract, or change data_prep.quality.max_quarantined_share."
        )

    @classmethod
    def unbalanced_scoring(cls, rows: int, scored: int, quarantined: int) -> DataQualityError:
        """Give the three counts that should add up."""
        return cls(
            f"Scoring took {rows:,} rows in, but {scored:,} scored and {quarantined:,} quarantined came out. "
            "Nothing was published. Look for repeated keys in the feature tables, or rows dropped by the scorer."
        )

    @classmethod
    def no_cohorts(cls, wanted: str, as_of: object) -> DataQualityError:
        """Name the months asked for and what is known."""
        return cls(
            f"No statement is dated in {wanted} and known by {as_of}: there is nothing to score. "
            "Choose other months (batch_inference.scoring.from_month, to_month) or another as_of."
        )

    @classmethod
    def empty_file(cls, path: str) -> DataQualityError:
        """Name the file that has no rows."""
        return cls(f"The extract {path} has no rows; nothing was read. Ask its supplier for a complete one.")

    @classmethod
    def ragged_file(cls, path: str, line: int, found: int, expected: int) -> DataQualityError:
        """Name the line whose number of fields is wrong."""
        return cls(f"The extract {path} has {found} fields in line {line}, expected {expected}; nothing was read.")

    @classmethod
    def not_utf8(cls, path: str) -> DataQualityError:
        """Name the file that is in another encoding."""
        return cls(f"The extract {path} is not UTF-8; nothing was read. Ask its supplier for UTF-8.")

    @classmethod
    def from_counts(cls, table: str, counts: Mapping[str, int], *, rows: int) -> DataQualityError:
        """Name table and broken rules with their row counts, never values."""
        lines = "\n".join(f"  {rule}: {count} of {rows} rows" for rule, count in sorted(counts.items()))
        return cls(f"Table '{table}': rows break its contract; nothing was written.\n{lines}")
