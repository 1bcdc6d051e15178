"""Scores into a Delta table: a batch is added in one commit, if it is not there yet."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.atomic_files import new_folder
from boathouse.errors import InferenceError
from boathouse.inference.input_rows import TABLE_NAME
from boathouse.inference.outputs import BATCH, ScoredBatch, ScoreOutput, hide_secrets
from boathouse.tables.contract import diff_columns
from boathouse.tables.frames import to_spark
from boathouse.tables.location import TableLocation
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.environment import Environment
    from boathouse.tables.contract import TableContract


class DeltaOutput:
    """A table, and ``<table>_quarantine`` beside it."""

    def __init__(self, place: TableLocation, contract: TableContract) -> None:
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
        return cls(TableLocation(".".join(names), engine, path.parents[2].as_posix()), contract)

    def has(self, batch_id: str) -> bool:
        """Return whether the predictions, which are written last, are there.

        Raises:
            InferenceError: If the table has other columns than predictions of this command have.
        """
        rows = self._place.read_newest()
        if rows is None:
            return False
        expected = {column.name: column.dtype for column in self._contract.columns}
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


class FileOutput:
    """``<folder>/<batch id>/predictions.<kind>`` and ``quarantine.<kind>``."""

    def __init__(self, folder: str, kind: str) -> None:
        """Remember where, and whether ``parquet`` or ``csv``."""
        self._folder, self._kind = Path(folder), kind

    def has(self, batch_id: str) -> bool:
        """Return whether the batch's folder is there."""
        return (self._folder / batch_id).is_dir()

    def write(self, batch: ScoredBatch) -> str:
        """Write under a temporary name, then rename; what a killed run left behind is removed."""
        target = self._folder / batch.batch_id
        # Of two runs at once one wins; the other's rows are the same.
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
        for place, field in enumerate(rows.schema):
            if pa.types.is_list(field.type):
                texts = [json.dumps(each) for each in rows[field.name].to_pylist()]
                rows = rows.set_column(place, field.name, pa.array(texts, pa.string()))
        pyarrow.csv.write_csv(rows, path)
    with path.open("rb") as written:
        os.fsync(written.fileno())


def open_output(text: str, environment: Environment, *, predictions: TableContract) -> ScoreOutput:
    """Return the output that ``text`` names, for rows of ``predictions``; nothing is made yet.

    Raises:
        InferenceError: If it names none, or an environment variable that is not set.
    """
    kind, _, rest = text.partition(":")
    if kind in {"parquet", "csv"} and rest:
        return FileOutput(rest, kind)
    if kind == "delta" and rest:
        return DeltaOutput.in_folder(rest, environment.engine, predictions)
    if TABLE_NAME.fullmatch(text):
        return DeltaOutput(environment.table(text), predictions)
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
