"""The salt with which personal values of the inference log are hashed."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

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
    return bytes.fromhex(write_once(folder / _FILE, secrets.token_hex(32)))


def write_once(path: Path, text: str) -> str:
    """Return what ``path`` holds; ``text`` is written if it is not there, and of several writers the first counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link is made whole or not at all, and never over another file.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8")
