"""From an entry to the row that may be kept: personal columns hidden, long bodies shortened."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Any

import orjson

from boathouse.atomic_files import write_once
from boathouse.endpoints.log_contract import NOT_READABLE, REQUEST_TOO_LONG, RESPONSE_TOO_LONG
from boathouse.endpoints.payload import choose_hidden, choose_hiding, hide_columns, shorten

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from boathouse.endpoints.log_contract import LogEntry
    from boathouse.endpoints.options import LogOptions


_TOO_LONG = {"request": REQUEST_TOO_LONG, "response": RESPONSE_TOO_LONG}


class Redactor:
    """The rules of one endpoint."""

    def __init__(self, options: LogOptions, salt: bytes, *, always: Collection[str] = ()) -> None:
        """Fix what is personal and what becomes of it; columns of ``always`` are hidden whatever the options say."""
        self._columns = choose_hidden(options.personal_policy, options.personal_columns, always)
        self._hide = choose_hiding(options.personal_policy, salt)
        self._limit = options.max_payload_bytes

    def encode(self, entry: LogEntry) -> bytes:
        """Return the row of ``entry`` as a line of JSON; bodies that cannot be written are left out, and it says so."""
        try:
            return orjson.dumps(self.redact(entry), option=orjson.OPT_APPEND_NEWLINE)
        except (RecursionError, TypeError, ValueError):
            # Half of a surrogate pair, or a body nested deeper than Python goes.
            codes = [*entry.logging_error_codes, NOT_READABLE]
            row = {**entry.to_row(), "request": None, "response": None, "logging_error_codes": codes}
            return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)

    def redact(self, entry: LogEntry) -> dict[str, Any]:
        """Return the row; what could not be kept as it was is null or shorter, and its code says why.

        A body in which personal columns cannot be found, because it is no JSON, is not kept at all.
        """
        row = entry.to_row()
        for field in ("request", "response"):
            if row[field] is not None:
                row[field], codes = self._reduce(field, row[field])
                row["logging_error_codes"] += codes
        return row

    def _reduce(self, field: str, text: str) -> tuple[str | None, list[str]]:
        if self._columns:
            try:
                document = orjson.loads(text)
            except orjson.JSONDecodeError:
                return None, [NOT_READABLE]
            text = orjson.dumps(hide_columns(document, self._columns, self._hide)).decode()
        # A character is one to four bytes: most bodies need not be counted.
        if len(text) * 4 <= self._limit or len(text.encode()) <= self._limit:
            return text, []
        try:
            return shorten(text, self._limit, load=orjson.loads), [_TOO_LONG[field]]
        except orjson.JSONDecodeError:
            return None, [_TOO_LONG[field], NOT_READABLE]


VARIABLE = "BOATHOUSE_LOG_SALT"
_FILE = "salt"


def read_salt(folder: Path) -> bytes:
    """Return 32 bytes: made from the variable ``BOATHOUSE_LOG_SALT``, else random and kept in ``folder``.

    The file is made once and readable by its owner alone. Endpoints on several machines whose logs are
    read together need the variable: each machine's file would be another salt.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return hashlib.sha256(given.encode()).digest()
    held = write_once(folder / _FILE, secrets.token_hex(32).encode(), mode=0o600)
    return bytes.fromhex(held.decode())
