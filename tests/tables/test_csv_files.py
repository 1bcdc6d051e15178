"""One reader of CSV: what it takes, what it refuses with the line, and that its two ways read alike."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from boathouse.errors import DataQualityError
from boathouse.tables import csv_files
from boathouse.tables.csv_files import CsvFile

if TYPE_CHECKING:
    from pathlib import Path

Rows = list[tuple[str | None, ...]]


def read(path: Path, content: bytes) -> Rows:
    path.write_bytes(content)
    digest = hashlib.sha256()
    file = CsvFile(path, digest=digest)
    rows = [tuple(row.values()) for batch in file.read(lambda _: None) for row in batch.to_pylist()]
    assert file.rows == len(rows)
    assert digest.hexdigest() == hashlib.sha256(content).hexdigest()
    return rows


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n3,\n", [("1", "2"), ("3", None)]),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,4", [("1", "2"), ("3", "4")]),
        (b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
        (b'a,b\n"1",""\n', [("1", None)]),
        (b'"a","b"\n1,"x, ""y"""\n', [("1", 'x, "y"')]),
        (b'a,b\n1,"two\nlines"\n2,"a,\r\nb,\nc,"\n', [("1", "two\nlines"), ("2", "a,\r\nb,\nc,")]),
        (b"a,b\n1,it\\'s \\n\\\n", [("1", "it\\'s \\n\\")]),
        (b"a,b\n 1 ,\t\n", [(" 1 ", "\t")]),
        ("a,b\n1,月\u2028\u0085\n".encode(), [("1", "月\u2028\u0085")]),
        (b"a\n1\n\n2\n", [("1",), ("2",)]),
        (b"a,b\n", []),
    ],
)
def test_every_value_is_the_text_that_was_delivered(tmp_path: Path, content: bytes, rows: Rows) -> None:
    assert read(tmp_path / "x.csv", content) == rows


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'a,b\n1,"2\n3,4\n5,6\n', "line 2, opens a quote that is not closed"),
        (b'a,b\n1,2\n3,"4\n5,6"\n7,8\n', "line 3, opens a quote that is closed 1 line(s) later"),
        (b'a,b,c\n1,"2,3\n4,5"",6\n7,8",9\n', "line 2, opens a quote that is closed 2 line(s) later"),
        (b'a,b\n1,"2"x\n', "line 2, has text after a closing quote"),
        (b'a,b\n1,"2\\"x"\n', "line 2, has text after a closing quote"),
        (b'a,b\n1,2"x\n', "line 2, has a quote inside a field that is not quoted"),
        (b'a,b\n1, "2"\n', "line 2, has a quote inside a field that is not quoted"),
        (b'a,b"\n1,2\n', "line 1, has a quote inside a field that is not quoted"),
        (b'a,b\n1,"' + b"x" * 200_000 + b'"\n', "line 2, has a field of more than 131,072 characters"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "line 2, has a field of more than 131,072 characters"),
        (b"a,b\n1,2\n3,4,5\n", "has 3 fields in line 3, expected 2"),
        (b"a,b\n1,2\n3", "has 1 field in line 3, expected 2"),
        (b"a,b\n1,2\n  \n", "has 1 field in line 3, expected 2"),
        (b"a,b\n1,2\rx\n", "has 1 field in line 3, expected 2"),
        (b"a,b\n1,2\n\x00\x00\x003,4\n", "line 3, has a NUL character"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "line 1, has a NUL character"),
        (b"a,b\n1,2\n\n3,\xe9\n", "line 4, is not UTF-8"),
        (b'a,b\n1,"2"\n\n3,\xe9\n', "line 4, is not UTF-8"),
        (b"a,\xe9\n1,2\n", "line 1, is not UTF-8"),
        (b"\x1f\x8b\x08\x00", "is compressed (gzip)"),
        (b"PK\x03\x04", "is a zip archive or a spreadsheet"),
        (b"PAR1", "is Parquet"),
        (b"a,b\n1,2\na,b\n3,4\n", "line 3, is a header again"),
        (b"a,b\n1,2\n\xef\xbb\xbfb,a\n4,3\n", "line 3, is a header again"),
        (b"a,a\n1,2\n", "line 1, names columns more than once: a"),
        (b"a,A\n1,2\n", "line 1, names columns more than once: A, a"),
        (b"a, \n1,2\n", "line 1, has a column without a name"),
        (b"\na,b\n1,2\n", "line 1, is empty, expected the names of the columns"),
        (b"", "has no rows"),
        (b"x" * 1_000_001, "line 1, has more than 1,000,000 characters"),
        (b"a,b\n1," + b"x" * 1_000_001, "line 2, has more than 1,000,000 characters"),
    ],
)
def test_another_file_is_refused_with_its_name_and_line(tmp_path: Path, content: bytes, text: str) -> None:
    with pytest.raises(DataQualityError) as raised:
        read(tmp_path / "book[1].csv", content)
    assert text in str(raised.value)
    assert "book[1].csv" in str(raised.value)
    assert len(str(raised.value)) < 400


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='h,1 "\n\ré\ufeff\0', max_size=40), block=st.sampled_from([1, 5, 1000]))
@example(text="1,2\n3,4\n\n\n5,6", block=1)
@example(text="1,2\r\n3,4\r\n\r\n5,", block=5)
def test_arrow_and_the_strict_reader_read_the_same(tmp_path: Path, text: str, block: int) -> None:
    """Blocks without quotes take the fast way; without it the rows, or the message, are the same."""
    content, outcomes = f"h,1\n{text}".encode(), []
    for is_plain in (csv_files._is_plain, lambda _: False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_files, "BLOCK", block)
            patch.setattr(csv_files, "_is_plain", is_plain)
            try:
                outcomes.append(str(read(tmp_path / "x.csv", content)))
            except DataQualityError as error:
                outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 600_000)
    batches = CsvFile(path).read(lambda _: None)
    next(batches)
    with path.open("ab") as file:
        file.write(b"3,4\n")
    with pytest.raises(DataQualityError, match=r"x\.csv changed while it was read"):
        list(batches)


def test_a_file_that_is_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 600_000)
    file = CsvFile(path)
    batches = file.read(lambda _: None)
    next(batches)
    other = tmp_path / "y.csv"
    other.write_bytes(b"a,b\n9,9\n")
    other.replace(path)
    list(batches)
    assert file.rows == 600_000
