"""JSON of any size, parsed piece by piece, so that no other thread waits longer than for one piece.

A parser of JSON holds Python's lock from the first byte to the last. Here the structure is found first, in numpy, which
gives the lock up; what would make too many values is refused before any of them exists. Then the members of large
lists and objects are parsed in groups.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson

from boathouse.errors import InvocationError
from boathouse.serving.bounds import Bounds

# Bytes that are parsed at once beside other threads: less than a millisecond, whatever they hold; and of a whole body.
PIECE, AT_ONCE = 65_536, 262_144
# Values of such a body, whose number costs more than its length.
_VALUES_AT_ONCE = 20_000
# The values of a request stand at most this deep: {"dataframe_split": {"data": [[value]]}}.
_LEVELS = 4
_OPEN, _CLOSE, _COMMA, _COLON = 1, 2, 3, 4
_KINDS = np.zeros(256, np.uint8)
for _byte, _kind in zip(b"[{]},:", (_OPEN, _OPEN, _CLOSE, _CLOSE, _COMMA, _COLON), strict=True):
    _KINDS[_byte] = _kind
_BACKSLASH = ord("\\")


def parse_json(body: bytes, bounds: Bounds) -> Any:  # noqa: ANN401 - any JSON
    """Return the document; NaN and Infinity are numbers, as Python's own reader has them.

    Args:
        body: The text; UTF-8, or another encoding that JSON may have.
        bounds: How many values it may have, lists and objects included, and how many members an object of it.

    Raises:
        InvocationError: 400 if it is not JSON, 413 if it has too many values or members.
    """
    if is_brief(body):
        return _load(body, json.detect_encoding(body), 0)
    encoding = json.detect_encoding(body)
    if encoding != "utf-8":
        try:
            body = body.decode(encoding).encode()
        except UnicodeError:
            raise _broken(0) from None
    return _Pieces(body, bounds).parse()


def is_brief(body: bytes) -> bool:
    """Return whether a body of JSON or CSV is parsed at once: it is short, and does not consist of commas."""
    if len(body) <= _VALUES_AT_ONCE:
        return True
    return len(body) <= AT_ONCE and body.count(b",") + body.count(b"\n") <= _VALUES_AT_ONCE


class _Pieces:
    """The structure of one document: brackets, commas and colons outside of strings, and how deep they stand."""

    def __init__(self, body: bytes, bounds: Bounds) -> None:
        self._body, self._bounds = body, bounds
        places, kinds = self._scan()
        steps = np.where(kinds == _OPEN, 1, 0) - np.where(kinds == _CLOSE, 1, 0)
        # What is between two brackets has their depth and one more.
        self._places, self._kinds, self._depths = places, kinds, np.cumsum(steps, dtype=np.int32)

    def parse(self) -> Any:  # noqa: ANN401 - any JSON
        return self._read(0, len(self._body), 0)

    def _scan(self) -> tuple[np.ndarray, np.ndarray]:
        places, kinds, start, inside, values = [], [], 0, 0, 0
        while start < len(self._body):
            block = self._body[start : start + 4 * PIECE]
            if (len(block) - len(block.rstrip(b"\\"))) % 2:
                # The letter after a backslash belongs to it.
                block = self._body[start : start + 4 * PIECE + 1]
            text = block.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in block else block
            array = np.frombuffer(text, np.uint8)
            # Odd from a quote that opens a string to before the one that closes it.
            strings = np.cumsum(array == ord('"'), dtype=np.uint8) + np.uint8(inside)
            kind = _KINDS[array]
            kind[(strings & 1).astype(bool)] = 0
            found = np.flatnonzero(kind)
            kind = kind[found]
            values += int(np.count_nonzero((kind == _OPEN) | (kind == _COMMA)))
            self._bounds.check_values(values)
            places.append((found + start).astype(np.int32))
            kinds.append(kind)
            inside, start = int(strings[-1]) & 1, start + len(block)
            self._bounds.rest()
        return np.concatenate(places), np.concatenate(kinds)

    def _read(self, start: int, end: int, level: int) -> Any:  # noqa: ANN401 - any JSON
        """Return the value between two places."""
        if end - start <= PIECE:
            return self._load(start, end)
        first, last = (int(np.searchsorted(self._places, place)) for place in (start, end))
        if not self._is_container(start, end, first, last - 1):
            raise self._find_wrong(start, end, first, last)
        if level >= _LEVELS:
            raise InvocationError.bad_request(f"Values are nested deeper than {_LEVELS} levels.")
        is_object = self._body[self._places[first]] == ord("{")
        inner = slice(first + 1, last - 1)
        here = self._depths[inner] == self._depths[first]
        commas = self._places[inner][here & (self._kinds[inner] == _COMMA)]
        if is_object:
            self._bounds.check_count(len(commas) + 1)
        groups = _group(int(self._places[first]) + 1, int(self._places[last - 1]), commas)
        return self._read_object(groups, level) if is_object else self._read_list(groups, level)

    def _is_container(self, start: int, end: int, first: int, last: int) -> bool:
        """Return whether a bracket opens at the start, and the last one closes it at the end."""
        if last <= first or self._kinds[first] != _OPEN or self._kinds[last] != _CLOSE:
            return False
        outside = self._body[start : self._places[first]] + self._body[self._places[last] + 1 : end]
        inner = self._depths[first:last]
        return not outside.strip() and int(inner.min()) == int(inner[0]) == int(self._depths[last]) + 1

    def _find_wrong(self, start: int, end: int, first: int, last: int) -> InvocationError:
        """Return what is wrong with a long text that is no list and no object."""
        if first == last:
            return InvocationError.bad_request(f"A value is longer than {PIECE:,} bytes.")
        if self._kinds[first] != _OPEN or self._body[start : self._places[first]].strip():
            return _broken(start)
        closed = np.flatnonzero(self._depths[first:last] < self._depths[first])
        return _broken(int(self._places[first + closed[0]]) + 1 if len(closed) else end)

    def _read_list(self, groups: list[tuple[int, int]], level: int) -> list[Any]:
        found: list[Any] = []
        for start, end in groups:
            self._bounds.rest()
            if end - start > PIECE:
                found.append(self._read(start, end, level + 1))
                continue
            found += self._load_members(start, end, b"[%b]")
        return found

    def _read_object(self, groups: list[tuple[int, int]], level: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start, end in groups:
            self._bounds.rest()
            if end - start > PIECE:
                name, colon = self._read_name(start, end)
                found[name] = self._read(colon + 1, end, level + 1)
                continue
            found.update(self._load_members(start, end, b"{%b}"))
        return found

    def _load_members(self, start: int, end: int, form: bytes) -> Any:  # noqa: ANN401 - a list or an object
        """Return some members of a container; there is nothing between brackets, but not beside a comma."""
        part = self._load(start, end, form)
        beside = self._body[start - 1 : start] + self._body[end : end + 1]
        if not part and b"," in beside:
            raise _broken(start)
        return part

    def _read_name(self, start: int, end: int) -> tuple[str, int]:
        """Return the name of a large member and the place of its colon, which is the first outside of strings."""
        first = int(np.searchsorted(self._places, start))
        if first == len(self._places) or self._places[first] >= end or self._kinds[first] != _COLON:
            raise _broken(start)
        colon = int(self._places[first])
        if colon - start > PIECE:
            raise InvocationError.bad_request(f"A name is longer than {PIECE:,} bytes.")
        name = self._load(start, colon)
        if not isinstance(name, str):
            raise _broken(start)
        return name, colon

    def _load(self, start: int, end: int, form: bytes = b"%b") -> Any:  # noqa: ANN401 - any JSON
        return _load(form % self._body[start:end], "utf-8", start - form.index(b"%"))


def _group(start: int, end: int, commas: np.ndarray) -> list[tuple[int, int]]:
    """Return the members between two places, as few together as fit into a piece; a longer one stands alone."""
    groups: list[tuple[int, int]] = []
    begin, before = start, -1
    for place in [*commas.tolist(), end]:
        if before >= begin and place - begin > PIECE:
            groups.append((begin, before))
            begin = before + 1
        before = place
    groups.append((begin, end))
    return groups


def _load(text: bytes, encoding: str, offset: int) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    # Python clients write NaN, which is not JSON; MLflow's server takes it, so this one does.
    try:
        return json.loads(text.decode(encoding, "surrogatepass"))
    except json.JSONDecodeError as error:
        raise _broken(error.pos + offset) from None
    except (ValueError, RecursionError):
        raise InvocationError.unreadable("JSON in UTF-8", "it is not") from None


def _broken(place: int) -> InvocationError:
    return InvocationError.unreadable("JSON in UTF-8", f"it breaks off at character {max(place, 0)}")
