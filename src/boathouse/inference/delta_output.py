"""Scores into a Delta table: a batch is added in one commit, if it is not there yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.core.errors import InferenceError
from boathouse.core.inference.contracts import PREDICTIONS
from boathouse.inference.outputs import BATCH, ScoredBatch
from boathouse.tables.contract import diff_columns
from boathouse.tables.frames import to_spark
from boathouse.tables.location import TableLocation
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions
from boathouse.use_case.predictions import PREDICTION_TABLES

if TYPE_CHECKING:
    import pyarrow as pa


class DeltaOutput:
    """A table, and ``<table>_quarantine`` beside it."""

    def __init__(self, place: TableLocation) -> None:
        """Remember where."""
        self._place = place
        self._aside = replace(place, table=f"{place.table}_quarantine")

    @classmethod
    def in_folder(cls, folder: str, engine: str) -> DeltaOutput:
        """Return the output in ``folder``, whose last three parts are taken for its name."""
        path = Path(folder).absolute()
        names = [part.replace(".", "_") for part in path.parts[-3:]]
        if path.parts[-3:] != tuple(names) or len(names) < 3 or "/" in names[0]:
            raise InferenceError.unknown_output(f"delta:{folder}")
        return cls(TableLocation(".".join(names), engine, path.parents[2].as_posix()))

    def has(self, batch_id: str) -> bool:
        """Return whether the predictions, which are written last, are there.

        Raises:
            InferenceError: If the table has other columns than predictions of this command have.
        """
        rows = self._place.read_newest()
        if rows is None:
            return False
        expected = {column.name: column.dtype for column in PREDICTION_TABLES[PREDICTIONS].columns}
        stored = dict(rows.dtypes)
        lines = diff_columns({**expected, BATCH: "string"}, stored)
        if lines:
            raise InferenceError.other_schema(self._place.table, lines)
        return not rows.where(F.col(BATCH) == batch_id).limit(1).isEmpty()

    def write(self, batch: ScoredBatch) -> str:
        """Add quarantined rows, then predictions; each once, whatever is killed in between."""
        self._append(self._aside, batch.quarantined)
        self._append(self._place, batch.predictions)
        return self._place.path or self._place.table

    def _append(self, place: TableLocation, rows: pa.Table) -> None:
        options = WriteOptions(table=place.table, mode="append", batch_column=BATCH)
        frame = to_spark(rows, place.session(), None, table=place.table)
        DeltaWriter(place, options, None).write(frame)
