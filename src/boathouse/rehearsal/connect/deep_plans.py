"""Plans nested deeper than Python's protobuf reads: Spark reads ten times as deep, and plans of many joins are.

A relation or expression that is too deep is detached as the bytes of an extension, which is read as a message of its
own, and is attached again before the plan is sent on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Extension
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message
from pyspark.sql.connect.proto import expressions_pb2, relations_pb2

# Protobuf reads 100 levels; a plan is an extension of a plan only in what is detached here.
_LEVELS, _CALLS = 60, 10_000
_DETACHED = "boathouse/"
_PARTS: dict[str, type[Message]] = {
    each.DESCRIPTOR.full_name: each for each in (relations_pb2.Relation, expressions_pb2.Expression)
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


def read_plan(kind: type[Message]) -> Callable[[bytes], Message]:
    """Return a function that reads a message of ``kind`` of any depth."""

    def read(content: bytes) -> Message:
        try:
            return kind.FromString(content)
        except DecodeError:
            # Here and where plans are visited, functions call themselves, a few times for each level.
            sys.setrecursionlimit(max(sys.getrecursionlimit(), _CALLS))
            return kind.FromString(_detach(content, kind.DESCRIPTOR, 0))

    return read


def write_plan(message: Message) -> bytes:
    """Return the bytes of a message with everything in its place."""
    content = message.SerializeToString()
    return _attach(content, message.DESCRIPTOR) if _DETACHED.encode() in content else content


def visit_detached(extension: Any, visit: Callable[[Message], None]) -> None:  # noqa: ANN401 - protobuf's own Any
    """Visit what was detached in ``extension``, which may change it; extensions of others are left alone."""
    if extension.type_url.startswith(_DETACHED):
        part = _PARTS[extension.type_url.removeprefix(_DETACHED)].FromString(extension.value)
        visit(part)
        extension.value = part.SerializeToString()


class DeepRequests:
    """A server to register a service with whose requests may be of any depth."""

    def __init__(self, server: grpc.Server, kinds: Mapping[str, type[Message]]) -> None:
        """Remember the server, and the message that each method takes by name of the method."""
        self._server, self._kinds = server, kinds

    def add_generic_rpc_handlers(self, _handlers: object) -> None:
        """Leave out the handlers that read at most 100 levels; generated code adds them a second time."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Add the methods of a service."""
        methods = {
            name: each._replace(request_deserializer=read_plan(self._kinds[name])) if name in self._kinds else each
            for name, each in handlers.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))


def _detach(content: bytes, kind: Descriptor, depth: int) -> bytes:
    def change(part: bytes, inner: Descriptor) -> bytes:
        if depth < _LEVELS or inner.full_name not in _PARTS:
            return _detach(part, inner, depth + 1)
        detached = Extension(type_url=f"{_DETACHED}{inner.full_name}", value=_detach(part, inner, 0))
        holder: Any = _PARTS[inner.full_name]()
        holder.extension.CopyFrom(detached)
        return bytes(holder.SerializeToString())

    return _change_messages(content, kind, change)


def _attach(content: bytes, kind: Descriptor) -> bytes:
    def change(part: bytes, inner: Descriptor) -> bytes:
        detached = _find_detached(part, inner)
        return _attach(part if detached is None else detached, inner)

    return _change_messages(content, kind, change)


def _find_detached(part: bytes, kind: Descriptor) -> bytes | None:
    """Return what was detached in ``part``; None where it is what it seems."""
    if kind.full_name not in _PARTS:
        return None
    number = kind.fields_by_name["extension"].number
    fields = list(_split(part))
    if len(fields) != 1 or fields[0][0] >> 3 != number:
        return None
    extension: Any = Extension.FromString(fields[0][2])
    return bytes(extension.value) if extension.type_url == f"{_DETACHED}{kind.full_name}" else None


def _change_messages(content: bytes, kind: Descriptor, change: Callable[[bytes, Descriptor], bytes]) -> bytes:
    """Return ``content``, a message of ``kind``, with each message in it changed."""
    pieces = []
    for tag, whole, value in _split(content):
        field = kind.fields_by_number.get(tag >> 3)
        if tag & 7 != _BYTES or field is None or field.message_type is None:
            pieces.append(whole)
            continue
        changed = change(value, field.message_type)
        pieces += [_write_varint(tag), _write_varint(len(changed)), changed]
    return b"".join(pieces)


def _split(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Give each field of a message: its tag, all its bytes, and those of its value where it has a length."""
    at = 0
    while at < len(content):
        start = at
        tag, at = _read_varint(content, at)
        if tag & 7 == _VARINT:
            _, at = _read_varint(content, at)
            yield tag, content[start:at], b""
        elif tag & 7 == _BYTES:
            length, at = _read_varint(content, at)
            at += length
            yield tag, content[start:at], content[at - length : at]
        else:
            at += _WIDTHS[tag & 7]
            yield tag, content[start:at], b""


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _write_varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
