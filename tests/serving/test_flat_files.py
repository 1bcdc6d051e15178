"""CSV and Parquet bodies: what is too much is refused before it is unpacked, what Python cannot hold is a 400."""

from __future__ import annotations

import datetime as dt
import io
import sys
import tracemalloc
from decimal import Decimal
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from boathouse.errors import InvocationError
from boathouse.serving import parquet_pages
from boathouse.serving.bounds import Bounds, GaveUpError
from boathouse.serving.flat_files import read_csv, read_parquet

BOUNDS = Bounds(rows=10_000, columns=100, values=1_000_000, unpacked_bytes=16_000_000)
KEY = pa.array([17])


def write(columns: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def refuse(body: bytes, read: Any = read_parquet, bounds: Bounds = BOUNDS) -> tuple[int, str]:
    with pytest.raises(InvocationError) as refused:
        read(body, bounds)
    return refused.value.status, str(refused.value)


def count_peak(body: bytes, read: Any = read_parquet) -> int:
    """Return how many bytes Python and Arrow take, at most, until a body is refused."""
    pool = pa.default_memory_pool()
    before = pool.max_memory()
    tracemalloc.start()
    try:
        assert refuse(body, read)[0] in (400, 413)
        return tracemalloc.get_traced_memory()[1] + pool.max_memory() - before
    finally:
        tracemalloc.stop()


def not_utf8() -> pa.Array:
    offsets = pa.array([0, 2], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff\xfe")])


@pytest.mark.parametrize(
    "column",
    [
        not_utf8(),
        not_utf8().dictionary_encode(),
        pa.array([2**62], pa.timestamp("us")),
        pa.array([-(2**62)], pa.timestamp("us")),
        pa.array([1], pa.timestamp("us", "Mars/Olympus")),
        pa.array([2**30], pa.date32()),
        pa.array([2**62], pa.duration("s")),
    ],
    ids=["text", "text of a dictionary", "time", "time before", "zone", "day", "duration"],
)
def test_what_python_cannot_hold_is_a_400_that_names_the_column(column: pa.Array) -> None:
    status, message = refuse(write({"account": KEY, "x": column}))
    assert (status, "column 'x' holds a value that cannot be represented" in message) == (400, True)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pa.array([2**63], pa.uint64()), 2**63),
        (pa.array([-(2**63)], pa.int64()), -(2**63)),
        (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), Decimal("1.50")),
        (pa.array([1.5], pa.float16()), 1.5),
        (pa.array([1_600_000_000_000_000_001], pa.timestamp("ns")), dt.datetime(2020, 9, 13, 12, 26, 40)),
        (pa.array([1001], pa.duration("ns")), dt.timedelta(microseconds=1)),
        (pa.array([1001], pa.time64("ns")), dt.time(microsecond=1)),
        (pa.array(["x"], pa.large_string()), "x"),
        (pa.array([b"\xff"], pa.binary()), b"\xff"),
        (pa.array([b"\xff\x00"], pa.binary(2)), b"\xff\x00"),
        (pa.array(["x"]).dictionary_encode(), "x"),
        (pa.array([None], pa.null()), None),
        (pa.array([[1, 2]]), []),
        (pa.array([{"a": 1}]), []),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), []),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_values_of_all_types_are_read(column: pa.Array, value: Any) -> None:
    columns, rows = read_parquet(write({"account": KEY, "x": column}), BOUNDS)
    assert (columns["x"], columns["account"], rows) == ([value], [17], 1)


def test_a_worker_reads_nanoseconds_without_pandas() -> None:
    import subprocess

    body = write({"x": pa.array([1], pa.timestamp("ns")), "y": pa.array([1], pa.duration("ns"))})
    code = "import sys; from boathouse.serving.flat_files import read_parquet; read_parquet(sys.stdin.buffer.read()); "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print('pandas' in sys.modules)"], check=False, input=body, capture_output=True
    )
    assert done.stdout == b"False\n", done.stderr


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"account": [16, 17], "amount": [1.0, 2.0]}).query("account > 16"),
        pd.DataFrame({"account": [16, 17], "amount": [1.0, 2.0]}).set_index("account"),
        pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]}).set_index(["a", "b"]),
        pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"])),
        pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020-01-01", periods=2)),
        pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 9, 2, name="n")),
        pd.DataFrame({"a": [1, 2], "__index_level_0__": [3, 4]}),
        pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
    ],
    ids=["filtered", "named", "several", "text", "times", "range", "own column", "categories"],
)
def test_columns_are_those_that_pandas_reads(frame: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    columns, rows = read_parquet(buffer.getvalue(), BOUNDS)
    theirs = pd.read_parquet(io.BytesIO(buffer.getvalue()))
    assert (list(columns), rows) == (list(theirs.columns), len(theirs))
    assert {name: list(values) for name, values in columns.items()} == theirs.to_dict("list")


def test_a_footer_with_too_much_is_refused_unread() -> None:
    rows = write({"x": np.zeros(3_000_000, np.int8)}, compression="zstd")
    columns = write({f"x{number}": KEY for number in range(101)})
    assert refuse(rows) == (413, "The request has more than 10,000 rows. Divide it.")
    assert refuse(columns) == (413, "The request has more than 100 columns. Divide it.")
    few = Bounds(rows=10_000, columns=100, values=3)
    assert refuse(write({"x": [1, 2], "y": [1, 2]}), bounds=few)[0] == 413
    assert refuse(write({"x" * 501: KEY}))[0] == 400
    assert refuse(write({f"{number}" * 50_000: KEY for number in range(10, 20)}))[0] == 400
    assert count_peak(rows) < 1_000_000


def share_text(length: int, *names: str) -> bytes:
    """Return a file of 5,000 rows that all refer to one text in each column."""
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5_000, np.int32)), pa.array(["1" * length]))
    return write(dict.fromkeys(names, texts), compression="zstd")


def test_few_bytes_that_stand_for_many_are_refused_or_shared() -> None:
    columns, rows = read_parquet(share_text(3_000, "x"), BOUNDS)
    assert (rows, len(columns["x"][4_999]), columns["x"][0] is columns["x"][4_999]) == (5_000, 3_000, True)
    # Reading them costs as much in each row as if each had its own.
    shared = [share_text(1_000_000, "x"), share_text(2_000, "x", "y")]
    bomb = write({"x": ["x" * 100_000_000]}, compression="zstd")
    fixed = write({"x": pa.array([b"x" * 100_000] * 300, pa.binary(100_000))}, compression="zstd")
    texts, encoding = pa.array(["x" * 300_000] * 1_000), {"x": "DELTA_BYTE_ARRAY"}
    prefixed = write({"x": texts}, compression="zstd", use_dictionary=False, column_encoding=encoding)
    for body in (bomb, fixed, prefixed, *shared):
        assert len(body) < 100_000
        assert refuse(body) == (413, "The request has more than 16,000,000 bytes once it is unpacked. Divide it.")
        assert count_peak(body) < (2_000_000 if body in shared else 1_000_000)
    short = write({"x": ["a", "ab"]}, use_dictionary=False, column_encoding={"x": "DELTA_BYTE_ARRAY"})
    assert read_parquet(short, BOUNDS)[0] == {"x": ["a", "ab"]}


def replace_once(body: bytes, old: bytes, new: bytes) -> bytes:
    assert body.count(old) >= 1
    return body.replace(old, new)


def test_a_footer_that_lies_is_found_out_by_the_pages() -> None:
    """The numbers are zigzag varints: of 100,000,000 bytes, and of 20,000 rows in the footer alone."""
    bomb = write({"x": ["x" * 100_000_000]}, compression="zstd", use_dictionary=False)
    size = pq.ParquetFile(io.BytesIO(bomb)).metadata.row_group(0).column(0).total_uncompressed_size
    footer = len(bomb) - 8 - int.from_bytes(bomb[-8:-4], "little")
    lying = bomb[:footer] + replace_once(bomb[footer:], varint(size), varint(100, width=len(varint(size))))
    said = pq.ParquetFile(io.BytesIO(lying)).metadata.row_group(0).column(0).total_uncompressed_size
    assert (said, refuse(lying)[0]) == (100, 413)
    rows = write({"x": np.arange(20_000)})
    footer = len(rows) - 8 - int.from_bytes(rows[-8:-4], "little")
    place = rows.index(varint(20_000), footer)
    for start in (place, rows.rindex(varint(20_000))):
        lying = rows[:start] + varint(7, width=3) + rows[start + 3 :]
        assert refuse(lying)[0] in (400, 413)


def test_pages_are_counted_over_all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of columns that lie about where they are may all stand for the same pages."""
    options = {"use_dictionary": False, "data_page_size": 1_000, "write_batch_size": 100}
    one, three = (write({name: np.arange(2_000.0) for name in names}, **options) for names in ("a", "abc"))
    monkeypatch.setattr(parquet_pages, "_MOST_PAGES", 25)
    assert read_parquet(one, BOUNDS)[1] == 2_000
    assert refuse(three) == (400, "Ensure that input is valid Parquet: the file cannot be read.")
    monkeypatch.setattr(parquet_pages, "_MOST_PAGES", 75)
    assert read_parquet(three, BOUNDS)[1] == 2_000


def varint(number: int, width: int = 0) -> bytes:
    value, parts = number * 2, []
    while value > 127 or len(parts) < width - 1:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def test_a_parquet_file_with_any_byte_changed_is_read_or_refused() -> None:
    body = write({"account": [1, 2, 3], "x": ["a", None, "c"], "y": [1.5, 2.5, None]}, compression="snappy")
    random = np.random.default_rng(5)
    answers = set()
    for _ in range(600):
        changed = bytearray(body)
        for place in random.integers(0, len(body), random.integers(1, 4)):
            changed[place] = random.integers(0, 256)
        try:
            read_parquet(bytes(changed), BOUNDS)
            answers.add(200)
        except InvocationError as error:
            answers.add(error.status)
    assert answers <= {200, 400, 413}
    assert {200, 400} <= answers


def test_a_name_that_stands_twice_in_parquet_is_named() -> None:
    twice = pa.Table.from_arrays([KEY, KEY], names=["x", "x"])
    assert refuse(write(twice)) == (400, "Column(s) named more than once: x.")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"a,b\n" + b"1,2\n" * 20_000, 413, "more than 10,000 rows"),
        (b",".join(b"c%d" % number for number in range(101)), 413, "more than 100 columns"),
        (b"," * 3_000_000, 400, "a row has more than"),
        (b"a\n" + b"1" * 3_000_000, 400, "a row has more than"),
        (b"a\n" + b"1" * 200_000, 400, "a line cannot be read"),
        (b'a\n"' + b"1\n" * 20, 400, "a quote is opened and never closed"),
        (b'a\n"' + b"1\n" * 3_000_000, 400, "cannot be read|more than"),
        (b"a,b\n" + b'"\n",' * 200_000, 400, "a row has more than"),
        (b"a\n1\n" + b"\n" * 3_000_000, 400, "lines are empty"),
        (b"a\n1\n\xff\n", 400, "cannot be read"),
        (b"a" * 501 + b"\n1\n", 400, "longer than 500 letters"),
        (b"a,a\n1,2\n", 400, "twice"),
    ],
    ids=[
        "rows",
        "columns",
        "commas",
        "digits",
        "value",
        "quote",
        "long quote",
        "lines",
        "empty",
        "bytes",
        "name",
        "names",
    ],
)
def test_csv_is_refused_while_it_is_read(body: bytes, status: int, words: str) -> None:
    found, message = refuse(body, read_csv)
    assert found == status
    assert any(word in message for word in words.split("|")), message
    assert count_peak(body, read_csv) < 4_000_000 + len(body)


@pytest.mark.parametrize("read", [read_csv, read_parquet])
def test_reading_ends_once_its_result_is_not_wanted(read: Any) -> None:
    stopped = Bounds(rows=10_000, stop=Event())
    assert stopped.stop is not None
    stopped.stop.set()
    body = b"a\n1\n" if read is read_csv else write({"x": KEY})
    with pytest.raises(GaveUpError):
        read(body, stopped)
