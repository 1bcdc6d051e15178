"""What single commits of a Delta table in a folder did: files added and taken away, columns, operation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pyspark.sql.types import StructType


@dataclass(frozen=True, kw_only=True)
class AddedFile:
    """One data file.

    Attributes:
        path: Relative to the table's folder.
        partition: Partition values as text, by column; null is null.
        rows: Its rows; None if the log does not tell.
    """

    path: str
    partition: Mapping[str, str | None]
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One version.

    Attributes:
        version: Its number.
        added: Files with rows that are new; files that only rearrange rows are left out.
        took_away: Whether rows were deleted, updated or overwritten.
        columns: Column name to Spark type name where the commit states them, else None.
        operation: What did it, in Delta's words.
        committed_at: When, UTC; None if the commit does not tell.
    """

    version: int
    added: tuple[AddedFile, ...]
    took_away: bool
    columns: Mapping[str, str] | None
    operation: str
    committed_at: datetime | None

    @property
    def rows(self) -> int | None:
        """Rows added; None if a file does not tell."""
        counts = [file.rows for file in self.added]
        return None if None in counts else sum(count for count in counts if count is not None)


def read_commit(path: str, version: int) -> Commit | None:
    """Return what ``version`` of the table in folder ``path`` did, or None if its log entry is not there."""
    file = Path(path) / "_delta_log" / f"{version:020d}.json"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    actions: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    info: dict[str, Any] = next((each["commitInfo"] for each in actions if "commitInfo" in each), {})
    stated = [each["metaData"] for each in actions if "metaData" in each]
    stamp = info.get("timestamp")
    return Commit(
        version=version,
        added=tuple(_describe_file(each["add"]) for each in actions if "add" in each and _changes(each["add"])),
        took_away=any("remove" in each and _changes(each["remove"]) for each in actions),
        columns=read_columns(stated[-1]["schemaString"]) if stated else None,
        operation=str(info.get("operation", "unknown operation")),
        committed_at=None if stamp is None else datetime.fromtimestamp(stamp / 1000, tz=UTC),
    )


def read_columns(schema: str) -> dict[str, str]:
    """Return column name to Spark type name of a schema as the log writes it."""
    return {field.name: field.dataType.simpleString() for field in StructType.fromJson(json.loads(schema)).fields}


def _changes(action: dict[str, Any]) -> bool:
    """Return whether an action changes data; compaction does not."""
    return bool(action.get("dataChange", True))


def _describe_file(add: dict[str, Any]) -> AddedFile:
    rows = json.loads(add["stats"]).get("numRecords") if add.get("stats") else None
    # The log holds paths as URIs.
    return AddedFile(path=unquote(add["path"]), partition=add.get("partitionValues") or {}, rows=rows)
