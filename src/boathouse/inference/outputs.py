"""Outputs of ``boathouse infer``: each takes a batch completely or not at all, and once."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pyspark.sql import functions as F

from boathouse.atomic_files import new_folder
from boathouse.errors import InferenceError
from boathouse.tables.contract import diff_columns
from boathouse.tables.frames import to_spark
from boathouse.tables.location import TableLocation
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.tables.contract import TableContract


BATCH = "_batch_id"


@dataclass(frozen=True, kw_only=True)
class ScoredBatch:
    """The rows of one run.

    Attributes:
        batch_id: The same for the same input, model and options.
        predictions: Scored rows, with ``_batch_id``.
        quarantined: Rows not scored and why, with ``_batch_id``.
    """

    batch_id: str
    predictions: pa.Table
    quarantined: pa.Table


class ScoreOutput(Protocol):
    """A destination of scores."""

    def has(self, batch_id: str) -> bool:
        """Return whether the batch is already there."""

    def write(self, batch: ScoredBatch) -> str:
        """Write the batch, unless it is already there; return the destination."""


def hide_secrets(text: str) -> str:
    """Return ``text`` with user and password of a URL masked."""
    return re.sub(r"://[^@/]*@", "://***@", text)


class DeltaOutput:
    """A table, and ``<table>_quarantine`` beside it."""

    def __init__(self, location: TableLocation, contract: TableContract) -> None:
        """Remember location and contract of the predictions; read nothing."""
        self._location, self._contract = location, contract
        self._quarantine = replace(location, table=f"{location.table}_quarantine")

    @classmethod
    def in_folder(cls, folder: str, engine: str, contract: TableContract) -> DeltaOutput:
        """Return the output in ``folder``; the last three parts of the path are the name of the table.

        Raises:
            InferenceError: If the path has fewer parts.
        """
        path = Path(folder).absolute()
        names = [part.replace(".", "_") for part in path.parts[-3:]]
        if path.parts[-3:] != tuple(names) or len(names) < 3 or "/" in names[0]:
            raise InferenceError.unknown_output(f"delta:{folder}")
        return cls(TableLocation(".".join(names), engine, path.parents[2].as_posix()), contract)

    def has(self, batch_id: str) -> bool:
        """Return whether the predictions, which are written last, are there.

        Raises:
            InferenceError: If the table has other columns than predictions of this command have.
        """
        rows = self._location.read_newest()
        if rows is None:
            return False
        expected = {column.name: column.dtype for column in self._contract.columns}
        stored = dict(rows.dtypes)
        lines = diff_columns({**expected, BATCH: "string"}, stored)
        if lines:
            raise InferenceError.other_schema(self._location.table, lines)
        return not rows.where(F.col(BATCH) == batch_id).limit(1).isEmpty()

    def write(self, batch: ScoredBatch) -> str:
        """Add quarantined rows, then predictions; each once, even if a run is killed in between."""
        self._append(self._quarantine, batch.quarantined)
        self._append(self._location, batch.predictions)
        return self._location.path or self._location.table

    def _append(self, location: TableLocation, rows: pa.Table) -> None:
        options = WriteOptions(table=location.table, mode="append", batch_column=BATCH)
        frame = to_spark(rows, location.session(), None, table=location.table)
        DeltaWriter(location, options, None).write(frame)


class FileOutput:
    """``<folder>/<batch id>/predictions.<kind>`` and ``quarantine.<kind>``."""

    def __init__(self, folder: str, kind: str) -> None:
        """Remember folder and file type, ``parquet`` or ``csv``."""
        self._folder, self._kind = Path(folder), kind

    def has(self, batch_id: str) -> bool:
        """Return whether the batch's folder exists."""
        return (self._folder / batch_id).is_dir()

    def write(self, batch: ScoredBatch) -> str:
        """Write under a temporary name, then rename; leftovers of a killed run are removed."""
        target = self._folder / batch.batch_id
        # Of two concurrent runs one renames first; the rows of the other are the same.
        with suppress(FileExistsError), new_folder(target, replace=False) as unfinished:
            for name, rows in (("predictions", batch.predictions), ("quarantine", batch.quarantined)):
                _write_file(rows, unfinished / f"{name}.{self._kind}")
        return target.as_posix()


def _write_file(rows: pa.Table, path: Path) -> None:
    """Write one file to disk before its folder gets its name; lists are JSON in CSV."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(rows, path)
    else:
        for index, field in enumerate(rows.schema):
            if pa.types.is_list(field.type):
                texts = [json.dumps(values) for values in rows[field.name].to_pylist()]
                rows = rows.set_column(index, field.name, pa.array(texts, pa.string()))
        pyarrow.csv.write_csv(rows, path)
    with path.open("rb") as written:
        os.fsync(written.fileno())
