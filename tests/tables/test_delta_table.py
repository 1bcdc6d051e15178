"""Loading, versions, forms and refusals of the Delta dataset."""

from __future__ import annotations

import copy
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
from kedro.io import DatasetError

from boathouse.errors import BoathouseError, ConfigError, OptionError, TableError
from boathouse.tables.dataset import DeltaTableDataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = pd.DataFrame({"boat_id": [1, 2], "kind": ["single", None]})
OTHER = pd.DataFrame({"boat_id": [3], "kind": ["eight"]})


def cause_of(error: pytest.ExceptionInfo[DatasetError]) -> BoathouseError:
    """Return our error, which Kedro wraps."""
    cause = error.value.__cause__
    assert isinstance(cause, BoathouseError)
    return cause


def read_rows(dataset: DeltaTableDataset) -> list[tuple[object, ...]]:
    """Return the stored rows, sorted."""
    return sorted((tuple(row) for row in dataset.load().collect()), key=repr)


def test_a_saved_table_is_loaded_and_both_versions_are_recorded(table: Callable[..., DeltaTableDataset]) -> None:
    """Version, rows, location and time come from the log."""
    started = datetime.now(UTC)
    dataset = table()
    dataset.save(ROWS)
    assert read_rows(dataset) == [(1, "single"), (2, None)]
    assert dataset.last_read == dataset.last_written
    read = dataset.last_read
    assert read is not None
    assert (read.table, read.version, read.rows) == ("test.clean.boats", 0, 2)
    assert read.path is not None
    assert read.path.endswith("/test/clean/boats")
    assert read.timestamp is not None
    assert abs((read.timestamp - started).total_seconds()) < 60


def test_a_loaded_frame_stays_at_its_recorded_version(table: Callable[..., DeltaTableDataset]) -> None:
    """A later save does not change what a lazy frame reads."""
    dataset = table()
    dataset.save(ROWS)
    frame = dataset.load()
    dataset.save(OTHER)
    assert frame.count() == 2
    assert dataset.last_written.version == 1


def test_time_travel_by_version_and_timestamp(table: Callable[..., DeltaTableDataset]) -> None:
    """Both bounds are inclusive."""
    dataset = table()
    dataset.save(ROWS)
    first = dataset.last_written.timestamp
    time.sleep(0.02)
    dataset.save(OTHER)
    assert read_rows(table(version=0)) == [(1, "single"), (2, None)]
    assert read_rows(table(timestamp=first.isoformat())) == [(1, "single"), (2, None)]
    assert read_rows(table(timestamp="2999-01-01")) == [(3, "eight")]


@pytest.mark.parametrize(
    ("options", "text"),
    [({"version": 7}, "no version 7; its newest version is 0"), ({"timestamp": "2001-01-01"}, "no version at 2001")],
)
def test_a_version_that_is_not_there_is_named(
    table: Callable[..., DeltaTableDataset], options: dict[str, object], text: str
) -> None:
    """The message has the newest version too."""
    table().save(ROWS)
    with pytest.raises(DatasetError, match=text) as error:
        table(**options).load()
    assert isinstance(cause_of(error), TableError)


def test_a_missing_table_names_environment_and_command(table: Callable[..., DeltaTableDataset]) -> None:
    """The reader learns which command makes it."""
    with pytest.raises(DatasetError, match="kedro run --pipeline data_prep --env prod") as error:
        table("prod.clean.boats", made_by="data_prep").load()
    assert isinstance(cause_of(error), TableError)
    assert "'prod.clean.boats' does not exist in environment 'prod'" in str(error.value)
    with pytest.raises(DatasetError, match="Make it: boathouse boats float KEY --env prod"):
        table("prod.clean.boats", made_by="boathouse boats float KEY").load()


def test_exists_is_true_only_once_saved(table: Callable[..., DeltaTableDataset]) -> None:
    """An empty folder is no table."""
    dataset = table()
    assert not dataset.exists()
    dataset.save(ROWS)
    assert dataset.exists()


@pytest.mark.parametrize("options", [{"read_only": True}, {"version": 0}])
def test_a_read_only_table_refuses_a_save(table: Callable[..., DeltaTableDataset], options: dict[str, object]) -> None:
    """A table opened at an old version is read-only too."""
    table().save(ROWS)
    with pytest.raises(DatasetError, match="nothing was written") as error:
        table(**options).save(OTHER)
    assert isinstance(cause_of(error), TableError)
    assert table().load().count() == 2


def test_a_folder_that_cannot_be_written_is_named(engine: object, tmp_path: Path) -> None:
    """A file stands where the lakehouse should be."""
    (tmp_path / "file").write_text("")
    lakehouse = {"engine": engine.name, "root": (tmp_path / "file").as_posix()}  # type: ignore[attr-defined]
    with pytest.raises(DatasetError, match="file is no writable folder"):
        DeltaTableDataset(table="test.clean.boats", lakehouse=lakehouse).save(ROWS)


@pytest.mark.parametrize("form", ["pandas", "arrow", "polars"])
def test_a_table_is_saved_from_and_loaded_as_any_form(table: Callable[..., DeltaTableDataset], form: str) -> None:
    """Dates stay dates, nulls nulls."""
    if form == "polars":
        pytest.importorskip("polars")
    source = pa.table({"d": [date(2005, 9, 1), None], "x": [0.5, None], "tags": [["a", None], None]})
    table().save(source)
    dataset = table(load_as=form)
    loaded = dataset.load()
    dataset.save(loaded)
    assert dataset.last_written.version == 0
    rows = {"pandas": lambda: pa.Table.from_pandas(loaded), "arrow": lambda: loaded, "polars": lambda: loaded}[form]()
    values = rows.to_dicts() if form == "polars" else rows.to_pylist()
    assert sorted(values, key=repr) == sorted(source.to_pylist(), key=repr)


def test_something_that_is_no_frame_is_refused_by_its_type(table: Callable[..., DeltaTableDataset]) -> None:
    """Its content is not shown."""
    with pytest.raises(DatasetError, match=r"expected a frame of .* found builtins.list"):
        table().save([1, 2])


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"mode": "upsert"}, OptionError, "mode"),
        ({"mode": "merge"}, ConfigError, "needs 'keys'"),
        ({"mode": "append"}, ConfigError, "needs 'batch_column'"),
        ({"keys": ["a"]}, ConfigError, "belongs to mode merge"),
        ({"load_as": "dask"}, OptionError, "load_as"),
        ({"version": 1, "timestamp": "2005-01-01"}, ConfigError, "not both"),
        ({"timestamp": "yesterday"}, ConfigError, "YYYY-MM-DD"),
        ({"retries": -1}, OptionError, "retries"),
        ({"partition_by": ["a"], "cluster_by": ["a"]}, ConfigError, "not both"),
    ],
)
def test_contradicting_options_fail_when_the_catalog_is_built(
    options: dict[str, object], error: type[Exception], text: str
) -> None:
    """No engine is started for that."""
    with pytest.raises(error, match=text):
        DeltaTableDataset(table="test.clean.boats", lakehouse={"engine": "sail", "root": "x"}, **options)


@pytest.mark.parametrize(("name", "lakehouse"), [("clean.boats", {"engine": "sail", "root": "x"}), ("a.b.c", {})])
def test_a_place_must_be_complete(name: str, lakehouse: dict[str, str]) -> None:
    """Three-level name, engine and root."""
    with pytest.raises(ConfigError):
        DeltaTableDataset(table=name, lakehouse=lakehouse)


def test_preview_shows_text_and_survives_a_missing_table(table: Callable[..., DeltaTableDataset]) -> None:
    """Kedro-Viz gets what JSON can hold, twenty rows at most."""
    assert table().preview()["data"] == []
    table().save(pa.table({"d": [date(2005, 9, 1)] * 30}))
    preview = table().preview()
    assert preview["columns"] == ["d: date32[day]"]
    assert preview["data"] == [["2005-09-01"]] * 20


def test_a_copy_is_independent(table: Callable[..., DeltaTableDataset]) -> None:
    """Kedro copies datasets; no engine is copied with them."""
    dataset = table()
    twin = copy.deepcopy(dataset)
    dataset.save(ROWS)
    assert twin.last_written is None
    assert twin.load().count() == 2
    assert "table='test.clean.boats'" in repr(twin)


def test_kedro_viz_is_told_where_the_table_is_and_what_it_holds(lakehouse: Callable[[], dict[str, str]]) -> None:
    options = lakehouse()
    dataset = DeltaTableDataset(table="test.a.b", lakehouse=options, metadata={"description": "One row per day."})
    assert dataset._describe()["filepath"] == f"{options['root']}/test/a/b (One row per day.)"
