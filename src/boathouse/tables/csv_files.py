"""CSV files, read by one strict reader: the same rows, or the same refusal with file and line, on every engine.

A file is UTF-8, with or without a byte order mark; its first line names the columns, commas separate fields. A field
with a comma, a quote or a line break is enclosed in double quotes, and quotes inside it are doubled (RFC 4180). Lines
end in LF, CR LF or CR; empty lines are no rows.
"""

from __future__ import annotations

import csv
import io
import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from boathouse.errors import DataQualityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa

# What is held at once, in rows and in bytes or characters.
BATCH_ROWS, BLOCK = 20_000, 2_000_000
# A longer line is no row of a table: bounds the memory that another format under this name takes.
LONGEST_LINE = 1_000_000
_BYTE_ORDER_MARK = "\ufeff"
_MARK_BYTES = _BYTE_ORDER_MARK.encode()
# First bytes of what comes under the name of a CSV file by mistake.
_OTHER_FORMATS = {
    b"\x1f\x8b": "compressed (gzip)",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ\x00": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"PAR1": "Parquet",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# A record of RFC 4180. Needed only for lines with a quote: csv.reader takes quotes inside unquoted fields as text.
_RECORD = re.compile(r'(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*')


class CsvFile:
    """One file, read once from its start to its end in bounded memory.

    Attributes:
        rows: Rows read so far, without header and empty lines.
    """

    def __init__(self, path: Path, *, digest: Any = None) -> None:  # noqa: ANN401 - an object of hashlib
        """Remember the file; open nothing.

        Args:
            path: The file.
            digest: Is given every byte that is read, such as ``hashlib.sha256()``.
        """
        self._path, self._digest = path, digest
        self._header: list[str] = []
        # Number of the line read last, and of the first line of the record at hand; its lines if it has a quote.
        self._line, self._first = 0, 1
        self._is_special, self._special = False, list[str]()
        self._characters = 0
        self.rows = 0

    def read(self, check_header: Callable[[list[str]], None]) -> Iterator[pa.RecordBatch]:
        """Give all rows in batches, each column text, an empty field null.

        Args:
            check_header: Raises if the names of the columns are not those expected.

        Raises:
            DataQualityError: If the file is not as the module says, with the line, or changed while it was read. What
                was given until then is to be thrown away.
        """
        with self._path.open("rb", buffering=0) as file:
            before = _describe_state(file)
            watched = _Watched(file, self._digest)
            try:
                yield from self._read_plain(watched, check_header)
                yield from self._read_rest(watched, check_header)
            except UnicodeDecodeError as error:
                raise self._fault(_line_of(error, self._line), "is not UTF-8") from error
            if _describe_state(file) != before:
                raise self._fault(None, "changed while it was read; deliver it under another name and rename it then")

    def _read_plain(self, file: _Watched, check_header: Callable[[list[str]], None]) -> Iterator[pa.RecordBatch]:
        """Give the rows up to the first block with a quote or a fault, which is given back.

        Without quotes there is one way to read a line, and Arrow does it ten times faster than ``csv``.
        """
        block = file.read_lines(BLOCK)
        self._check_format(block)
        start = block.removeprefix(_MARK_BYTES)
        names, _, rest = start.partition(b"\n")
        names = names.removesuffix(b"\r")
        if not names or len(names) > LONGEST_LINE or not _is_plain(start):
            file.give_back(block)
            return
        self._take_header(names.decode().split(","), check_header)
        self._line, block = 1, rest or file.read_lines(BLOCK)
        while block:
            batch = None if not _is_plain(block) or names in block else _split_plain(block, self._header)
            if batch is None:
                file.give_back(block)
                break
            self._line += block.count(b"\n")
            self.rows += batch.num_rows
            yield batch
            block = file.read_lines(BLOCK)
        self._first = self._line + 1

    def _read_rest(self, file: _Watched, check_header: Callable[[list[str]], None]) -> Iterator[pa.RecordBatch]:
        """Give the rows from where the file is, read record by record."""
        encoding = "utf-8" if self._header else "utf-8-sig"
        records = self._read_records(io.TextIOWrapper(io.BufferedReader(file), encoding=encoding, newline=""))
        if not self._header:
            header = next(records, [])
            self._check_quotes()
            self._take_header(header, check_header)
        rows: list[list[str]] = []
        fields, name = len(self._header), self._header[0]
        for record in records:
            # Most records need no more than this.
            if len(record) != fields or self._is_special or record[0] == name:
                if not record:
                    continue
                self._check_record(record)
            rows.append(record)
            if len(rows) >= BATCH_ROWS or self._characters >= BLOCK:
                yield self._to_batch(rows)
                rows = []
        if rows:
            yield self._to_batch(rows)

    def _check_format(self, start: bytes) -> None:
        for magic, found in _OTHER_FORMATS.items():
            if start.startswith(magic):
                raise self._fault(None, f"is {found}, expected CSV as plain UTF-8 text")

    def _take_header(self, header: list[str], check_header: Callable[[list[str]], None]) -> None:
        """Keep the names if every column has one of its own, also for engines that ignore case."""
        if not header and self._line:
            raise self._fault(1, "is empty, expected the names of the columns")
        if not header:
            raise DataQualityError.empty_file(self._path.as_posix())
        check_header(header)
        names = [name.casefold() for name in header]
        if not all(map(str.strip, names)):
            raise self._fault(1, "has a column without a name")
        repeated = sorted({name for name in header if names.count(name.casefold()) > 1})
        if repeated:
            raise self._fault(1, f"names columns more than once: {', '.join(repeated)}")
        self._header = header

    def _read_records(self, text: io.TextIOWrapper) -> Iterator[list[str]]:
        """Give each record, an empty line as an empty one; between two, what is noted of lines is of one record."""
        try:
            # Strict: without it a quote that is never closed swallows the rest of the file.
            for record in csv.reader(self._read_lines(text), strict=True):
                yield record
                self._first = self._line + 1
                if self._is_special:
                    self._is_special, self._special = False, []
        except csv.Error as error:
            what = "has text after a closing quote; a quote within a field is written twice"
            if "unexpected end" in str(error):
                what = "opens a quote that is not closed"
            elif "field limit" in str(error):
                what = f"has a field of more than {csv.field_size_limit():,} characters, or a quote that is not closed"
            raise self._fault(self._first, what) from error

    def _read_lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        for line in iter(partial(text.readline, LONGEST_LINE + 1), ""):
            self._line += 1
            self._characters += len(line)
            if self._is_special or '"' in line or "\0" in line or line[0] == _BYTE_ORDER_MARK:
                self._note_special(line)
            if len(line) > LONGEST_LINE:
                raise self._fault(self._line, f"has more than {LONGEST_LINE:,} characters")
            yield line

    def _note_special(self, line: str) -> None:
        if "\0" in line:
            raise self._fault(self._line, "has a NUL character: the file is binary, or UTF-16")
        self._is_special = True
        self._special.append(line)

    def _check_record(self, record: list[str]) -> None:
        fields = len(self._header)
        if len(record) != fields:
            found = f"{len(record)} field{'s' if len(record) != 1 else ''}"
            raise DataQualityError(
                f"The file {self._path.as_posix()} has {found} in line {self._first}, expected {fields}. Nothing was "
                "read. Ask its supplier for a complete one, with fields that have commas in double quotes."
            )
        if record[0].startswith(_BYTE_ORDER_MARK) or record == self._header:
            raise self._fault(self._first, "is a header again: two files were put together; deliver them one by one")
        self._check_quotes()
        self._check_line_breaks(record)

    def _check_quotes(self) -> None:
        record = "".join(self._special).rstrip("\r\n").removeprefix(_BYTE_ORDER_MARK)
        if '"' in record and not _RECORD.fullmatch(record):
            what = "has a quote inside a field that is not quoted; enclose the field, its quotes doubled"
            raise self._fault(self._first, what)

    def _check_line_breaks(self, record: list[str]) -> None:
        """Refuse a value that looks like rows between two quotes too many: as many commas as whole rows have."""
        if self._line == self._first or len(self._header) == 1:
            return
        for value in record:
            breaks = len(re.findall(r"\r\n|\n|\r", value))
            if breaks and value.count(",") == breaks * (len(self._header) - 1):
                what = f"opens a quote that is closed {breaks} line(s) later, with what looks like rows between"
                raise self._fault(self._first, what)

    def _to_batch(self, rows: list[list[str]]) -> pa.RecordBatch:
        import pyarrow as pa
        import pyarrow.compute as pc

        self.rows += len(rows)
        self._characters = 0
        texts = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        nothing = pa.scalar(None, pa.string())
        columns = [pc.if_else(pc.equal(column, ""), nothing, column) for column in texts]
        return pa.RecordBatch.from_arrays(columns, names=self._header)

    def _fault(self, line: int | None, what: str) -> DataQualityError:
        where = "" if line is None else f", line {line},"
        return DataQualityError(
            f"The file {self._path.as_posix()}{where} {what}. Nothing was read. Correct the file, or ask its supplier "
            "for another."
        )


def read_text_table(path: Path) -> pa.Table:
    """Return all rows of a file that fits into memory, each column text, an empty field null.

    Raises:
        DataQualityError: If it is no file as the reader takes it, or has no rows.
    """
    import pyarrow as pa

    batches = list(CsvFile(path).read(lambda _: None))
    if not batches:
        raise DataQualityError.empty_file(path.as_posix())
    return pa.Table.from_batches(batches)


class _Watched(io.RawIOBase):
    """A file whose bytes are digested as they are read; some may be given back."""

    def __init__(self, file: io.FileIO, digest: Any) -> None:  # noqa: ANN401 - an object of hashlib
        self._file, self._digest = file, digest
        self._returned = b""

    def readable(self) -> bool:
        return True

    def read_lines(self, size: int) -> bytes:
        """Return at least ``size`` bytes up to the end of a line or of the file; less if the line is too long."""
        block = bytearray()
        while len(block) < size and (part := self._read_file(size - len(block))):
            block += part
        # What belongs to the line begun is seldom much.
        while block and not block.endswith(b"\n") and len(block) < size + LONGEST_LINE:
            part = self._read_file(1 << 12)
            if not part:
                break
            end = part.find(b"\n") + 1 or len(part)
            block += part[:end]
            self.give_back(part[end:])
        return bytes(block)

    def give_back(self, data: bytes) -> None:
        """Have ``data``, which was read last, read again."""
        self._returned = data + self._returned

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - what the interface calls a writeable buffer
        part = self._read_file(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def _read_file(self, size: int) -> bytes:
        if self._returned:
            part, self._returned = self._returned[:size], self._returned[size:]
            return part
        part = self._file.read(size) or b""
        if self._digest is not None:
            self._digest.update(part)
        return part


def _is_plain(block: bytes) -> bool:
    """Return whether lines end at LF or CR LF, fields at commas, and nothing else has a meaning."""
    special = b'"' in block or b"\0" in block or _MARK_BYTES in block
    return not special and block.count(b"\r") == block.count(b"\r\n")


def _split_plain(block: bytes, names: list[str]) -> pa.RecordBatch | None:
    """Return the rows of a plain block; None if it has a fault, or no rows."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(block),
            arrow_csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False),
            arrow_csv.ParseOptions(quote_char=False, double_quote=False, escape_char=False),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid:
        return None
    longest = max((pc.max(pc.utf8_length(column)).as_py() or 0 for column in table.columns), default=0)
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches and longest <= csv.field_size_limit() else None


def _describe_state(file: io.FileIO) -> tuple[int, int]:
    state = os.fstat(file.fileno())
    return state.st_size, state.st_mtime_ns


def _line_of(error: UnicodeDecodeError, read: int) -> int:
    """Return the line of the first byte that is no UTF-8; ``read`` lines were read before the part decoded last."""
    before = bytes(error.object[: error.start])
    return read + 1 + (before.count(b"\n") or before.count(b"\r"))
