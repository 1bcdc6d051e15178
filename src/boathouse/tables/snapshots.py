"""What an engine reads of input files: rows that were checked, and Parquet files of any name."""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.atomic_files import FolderDraft
from boathouse.plain_paths import plain_path
from boathouse.tables.engines import get_engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame

_guard = threading.Lock()
_folders: dict[int, Path] = {}


def read_rows(batches: Iterable[pa.RecordBatch], names: Sequence[str], engine: str) -> DataFrame:
    """Return text columns as a frame of ``engine``; what is held at once is one batch.

    A local engine reads them from a Parquet file in the system's folder of temporary files (``TMPDIR``) that is removed
    with the process; another machine's engine is sent them, so that they have to fit into memory.

    Args:
        batches: Have the columns ``names`` in any order, and others; read to their end, or an error.
        names: Columns of the frame, in this order; looked at after the first batch was read.
        engine: Name of the engine.
    """
    import pyarrow as pa
    from pyarrow import parquet

    batches = iter(batches)
    first = list(islice(batches, 1))
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    chosen = (batch.select(list(names)) for batch in chain(first, batches))
    session = get_engine(engine).session()
    ddl = ", ".join(f"`{name.replace('`', '``')}` string" for name in names)
    if get_engine(engine).capabilities.table_names:
        table = pa.Table.from_batches(chosen, schema)
        return session.createDataFrame(table) if table.num_rows else session.createDataFrame([], ddl)
    file = _new_folder() / "rows.parquet"
    with parquet.ParquetWriter(file, schema, use_dictionary=False) as writer:
        for batch in chosen:
            writer.write_batch(batch)
    return session.read.schema(ddl).parquet(plain_path(file.as_posix()))


def read_parquet(files: Sequence[Path], engine: str) -> DataFrame:
    """Return the rows of Parquet files, whatever they are named.

    Engines take ``[``, ``*`` or ``?`` for patterns, and leave out names that begin with ``_`` or ``.``.
    """
    session = get_engine(engine).session()
    if get_engine(engine).capabilities.table_names:
        return session.read.parquet(*[_escape(file.absolute().as_posix()) for file in files])
    folder = Path(plain_path(_new_folder().as_posix()))
    for number, file in enumerate(files):
        (folder / f"part-{number:05d}.parquet").symlink_to(file.absolute())
    return session.read.parquet(*[path.as_posix() for path in sorted(folder.iterdir())])


def _escape(path: str) -> str:
    return "".join(f"\\{letter}" if letter in "[]{}*?\\" else letter for letter in path)


def _new_folder() -> Path:
    """Return a new folder of this process; what killed processes left is removed."""
    with _guard:
        # A forked process has its own.
        if os.getpid() not in _folders:
            draft = FolderDraft(Path(tempfile.gettempdir()).resolve() / f"boathouse-{os.geteuid()}")
            atexit.register(draft.discard)
            _folders[os.getpid()] = draft.path
    return Path(tempfile.mkdtemp(prefix="input-", dir=_folders[os.getpid()]))
