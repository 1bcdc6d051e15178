"""What the supervisor and its workers say to each other: a JSON line of known length, and files behind it."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_LENGTH = struct.Struct(">I")
# No message is longer; models have hundreds of kilobytes.
_LIMIT = 2**31


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        kind: What it is about.
        content: Plain values.
        files: Files by name.
    """

    kind: str
    content: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the bytes that :func:`read_message` reads."""
        sizes = [[name, len(content)] for name, content in self.files.items()]
        head = json.dumps({"kind": self.kind, "content": dict(self.content), "files": sizes}).encode()
        return b"".join([_LENGTH.pack(len(head)), head, *self.files.values()])


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """Return the next message, or None when the other side has gone."""
    try:
        [length] = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        head = json.loads(await reader.readexactly(min(length, _LIMIT)))
        files = {name: await reader.readexactly(size) for name, size in head["files"]}
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Message(head["kind"], head["content"], files)
