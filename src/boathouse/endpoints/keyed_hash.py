"""The keyed hash by which the inference log names a key, and monitoring finds the same key in a table of labels."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from boathouse.atomic_files import write_once
from boathouse.endpoints.routing import name_unit
from boathouse.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "BOATHOUSE_LOG_SALT"
_SALT_FILE = "salt"
# 96 bits: no two of a billion keys collide by chance, and the log stays short.
_DIGEST_BYTES = 12


def hash_value(value: object, salt: bytes, dtype: str | None = None) -> str:
    """Return 24 hexadecimal digits that identify a value without revealing it (BLAKE2b keyed with ``salt``).

    17, 17.0 and "17" give the same digits, so that units found elsewhere can be joined; with the type of a key of the
    use case so do all spellings of it. Without the salt the digits of a short key could be found by trying all keys.
    """
    text = name_unit(value, dtype) or ""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), key=salt, digest_size=_DIGEST_BYTES).hexdigest()


def read_salt(folder: Path) -> bytes:
    """Return 32 bytes: made from the variable ``BOATHOUSE_LOG_SALT``, else random and kept in ``folder``.

    The file is made once and readable by its owner alone. Endpoints on several machines whose logs are
    read together need the variable: each machine's file would be another salt.

    Raises:
        ConfigError: If the file does not hold what was written to it.
        OSError: If it cannot be read or made.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return make_salt(given)
    path = folder / _SALT_FILE
    held = write_once(path, secrets.token_hex(32).encode(), mode=0o600)
    try:
        salt = bytes.fromhex(held.decode("ascii"))
    except ValueError:
        salt = b""
    if len(salt) != 32:
        raise ConfigError(
            f"{path.as_posix()} does not hold 64 hexadecimal digits. Restore it from a backup, or move it away: keys "
            "that are logged from then on get other hashes."
        )
    return salt


def make_salt(secret: str) -> bytes:
    """Return the 32 bytes that are made from the secret ``log_salt``."""
    return hashlib.sha256(secret.encode()).digest()


def find_salt(folder: Path) -> bytes | None:
    """Return the salt as :func:`read_salt` does, or None where there is none yet: nothing is made.

    Raises:
        ConfigError: If the file does not hold what was written to it.
    """
    return read_salt(folder) if os.environ.get(VARIABLE) or (folder / _SALT_FILE).exists() else None


def keep_salt(folder: Path, salt: bytes) -> None:
    """Write the salt to a folder that was made again, unless it comes from the variable."""
    if not os.environ.get(VARIABLE):
        write_once(folder / _SALT_FILE, salt.hex().encode(), mode=0o600)
