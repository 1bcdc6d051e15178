"""What a Parquet file holds and would take up once it is unpacked, found without unpacking anything.

Sizes in the footer may be wrong; what a reader allocates is stated by the header of each page. Arrow's own reader of
the footer ends the process over some that are broken, so it gets only those that were read here. Format:
``parquet.thrift`` of apache/parquet-format, in Thrift's compact protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from boathouse.errors import InvocationError
from boathouse.serving.bounds import Bounds

_VARINTS = frozenset({4, 5, 6})
_BYTE, _DOUBLE, _BINARY, _LISTS, _STRUCT = 3, 7, 8, (9, 10), 12
# A number has 64 bits at most, seven in a byte.
_LONGEST_VARINT = 10
_NESTING = 8
_MAGIC, _LONGEST_FOOTER = b"PAR1", 1_000_000
# Fields of PageHeader; where each kind of page has the encoding of its values.
_UNPACKED, _PACKED, _DATA, _DICTIONARY, _DATA_V2 = 2, 3, 5, 7, 8
_ENCODINGS = {_DATA: 2, _DATA_V2: 4, _DICTIONARY: 2}
# A byte array written as a prefix of the one before is as long as both: few bytes may stand for many.
_PREFIXED = 7
_BYTE_ARRAY, _FIXED = 6, 7
_REPEATED = 2
# Each page and each part of a column costs some work.
_MOST_CHUNKS, _MOST_PAGES = 50_000, 100_000


class PageError(ValueError):
    """The footer or the header of a page cannot be read."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose values are no lists and no structs.

    Attributes:
        name: Its name.
        number: Its place among all leaves of the file's schema.
        width: Bytes of each value where all are as long; else 0.
        is_text: Whether each value is as long as it is, and Arrow can share one between rows.
        is_bytes: Whether each value is as long as it is.
    """

    name: str
    number: int
    width: int
    is_text: bool
    is_bytes: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """A file that was found to be within bounds.

    Attributes:
        rows: Number of rows.
        columns: The columns that can be read.
        nested: Names of the columns that hold lists or structs.
        shared: Numbers of the columns whose rows refer to a list of distinct texts.
    """

    rows: int
    columns: tuple[Column, ...]
    nested: tuple[str, ...]
    shared: frozenset[int]


class _Reader:
    """Thrift's compact protocol."""

    def __init__(self, body: bytes, place: int, end: int) -> None:
        self.body, self.place, self.end = body, place, end

    def read_struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > _NESTING:
            raise PageError
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            found[number] = self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:  # noqa: ANN401 - a number, a truth, bytes, a list or a struct
        if kind in _VARINTS:
            return self._signed()
        if kind == _STRUCT:
            return self.read_struct(depth + 1)
        if kind in _LISTS:
            return self._list(depth + 1)
        if kind in (1, 2):
            return kind == 1
        if kind not in (_BYTE, _DOUBLE, _BINARY):
            raise PageError
        length = {_BYTE: 1, _DOUBLE: 8}.get(kind) or self._varint()
        start, self.place = self.place, self.place + length
        if self.place > self.end:
            raise PageError
        return self.body[start : self.place]

    def _list(self, depth: int) -> list[Any]:
        if depth > _NESTING:
            raise PageError
        head = self._byte()
        kind, length = head & 15, head >> 4
        if length == 15:
            length = self._varint()
        if length > self.end - self.place:
            raise PageError
        # A truth in a list is a byte of its own.
        return [self._value(_BYTE if kind in (1, 2) else kind, depth) for _ in range(length)]

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for count in range(_LONGEST_VARINT):
            byte = self._byte()
            value |= (byte & 127) << (7 * count)
            if byte < 128:
                return value
        raise PageError

    def _byte(self) -> int:
        if not 0 <= self.place < self.end:
            raise PageError
        self.place += 1
        return self.body[self.place - 1]


def read_layout(body: bytes, bounds: Bounds) -> Layout:
    """Return what a file holds.

    Raises:
        PageError: If the file cannot be read.
        InvocationError: 413 if it has more rows, columns or values, or becomes longer once it is unpacked, than it may.
    """
    length = int.from_bytes(body[-8:-4], "little")
    start = len(body) - 8 - length
    if body[:4] != _MAGIC or body[-4:] != _MAGIC or start < len(_MAGIC) or length > _LONGEST_FOOTER:
        raise PageError
    footer = _Reader(body, start, len(body) - 8).read_struct()
    schema, rows, groups = _structs(footer, 2), _number(footer, 3), _structs(footer, 4)
    bounds.check_rows(rows)
    columns, nested, leaves = _read_schema(schema)
    bounds.check_count(leaves)
    bounds.check_values(leaves * rows)
    if leaves * len(groups) > _MOST_CHUNKS:
        raise InvocationError.too_large("parts of columns", _MOST_CHUNKS)
    shared = _check_groups(body, groups, rows, columns, leaves, bounds)
    return Layout(rows, columns, nested, shared)


def _read_schema(schema: list[dict[int, Any]]) -> tuple[tuple[Column, ...], tuple[str, ...], int]:
    """Return the columns, the names of nested ones, and the number of leaves."""
    columns: list[Column] = []
    nested: list[str] = []
    leaves = 0
    # How many children each element that is open still has; the first is the root.
    opened = [_number(schema[0], 5)] if schema else []
    for element in schema[1:]:
        while opened and not opened[-1]:
            opened.pop()
        if not opened or len(opened) > _NESTING:
            raise PageError
        opened[-1] -= 1
        name, children = element.get(4), element.get(5)
        if not isinstance(name, bytes):
            raise PageError
        is_top, text = len(opened) == 1, name.decode()
        if is_top and (children is not None or element.get(3) == _REPEATED):
            nested.append(text)
        if children is not None:
            opened.append(_number(element, 5))
            continue
        if is_top and element.get(3) != _REPEATED:
            columns.append(_describe_column(text, leaves, element))
        leaves += 1
    if any(opened) or not schema:
        raise PageError
    return tuple(columns), tuple(nested), leaves


def _describe_column(name: str, number: int, element: dict[int, Any]) -> Column:
    kind, logical = _number(element, 1), element.get(10)
    plain = element.get(6) in (None, 0) and (logical is None or (isinstance(logical, dict) and logical.keys() <= {1}))
    width = _number(element, 2) if kind == _FIXED else 0
    return Column(name, number, width, kind == _BYTE_ARRAY and plain, kind == _BYTE_ARRAY)


def _check_groups(
    body: bytes, groups: list[dict[int, Any]], rows: int, columns: tuple[Column, ...], leaves: int, bounds: Bounds
) -> frozenset[int]:
    """Refuse a file that has other rows than its footer says, or becomes too long; return which columns share texts."""
    unpacked, found, pages = 0, 0, 0
    shared: set[int] = set()
    for group in groups:
        chunks, count = _structs(group, 1), _number(group, 3)
        found += count
        if len(chunks) != leaves or any(not isinstance(chunk.get(3), dict) for chunk in chunks):
            raise PageError
        for column in columns:
            for size, is_shared in _measure(body, column, chunks[column.number][3], count, bounds):
                unpacked += size
                pages += 1
                # Of all columns together: their parts may lie about where they are, and share pages.
                if pages > _MOST_PAGES:
                    raise PageError
                if is_shared:
                    shared.add(column.number)
                bounds.check_unpacked(unpacked)
    if found != rows:
        raise PageError
    return frozenset(shared)


def _measure(
    body: bytes, column: Column, chunk: dict[int, Any], rows: int, bounds: Bounds
) -> Iterator[tuple[int, bool]]:
    """Give the bytes that each page of one part of a column becomes, at most, and whether it holds texts to share."""
    if _number(chunk, 5) != rows:
        raise PageError
    start, length = _number(chunk, 9), _number(chunk, 7)
    dictionary = chunk.get(11)
    if isinstance(dictionary, int) and 0 < dictionary < start:
        start = dictionary
    yield column.width * rows, False
    # Values that are not shared between rows are as many as the rows.
    for size, encoding, is_dictionary in _read_pages(body, start, length, bounds):
        repeats = encoding == _PREFIXED or (is_dictionary and column.is_bytes and not column.is_text)
        yield size * (max(1, rows) if repeats else 1), is_dictionary and column.is_text


def _read_pages(body: bytes, start: int, length: int, bounds: Bounds) -> Iterator[tuple[int, int, bool]]:
    """Give the unpacked size of each page, the number of its encoding, and whether it holds a dictionary."""
    end = start + length
    if end > len(body):
        raise PageError
    reader = _Reader(body, start, end)
    count = 0
    while reader.place < end:
        if count % 500 == 0:
            bounds.rest()
        count += 1
        header = reader.read_struct()
        kind = next((each for each in _ENCODINGS if isinstance(header.get(each), dict)), None)
        size, packed = _number(header, _UNPACKED), _number(header, _PACKED)
        reader.place += packed
        encoding = header[kind].get(_ENCODINGS[kind]) if kind is not None else None
        yield size, encoding if isinstance(encoding, int) else -1, kind == _DICTIONARY


def _structs(holder: dict[int, Any], field: int) -> list[dict[int, Any]]:
    found = holder.get(field)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise PageError
    return found


def _number(holder: dict[int, Any], field: int) -> int:
    found = holder.get(field)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise PageError
    return found
