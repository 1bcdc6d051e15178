"""The id of a prediction: the same wherever and whenever it is made, and no person's number in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

_DIGITS = 32


def prediction_id(keys: Sequence[object], time: object, *, digest: str, role: str, event: str | None = None) -> str:
    """Return the first 32 hexadecimal digits of SHA-256 over the key's own SHA-256, date, model, role and event.

    Args:
        keys: Values of the key.
        time: Date of the row, written YYYY-MM-DD.
        digest: Digest of the model's files.
        role: ``champion`` or ``challenger``.
        event: Id of the event that asked for the score; None in batch, where key and date are scored once.
    """
    key = hashlib.sha256("/".join(str(each) for each in keys).encode()).hexdigest()
    parts = [key, str(time), digest, role, *([] if event is None else [event])]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:_DIGITS]


def prediction_id_column(keys: Sequence[str], time: str, *, digest: str, role: str, event: str | None = None) -> Column:
    """Return :func:`prediction_id` as a column; ``keys``, ``time`` and ``event`` are names of columns."""
    from pyspark.sql import functions as F

    key = F.sha2(F.concat_ws("/", *[F.col(name).cast("string") for name in keys]), 256)
    parts = [key, F.col(time).cast("string"), F.lit(digest), F.lit(role)]
    parts += [] if event is None else [F.col(event)]
    return F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, _DIGITS)
