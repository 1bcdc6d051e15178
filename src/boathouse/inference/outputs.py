"""Where scores can go: each output takes a batch whole or not at all, and once."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from boathouse.core.errors import InferenceError
from boathouse.inference.inputs import TABLE_NAME
from boathouse.tables.location import TableLocation

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


def open_output(text: str, environment: str, lakehouse: dict[str, str]) -> ScoreOutput:
    """Return the output that ``text`` names; nothing is made yet.

    Raises:
        InferenceError: If it names none, or an environment variable that is not set.
    """
    kind, _, rest = text.partition(":")
    if kind in {"parquet", "csv"} and rest:
        from boathouse.inference.file_output import FileOutput

        return FileOutput(rest, kind)
    if kind == "delta" and rest:
        from boathouse.inference.delta_output import DeltaOutput

        return DeltaOutput.in_folder(rest, lakehouse["engine"])
    if TABLE_NAME.fullmatch(text):
        from boathouse.inference.delta_output import DeltaOutput

        return DeltaOutput(TableLocation.from_lakehouse(f"{environment}.{text}", lakehouse))
    return _open_database(text)


def _open_database(text: str) -> ScoreOutput:
    from boathouse.inference.sql_output import SqlOutput

    url, _, table = text.rpartition("#")
    if not re.fullmatch(r"[A-Za-z_]\w*", table):
        raise InferenceError.unknown_output(hide_secrets(text))
    if url.startswith("env:"):
        name = url.removeprefix("env:")
        if not os.environ.get(name):
            raise InferenceError.missing_variable(name)
        return SqlOutput(os.environ[name], table)
    if "://" in url:
        return SqlOutput(url, table)
    raise InferenceError.unknown_output(hide_secrets(text))


def hide_secrets(text: str) -> str:
    """Return ``text`` without what stands between ``://`` and ``@``."""
    return re.sub(r"://[^@/]*@", "://***@", text)
