"""The salt with which personal values of the inference log are hashed."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from boathouse.atomic_files import write_once

if TYPE_CHECKING:
    from pathlib import Path

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
