"""Where scores can go: each output takes a batch whole or not at all, and once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


BATCH = "_batch_id"


@dataclass(frozen=True, kw_only=True)
class ScoredBatch:
    """What one run leaves.

    Attributes:
        batch_id: The same for the same input, model and options.
        predictions: Scored rows, with ``_batch_id``.
        quarantined: Rows not scored and why, with ``_batch_id``.
    """

    batch_id: str
    predictions: pa.Table
    quarantined: pa.Table


class ScoreOutput(Protocol):
    """One place for scores."""

    def has(self, batch_id: str) -> bool:
        """Return whether the batch is there already."""

    def write(self, batch: ScoredBatch) -> str:
        """Write the batch, unless it is there; return where."""


def hide_secrets(text: str) -> str:
    """Return ``text`` without what stands between ``://`` and ``@``."""
    return re.sub(r"://[^@/]*@", "://***@", text)
