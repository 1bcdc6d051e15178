"""Personal columns of a body: masked, or hashed with a salt, before anything is kept."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from boathouse.core.endpoints.routing import name_unit

if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "***"
# 96 bits: no two of a billion keys collide by chance, and the log stays short.
_DIGEST_BYTES = 12


def hash_value(value: object, salt: bytes) -> str:
    """Return 24 hexadecimal digits that tell values apart without naming them (BLAKE2b keyed with ``salt``).

    17, 17.0 and "17" give the same digits, so that units found elsewhere can be joined. Without the salt
    the digits of a short key could be found by trying all keys.
    """
    text = name_unit(value) or ""
    return hashlib.blake2b(text.encode(), key=salt, digest_size=_DIGEST_BYTES).hexdigest()


def choose_hiding(policy: str, salt: bytes) -> Callable[[object], str]:
    """Return what replaces a personal value: its salted hash for the policy ``hash``, else a mask."""
    if policy == "hash":
        return lambda value: hash_value(value, salt)
    return lambda _: MASK
