"""A folder of extracts that is made piece by piece and is there as a whole or not at all."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from boathouse.atomic_files import FolderDraft
from boathouse.errors import SimulationError
from boathouse.tables.csv_files import read_text_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Says what made the folder, and from what; a folder without it is never replaced.
MANIFEST = "simulation.json"


def read_extract(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return the columns ``types`` of a CSV extract; none of them may have a row without a value.

    Raises:
        SimulationError: If there is no such file, or it cannot be read as these types.
        DataQualityError: If it is no file as the reader of CSV files takes it, or has no rows.
    """
    if not path.is_file():
        raise SimulationError(
            f"There is no {path.as_posix()}: synthetic {path.stem} are drawn from real ones. Name the folder that "
            "holds the extracts: --book data/01_raw"
        )
    texts = read_text_table(path)
    try:
        table = texts.select(list(types)).cast(pa.schema(list(types.items())))
    except (pa.ArrowInvalid, KeyError):
        table = None
    if table is None or any(column.null_count for column in table.columns):
        # The cause is left out: it would show a value.
        expected = ", ".join(f"{name} ({dtype})" for name, dtype in types.items())
        raise SimulationError(
            f"{path.as_posix()} cannot be read as an extract: expected the columns {expected}, with a value of that "
            "type in every row. Check the file: kedro run --pipeline data_prep shows which rows break which rule."
        ) from None
    return table


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return what a simulation says of its finished folder, or None where none was finished."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def is_finished(folder: Path, asked_for: Mapping[str, Any]) -> bool:
    """Return whether ``folder`` was made from exactly ``asked_for`` and its files still have their sizes."""
    manifest = _read_manifest(folder)
    if manifest is None:
        return False
    files = manifest.pop("files", {})
    sizes = {name: path.stat().st_size for name in files if (path := folder / name).is_file()}
    return manifest == dict(asked_for) and sizes == {name: each["bytes"] for name, each in files.items()}


def check_free(folder: Path, allowed: Collection[str], *, overwrite: bool) -> None:
    """Refuse a folder that holds anything but what may be replaced.

    Args:
        folder: The folder that is to be written.
        allowed: Names of the files that a simulation leaves.
        overwrite: Whether an earlier simulation is replaced; what is not of one never is.

    Raises:
        SimulationError: Naming what is there.
    """
    if folder.exists() and not folder.is_dir():
        raise SimulationError.not_written(folder.as_posix(), "it is a file")
    names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
    foreign = bool(names) and (_read_manifest(folder) is None or bool(set(names) - set(allowed)))
    if names and (foreign or not overwrite):
        advice = (
            "They are not of a simulation, so they are never replaced: choose another folder."
            if foreign
            else "Choose another folder, or replace them: --overwrite"
        )
        raise SimulationError(f"{folder.as_posix()} holds other content: {', '.join(names)}. {advice}")


class _Writer(Protocol):
    def write_table(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class ExtractFolder:
    """Writes tables in pieces under another name; leaving the block without an error gives the folder its own."""

    def __init__(self, folder: Path, file_format: str) -> None:
        """Remember the folder; create nothing."""
        self._folder, self._format = folder, file_format
        self._draft: FolderDraft | None = None
        self._writers: dict[str, _Writer] = {}
        self._rows: dict[str, int] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Create the working folder."""
        try:
            self._draft = FolderDraft(self._folder)
        except OSError as error:
            raise SimulationError.not_written(
                self._folder.as_posix(), error.strerror or type(error).__name__
            ) from error
        return self

    @property
    def _working(self) -> Path:
        if self._draft is None:
            raise RuntimeError("An ExtractFolder is written to inside its 'with' block.")
        return self._draft.path

    def write(self, name: str, table: pa.Table) -> None:
        """Add rows to the file ``name``."""
        if name not in self._writers:
            path = self._working / f"{name}.{self._format}"
            writer: _Writer = _CsvWriter(path, table.schema) if self._format == "csv" else _parquet(path, table.schema)
            self._writers[name] = writer
            self._open.callback(writer.close)
        self._writers[name].write_table(table)
        self._rows[name] = self._rows.get(name, 0) + table.num_rows

    def finish(self, asked_for: Mapping[str, Any]) -> dict[str, int]:
        """Close the files, add the manifest and give the folder its name; return the rows of each file.

        What stood under the name goes afterwards.
        """
        self._open.close()
        paths = {name: self._working / f"{name}.{self._format}" for name in self._rows}
        files = {path.name: {"rows": self._rows[name], "bytes": path.stat().st_size} for name, path in paths.items()}
        text = json.dumps({**asked_for, "files": files}, indent=2, sort_keys=True) + "\n"
        (self._working / MANIFEST).write_text(text, encoding="utf-8")
        if self._draft is not None:
            self._draft.publish(replace=True)
        return self._rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not finished; a full disk or an interrupt leaves nothing that looks complete."""
        self._open.close()
        if self._draft is not None:
            self._draft.discard()
        if isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
            raise SimulationError.not_written(self._folder.as_posix(), reason) from error


class _CsvWriter:
    """CSV as the extracts are: a plain header, no quotes, dates ``YYYY-MM-DD``."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = path.open("wb")
        self._file.write((",".join(schema.names) + "\n").encode())
        self._options = pc.WriteOptions(include_header=False, quoting_style="none")

    def write_table(self, table: pa.Table) -> None:
        pc.write_csv(table, self._file, self._options)

    def close(self) -> None:
        self._file.close()


def _parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd")
