"""Personal columns of a body: masked, or hashed with a salt, before anything is kept."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from boathouse.core.endpoints.routing import name_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

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


def choose_hidden(policy: str, columns: Collection[str], always: Collection[str]) -> frozenset[str]:
    """Return the columns whose values are replaced: those of conf unless it keeps them, and ``always`` these.

    Args:
        policy: ``hash``, ``mask`` or ``keep``.
        columns: The personal columns that conf names; they add to ``always`` and take nothing from it.
        always: The keys of persons, as the use case declares them.
    """
    return frozenset(always) | (frozenset() if policy == "keep" else frozenset(columns))


def choose_hiding(policy: str, salt: bytes) -> Callable[[object], str]:
    """Return what replaces a hidden value: a mask for the policy ``mask``, else its salted hash."""
    if policy == "mask":
        return lambda _: MASK
    return lambda value: hash_value(value, salt)
