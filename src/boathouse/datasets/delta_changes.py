"""What changed in a table between two versions: its change feed, else the files that came and went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.datasets.delta_older import list_files, read_files
from boathouse.engines import get_engine

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from boathouse.datasets.delta_place import TablePlace

FEED_PROPERTY = "delta.enableChangeDataFeed"
# With these a file is not all there is to know of its rows: some are deleted, or columns go by other names.
_OPAQUE = frozenset({"deletionVectors", "columnMapping"})
_COLUMN_MAPPING_READER = 2
SIGN = "__sign"


def has_feed(place: TablePlace) -> bool:
    """Return whether the engine can read a change feed of the table, and the table keeps one now."""
    if not get_engine(place.engine).capabilities.change_feed:
        return False
    if place.path is not None:
        from deltalake import DeltaTable

        return str(DeltaTable(place.path).metadata().configuration.get(FEED_PROPERTY)).lower() == "true"
    rows = place.session().sql(f"SHOW TBLPROPERTIES {place.sql_name}").collect()
    return any(row["key"] == FEED_PROPERTY and row["value"].lower() == "true" for row in rows)


def read_feed(place: TablePlace, since: int, until: int) -> DataFrame:
    """Return the rows of the feed after ``since`` up to ``until``, with ``__sign``: 1 came, -1 went; lazily.

    A row that came and went again is there twice: signs add up to what changed. The engine raises an error of its own
    where the feed does not reach back that far.
    """
    from pyspark.sql import functions as F

    reader = place.session().read.format("delta").option("readChangeFeed", "true")
    reader = reader.option("startingVersion", since + 1).option("endingVersion", until)
    rows = reader.load(place.path) if place.path else reader.table(place.table)
    came = F.col("_change_type").isin("insert", "update_postimage")
    return rows.withColumn(SIGN, F.when(came, 1).otherwise(-1))


def read_changed_files(place: TablePlace, since: int, until: int) -> DataFrame | None:
    """Return the rows of files that only one of the versions has, with ``__sign``; None where files do not tell.

    Every writer of Delta puts rows into new files and takes files out; rows of files that both versions have are the
    same. A row that was only copied into another file is there with both signs.

    Raises:
        TableError: If files of ``since`` were vacuumed.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError
    from pyspark.sql import functions as F

    path = place.path
    if path is None:
        return None
    try:
        old, new = (DeltaTable(path, version=version) for version in (since, until))
    except DeltaError:
        # Its log was cleaned up.
        return None
    if any(_is_opaque(table) for table in (old, new)):
        return None
    before, now = ({each["path"]: each for each in list_files(table)} for table in (old, new))
    sides = []
    for table, files, others, sign in ((new, now, before, 1), (old, before, now, -1)):
        rows = read_files(place.session(), table, path, [each for name, each in files.items() if name not in others])
        sides.append(rows.withColumn(SIGN, F.lit(sign)))
    return sides[0].unionByName(sides[1], allowMissingColumns=True)


def _is_opaque(table: DeltaTable) -> bool:
    protocol = table.protocol()
    if protocol.reader_features is None:
        return int(protocol.min_reader_version) >= _COLUMN_MAPPING_READER
    return bool(_OPAQUE & set(protocol.reader_features))
