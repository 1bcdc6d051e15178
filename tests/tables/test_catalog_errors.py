"""What a catalog refuses, in the words of the project; what the log of a table by name says was written."""

from __future__ import annotations

import pytest
from pyspark.errors import AnalysisException

from boathouse.errors import TableError
from boathouse.tables.catalog_errors import explained
from boathouse.tables.delta_log import _sum_written


def refuse(text: str) -> None:
    with explained("prod.clean.boats"):
        raise AnalysisException(text)


@pytest.mark.parametrize(
    "text",
    [
        "[SCHEMA_NOT_FOUND] The schema `prod`.`clean` cannot be found. SQLSTATE: 42704",
        "[NO_SUCH_CATALOG_EXCEPTION] Catalog 'prod' was not found. SQLSTATE: 42704",
    ],
)
def test_a_missing_schema_is_named_with_the_command_that_makes_it(text: str) -> None:
    with pytest.raises(TableError, match="the schema 'prod.clean' does not exist") as found:
        refuse(text)
    assert "databricks bundle deploy --target <target>" in str(found.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "PERMISSION_DENIED: User 'maria' does not have MODIFY on Table 'prod.clean.boats'. SQLSTATE: 42501",
            "for this identity: User 'maria' does not have MODIFY on Table 'prod.clean.boats'. Nothing",
        ),
        ("PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'prod.clean'.", "have USE SCHEMA on Schema"),
        ("[INSUFFICIENT_PERMISSIONS] Insufficient privileges", "for this identity. Nothing was written"),
    ],
)
def test_a_missing_right_is_named(text: str, words: str) -> None:
    with pytest.raises(TableError) as found:
        refuse(text)
    assert words in str(found.value)


def test_other_errors_pass() -> None:
    with pytest.raises(AnalysisException, match="UNRESOLVED_COLUMN"):
        refuse("[UNRESOLVED_COLUMN] a")


@pytest.mark.parametrize(
    ("commits", "rows"),
    [
        ([("WRITE", {"numOutputRows": "4"})], 4),
        ([("WRITE", {"numOutputRows": "4"}), ("CHANGE COLUMN", {}), ("SET TBLPROPERTIES", {})], 4),
        ([("CREATE TABLE AS SELECT", {"numOutputRows": "2"}), ("MERGE", {"numTargetRowsInserted": "1"})], 3),
        ([("CREATE OR REPLACE TABLE AS SELECT", {}), ("CHANGE COLUMN", {})], None),
        ([("UPDATE", {})], None),
        ([("WRITE", {})], None),
        ([("OPTIMIZE", {}), ("VACUUM START", {}), ("UPDATE SCHEMA", {})], 0),
    ],
)
def test_commits_without_rows_do_not_hide_those_with_rows(
    commits: list[tuple[str, dict[str, str]]], rows: int | None
) -> None:
    assert _sum_written(commits) == rows
