"""Scores into files: a folder for each batch, which appears whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.atomic_files import new_folder
from boathouse.inference.outputs import ScoredBatch

if TYPE_CHECKING:
    import pyarrow as pa


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
