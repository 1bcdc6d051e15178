"""Scores into a Delta table: a batch is added in one commit, if it is not there yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.core.errors import InferenceError
from boathouse.core.tables.schema_diff import diff_columns
from boathouse.datasets.delta_log import open_log
from boathouse.datasets.delta_options import WriteOptions
from boathouse.datasets.delta_place import TablePlace
from boathouse.datasets.delta_write import DeltaWriter
from boathouse.datasets.frames import to_spark
from boathouse.inference.outputs import BATCH, ScoredBatch

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.core.tables import TableContract


class DeltaOutput:
    """A table, and ``<table>_quarantine`` beside it."""

    def __init__(self, place: TablePlace, contract: TableContract) -> None:
        """Remember where, and the contract of predictions."""
        self._place, self._contract = place, contract
        self._aside = replace(place, table=f"{place.table}_quarantine")

    @classmethod
    def in_folder(cls, folder: str, engine: str, contract: TableContract) -> DeltaOutput:
        """Return the output in ``folder``, whose last three parts are taken for its name."""
        path = Path(folder).absolute()
        names = [part.replace(".", "_") for part in path.parts[-3:]]
        if path.parts[-3:] != tuple(names) or len(names) < 3 or "/" in names[0]:
            raise InferenceError.unknown_output(f"delta:{folder}")
        return cls(TablePlace(".".join(names), engine, path.parents[2].as_posix()), contract)

    def has(self, batch_id: str) -> bool:
        """Return whether the predictions, which are written last, are there.

        Raises:
            InferenceError: If the table has other columns than predictions of this command have.
        """
        log = open_log(self._place)
        if not log.exists():
            return False
        expected = {column.name: column.dtype for column in self._contract.columns}
        stored = dict(self._place.read(log.newest()).dtypes)
        lines = diff_columns({**expected, BATCH: "string"}, stored)
        if lines:
            raise InferenceError.other_schema(self._place.table, lines)
        return not self._place.read(log.newest()).where(F.col(BATCH) == batch_id).limit(1).isEmpty()

    def write(self, batch: ScoredBatch) -> str:
        """Add quarantined rows, then predictions; each once, whatever is killed in between."""
        self._append(self._aside, batch.quarantined)
        self._append(self._place, batch.predictions)
        return self._place.path or self._place.table

    def _append(self, place: TablePlace, rows: pa.Table) -> None:
        options = WriteOptions(table=place.table, mode="append", batch_column=BATCH)
        frame = to_spark(rows, place.session(), None, table=place.table)
        DeltaWriter(place, options, None).write(frame)
