"""One save of one table: checked before, compared with what is stored, committed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.errors import TableError
from boathouse.tables.changes import FEED_PROPERTY
from boathouse.tables.commits import retry_on_conflict
from boathouse.tables.contract import DIGEST_PROPERTY, diff_columns, documentation_digest, documentation_statements
from boathouse.tables.fingerprint import Fingerprint, compute_fingerprint, fingerprint_columns
from boathouse.tables.row_rules import UNIQUE_KEYS, check_rows, nan_counts, repeated_keys, violation_counts
from boathouse.tables.write_modes import Change, commit_change, create_table, keeps_feed, plan_change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame

    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation
    from boathouse.tables.write_options import Scalar, WriteOptions


@dataclass(frozen=True)
class DeltaWriter:
    """Writes frames to one table.

    Attributes:
        location: Where the table is.
        options: How it is written.
        contract: What it must look like, or None for "as it is stored".
        named: For mode replace_where: the one slice that is replaced, also by no rows; None for those that occur.
    """

    location: TableLocation
    options: WriteOptions
    contract: TableContract | None
    named: tuple[Scalar, ...] | None = None

    def write(self, frame: DataFrame) -> bool:
        """Write ``frame``; return whether a new version came to be.

        The table is as before or as after, whatever happens; where nothing would change, nothing is
        written.

        Raises:
            TableError: If columns differ from the contract, or from the stored table while
                evolution is not allowed.
            DataQualityError: If rows break the contract.
            CommitConflictError: If other writers were always first.
            TableError: If the folder is not writable.
        """
        self.location.check_writable()
        self._check_columns(frame)
        found = self._check_rows(frame)
        before = self.location.newest_version()
        retry_on_conflict(lambda: self._attempt(frame, found), table=self.location.table, retries=self.options.retries)
        self._document()
        return before != self.location.newest_version()

    def _document(self) -> None:
        """Bring the catalog's comments and keys up to the contract, where tables are in a catalog."""
        if self.contract is None or self.location.path is not None:
            return
        session = self.location.session()
        properties = session.sql(f"SHOW TBLPROPERTIES {self.location.sql_name}").collect()
        stored = {row["key"]: row["value"] for row in properties}
        if keeps_feed(self.location, self.options) and stored.get(FEED_PROPERTY) != "true":
            session.sql(f"ALTER TABLE {self.location.sql_name} SET TBLPROPERTIES ('{FEED_PROPERTY}' = 'true')")
        if stored.get(DIGEST_PROPERTY) != documentation_digest(self.contract):
            for statement in documentation_statements(self.contract, self.location.sql_name):
                session.sql(statement)

    def _check_columns(self, frame: DataFrame) -> None:
        """Check names and types against the contract; Sail would drop and cast without a word."""
        where = f"Saving '{self.location.table}'"
        repeated = sorted({name for name in frame.columns if frame.columns.count(name) > 1})
        if repeated:
            raise TableError(f"{where}: columns occur more than once: {', '.join(repeated)}.")
        if self.contract is not None:
            self.contract.check_schema(dict(frame.dtypes), where=where)

    def _check_rows(self, frame: DataFrame) -> Fingerprint:
        """Count broken rows and take the frame's fingerprint in one action.

        Raises:
            DataQualityError: If any row breaks a rule.
        """
        rules = nan_counts(frame) | ({} if self.contract is None else violation_counts(self.contract))
        if self.options.keys and (self.contract is None or self.contract.keys != self.options.keys):
            rules[f"merge_{UNIQUE_KEYS}"] = repeated_keys(self.options.keys)
        measures = fingerprint_columns(frame, ignore=self.options.ignore_when_comparing)
        return Fingerprint.from_row(check_rows(frame, rules, *measures, table=self.location.table))

    def _attempt(self, frame: DataFrame, found: Fingerprint) -> None:
        """Look at the table as it is now and commit what is missing."""
        if self.location.newest_version() is None and create_table(self.location, self.options, self._ordered(frame)):
            return
        stored = self.location.read(self.location.require_version())
        evolves = self._check_evolution(frame, stored)
        change = plan_change(self.options, frame, stored, named=self.named)
        if change is None or (not evolves and self._is_unchanged(change, found)):
            return
        commit_change(self.location, self.options, change, evolves=evolves)

    def _check_evolution(self, frame: DataFrame, stored: DataFrame) -> bool:
        """Return whether the save changes the stored columns, if that is allowed.

        Raises:
            TableError: If it does and is not.
        """
        expected, found = dict(stored.dtypes), dict(frame.dtypes)
        lines = diff_columns(expected, found)
        retyped = any(expected.get(name, dtype) != dtype for name, dtype in found.items())
        allowed = self.options.allow_schema_evolution and (self.options.mode == "overwrite" or not retyped)
        allowed |= self.options.allow_additions and not retyped and set(expected) <= set(found)
        if lines and not allowed:
            raise TableError(_describe_evolution(self.location.table, lines))
        return bool(lines)

    def _is_unchanged(self, change: Change, found: Fingerprint) -> bool:
        """Return whether the rows that ``change`` would replace are the rows that it brings."""
        if change.is_addition:
            return False
        ignore = self.options.ignore_when_comparing
        return compute_fingerprint(change.current, ignore=ignore) == found

    def _ordered(self, frame: DataFrame) -> DataFrame:
        """Return ``frame`` with the contract's order of columns."""
        return frame if self.contract is None else frame.select(*self.contract.column_names)


def _describe_evolution(table: str, lines: Iterable[str]) -> str:
    """Return the column diff against the stored table, for a write that may not change it, and what to do."""
    diff, (environment, schema, name) = "\n".join(lines), table.split(".")
    advice = ""
    if schema == "features":
        advice = (
            "Models rely on the stored columns of a view: declare the changed view as its next version, "
            f"beside {name}, and fill its table: boathouse features backfill --env {environment} --from YYYY-MM "
            "--to YYYY-MM (docs/feature_store.md, Change). "
        )
    return (
        f"Saving '{table}': the columns are not those of the stored table.\n{diff}\n{advice}"
        "To let saves of an environment add columns, as in dev, set lakehouse.schema_evolution: additive in its "
        "globals.yml. If another change is meant, set allow_schema_evolution: true on the catalog entry for one run."
    )
