"""What changed between two versions is the same by feed, files and comparison; and what was used is said."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.errors import TableError
from boathouse.features import publishing as module
from boathouse.features.online.store import OnlineStore
from boathouse.features.publishing import find_changed_keys, publish_view
from boathouse.tables.location import TableLocation
from tests.features.store.publish_steps import VIEW, Rows, answers, commit, expected, follow, make_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from tests.fixtures.engine_worker import EngineWorker

ROOT = Path(__file__).resolve().parents[2]
FIRST: Rows = {(1, 1): (1.0, None), (1, 5): (2.0, 2.0), (2, 3): (3.0, 3.0), (3, 4): (4.0, 4.0)}
# One updated, one dated back, one deleted, one new.
THEN: Rows = {(1, 1): (1.0, None), (1, 5): (9.0, 2.0), (2, 1): (3.0, 3.0), (4, 4): (5.0, None)}


@pytest.fixture
def location(spark: SparkSession, lakehouse: Callable[[str], dict[str, str]]) -> TableLocation:
    """Return a table that is not there yet."""
    del spark
    return TableLocation.from_lakehouse("test.features.boats", lakehouse(uuid.uuid4().hex))


def changed(location: TableLocation, since: int, until: int) -> tuple[list[int], str]:
    """Return the changed keys and how they were told."""
    found = find_changed_keys(VIEW, location, since=since, until=until)
    return sorted(found.table["boat_id"].to_pylist()), found.method


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), pauses=st.lists(st.booleans(), min_size=5, max_size=5))
def test_any_history_is_published_by_changes_as_in_full(
    tmp_path: Path, lakehouse: Callable[[str], dict[str, str]], spark: SparkSession, seed: int, pauses: list[bool]
) -> None:
    del spark
    folder = tmp_path / uuid.uuid4().hex
    folder.mkdir()
    own = TableLocation.from_lakehouse("test.features.boats", lakehouse(uuid.uuid4().hex))
    said = follow(folder, own, make_history(seed, length=5), pauses=pauses)
    assert all("found by changed files" in line or "is live already" in line for line in said[1:])


def test_files_and_comparison_tell_the_same_keys(location: TableLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(location, {}, FIRST, "overwrite")
    commit(location, FIRST, THEN, "merge")
    commit(location, THEN, THEN, "overwrite")
    newest = DeltaTable(str(location.path)).version()
    assert changed(location, 0, newest) == ([1, 2, 3, 4], "changed files")
    # Copied into another file, but the same rows.
    assert changed(location, 1, newest) == ([], "changed files")
    monkeypatch.setattr(module, "read_changed_files", lambda *_: None)
    assert changed(location, 0, newest) == ([1, 2, 3, 4], "comparison of all rows")


def test_where_the_live_version_was_vacuumed_all_of_it_is_published_and_it_is_said(
    location: TableLocation, tmp_path: Path
) -> None:
    store = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    commit(location, {}, FIRST, "overwrite")
    publish_view(store, VIEW, location)
    commit(location, FIRST, THEN, "overwrite")
    DeltaTable(str(location.path)).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(TableError, match="Version 0 of the table .* files are gone"):
        publish_view(store, VIEW, location, mode="incremental")
    said = publish_view(store, VIEW, location)
    # Vacuuming commits twice.
    assert "3 keys of version 3" in said
    assert "(Version 0 of the table" in said
    assert answers(store) == expected(THEN)
    store.close()


def test_a_table_made_anew_is_published_in_full_though_its_versions_start_again(
    location: TableLocation, tmp_path: Path, lakehouse: Callable[[str], dict[str, str]]
) -> None:
    store = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    for rows in (FIRST, THEN):
        commit(location, {}, rows, "overwrite")
        publish_view(store, VIEW, location)
    other = TableLocation.from_lakehouse(location.table, lakehouse("other"))
    commit(other, {}, FIRST, "overwrite")
    assert "3 keys of version 0" in (said := publish_view(store, VIEW, other))
    assert "the table was replaced since" in said
    assert answers(store) == expected(FIRST)
    store.close()


@pytest.mark.spark
def test_classic_spark_reads_delta_s_change_feed(tmp_path: Path, spark_worker: EngineWorker) -> None:
    said = spark_worker.call("tests.features.store.publish_steps:publish_histories", "spark", str(tmp_path))
    lines = [line for line in said if line.startswith("boats: ") and "changed keys" in line]
    assert {line.rsplit("found by ", 1)[1] for line in lines} == {"change feed", "changed files"}
    late = next(line for line in said if line.startswith("late: "))
    assert "2 changed keys of version 3 (2 rows)" in late
    assert "found by changed files; the change feed cannot be read" in late
