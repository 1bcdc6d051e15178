"""What a delivered file must look like, and what its rows become."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from kedro.io import DatasetError

from boathouse.errors import DataQualityError, TableError
from boathouse.tables.extracts import CsvExtractDataset
from tests.tables.conftest import RAW_BOATS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def deliver(lakehouse: Callable[..., dict[str, str]], tmp_path: Path) -> Callable[[bytes], CsvExtractDataset]:
    """Return a function that writes bytes as a delivery and returns its dataset."""

    def make(content: bytes) -> CsvExtractDataset:
        path = tmp_path / "boats.csv"
        path.write_bytes(content)
        return CsvExtractDataset(filepath=path.as_posix(), lakehouse=lakehouse(), contract=RAW_BOATS)

    return make


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"boat_id,kind\n1,single\n2,\n", [("1", "single"), ("2", None)]),
        (b"kind,boat_id\nsingle,1\n", [("1", "single")]),
        ("\ufeffboat_id,kind\r\n1,single\r\n".encode(), [("1", "single")]),
        (b'boat_id,kind\n007,"a ""b"", c"\n 8 , d \n', [("007", 'a "b", c'), (" 8 ", " d ")]),
        (b'boat_id,kind\n1,"two\nlines"\n2,x\n', [("1", "two\nlines"), ("2", "x")]),
    ],
    ids=["empty field", "other order", "byte order mark", "quotes and spaces", "line break"],
)
def test_every_value_is_the_text_that_was_delivered(
    deliver: Callable[[bytes], CsvExtractDataset], content: bytes, rows: list[tuple[object, ...]]
) -> None:
    """An empty field is null; nothing else is changed."""
    dataset = deliver(content)
    frame = dataset.load()
    assert [tuple(row) for row in frame.select("boat_id", "kind").collect()] == rows
    assert dataset.last_read is not None
    assert (dataset.last_read.table, dataset.last_read.rows, dataset.last_read.version) == (
        "boats.csv",
        len(rows),
        None,
    )


def test_rows_carry_their_origin(deliver: Callable[[bytes], CsvExtractDataset]) -> None:
    """Digest of the file, its name, and now."""
    content = b"boat_id,kind\n1,single\n"
    frame = deliver(content).load()
    row = frame.toArrow().to_pylist()[0]
    assert frame.columns == ["boat_id", "kind", "_batch_id", "_source_file", "_ingested_at"]
    assert row["_batch_id"] == hashlib.sha256(content).hexdigest()
    assert row["_source_file"] == "boats.csv"
    assert abs((datetime.now(UTC) - row["_ingested_at"]).total_seconds()) < 60


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (b"boat_id\n1\n", TableError, "- kind: string (missing)"),
        (b"boat_id,kind,mast\n1,a,b\n", TableError, "+ mast: string (unexpected)"),
        (b"boat_id,kind,kind\n1,a,b\n", TableError, "! kind: string (repeated)"),
        (b"", DataQualityError, "has no rows"),
        (b"boat_id,kind\n", DataQualityError, "has no rows"),
        (b"boat_id,kind\n1,a\n2,b,secret\n", DataQualityError, "3 fields in line 3, expected 2"),
        (b"boat_id,kind\n1,\xff\n", DataQualityError, "not UTF-8"),
    ],
)
def test_a_broken_file_is_refused(
    deliver: Callable[[bytes], CsvExtractDataset], content: bytes, error: type[Exception], text: str
) -> None:
    """The message names what is wrong and shows no value."""
    with pytest.raises(DatasetError) as raised:
        deliver(content).load()
    assert isinstance(raised.value.__cause__, error)
    assert text in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_file_that_was_not_delivered_is_named(tmp_path: Path) -> None:
    """The reader learns where to put it; no engine is started."""
    path = (tmp_path / "none.csv").as_posix()
    dataset = CsvExtractDataset(filepath=path, lakehouse={"engine": "sail", "root": "x"}, contract=RAW_BOATS)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=f"no extract {path}. Put the delivered file there") as error:
        dataset.load()
    assert isinstance(error.value.__cause__, TableError)


def test_an_extract_is_never_written(deliver: Callable[[bytes], CsvExtractDataset]) -> None:
    """It belongs to its supplier."""
    with pytest.raises(DatasetError, match="nothing was written") as error:
        deliver(b"").save([1])
    assert isinstance(error.value.__cause__, TableError)


def test_an_optional_file_that_is_missing_has_the_raw_table_s_columns_and_no_rows(
    deliver: Callable[[bytes], CsvExtractDataset], lakehouse: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "missing.csv"
    options = {"filepath": path.as_posix(), "lakehouse": lakehouse(), "contract": RAW_BOATS}
    optional = CsvExtractDataset(**options, optional=True)  # type: ignore[arg-type]
    frame = optional.load()
    assert frame.dtypes == deliver(b"boat_id,kind\n1,single\n").load().dtypes
    assert frame.collect() == []
    with pytest.raises(DatasetError, match=r"missing\.csv"):
        CsvExtractDataset(**options).load()  # type: ignore[arg-type]
    # One that is there has to be a delivery.
    path.write_bytes(b"boat_id,kind\n")
    with pytest.raises(DatasetError, match="no rows"):
        optional.load()
