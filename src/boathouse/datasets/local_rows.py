"""Some rows of a table in a folder, read by Arrow alone: no engine, no callbacks into Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

_PARTITION = "partition."


def read_local_rows(path: str, condition: pc.Expression | None = None) -> pa.Table:
    """Return the rows of the newest version for which ``condition`` holds; without one, all.

    ``DeltaTable.to_pyarrow_table`` has Arrow's threads call back into Python, which ends the process by a signal if
    it is about to exit then.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable
    from pyarrow.fs import LocalFileSystem

    table, form, local = DeltaTable(path), ds.ParquetFileFormat(), LocalFileSystem()
    schema = pa.schema(table.schema().to_arrow())
    actions = pa.table(table.get_add_actions(flatten=True))
    divided = [name for name in actions.column_names if name.startswith(_PARTITION)]
    fragments = []
    for action in actions.select(["path", *divided]).to_pylist() if actions.num_rows else []:
        holds = [(ds.field(name.removeprefix(_PARTITION)), action[name]) for name in divided]
        expression = ds.scalar(value=True)
        for field, value in holds:
            expression &= field.is_null() if value is None else (field == value)
        file = (Path(path) / unquote(action["path"])).as_posix()
        fragments.append(form.make_fragment(file, local, partition_expression=expression))
    return ds.FileSystemDataset(fragments, schema, form, local).to_table(filter=condition, use_threads=False)
