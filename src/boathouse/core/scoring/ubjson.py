"""A look at binary JSON (UBJSON draft 12) before a native library reads it: is all of it there, and nothing more?

XGBoost's own reader can end the process or never come back from a file that was cut short.
"""

from __future__ import annotations

import struct

# Bytes of each number; and what a boolean or a null takes besides its marker.
_SIZES = {"i": 1, "U": 1, "I": 2, "l": 4, "L": 8, "d": 4, "D": 8, "T": 0, "F": 0, "Z": 0}
_WHOLE = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q"}
# A booster nests seven deep.
_DEEPEST = 30


def check_ubjson(content: bytes) -> None:
    """Check that ``content`` is one complete value.

    Raises:
        ValueError: With the position from which it is not.
    """
    reader = _Reader(content)
    reader.read_value(reader.read_marker(), 0)
    if reader.position != len(content):
        raise reader.fault("something follows the end")


class _Reader:
    """Walks over the values; typed arrays are passed over in one step."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def read_marker(self) -> str:
        return self._take(1).decode("latin-1")

    def read_value(self, marker: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise self.fault("nested too deep")
        if marker == "{":
            self._read_object(depth)
        elif marker == "[":
            self._read_array(depth)
        elif marker == "S":
            self._take(self._read_count())
        elif marker in _SIZES:
            self._take(_SIZES[marker])
        else:
            raise self.fault("an unknown marker")

    def fault(self, problem: str) -> ValueError:
        return ValueError(f"{problem} at byte {self.position}")

    def _read_object(self, depth: int) -> None:
        while not self._skip("}"):
            self._take(self._read_count())
            self.read_value(self.read_marker(), depth + 1)

    def _read_array(self, depth: int) -> None:
        if self._skip("$"):
            kind = self.read_marker()
            if kind not in _SIZES or not self._skip("#"):
                raise self.fault("a typed array without numbers")
            self._take(self._read_count() * _SIZES[kind])
        elif self._skip("#"):
            for _ in range(self._read_count()):
                self.read_value(self.read_marker(), depth + 1)
        else:
            while not self._skip("]"):
                self.read_value(self.read_marker(), depth + 1)

    def _read_count(self) -> int:
        marker = self.read_marker()
        if marker not in _WHOLE:
            raise self.fault("a length that is no whole number")
        (count,) = struct.unpack(_WHOLE[marker], self._take(_SIZES[marker]))
        if count < 0:
            raise self.fault("a length below zero")
        return int(count)

    def _skip(self, marker: str) -> bool:
        found = self._content[self.position : self.position + 1] == marker.encode("latin-1")
        self.position += found
        return found

    def _take(self, size: int) -> bytes:
        if self.position + size > len(self._content):
            raise self.fault("the end, too early,")
        start, self.position = self.position, self.position + size
        return self._content[start : self.position]
