"""What can be scored: a table of the environment, a Delta table in a folder, Parquet or CSV files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.core.errors import InferenceError
from boathouse.engines import get_engine
from boathouse.tables.delta_log import PathLog
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TABLE_NAME = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class InputRows:
    """Rows to score.

    Attributes:
        rows: As they are.
        name: What a message calls them.
        identity: Changes when the rows change: table and version, or the digest of the files.
        versions: ``<env>.<schema>.<table>`` and version where the input is a table of the environment.
        as_text: Whether all columns are text.
    """

    rows: DataFrame
    name: str
    identity: str
    versions: dict[str, int]
    as_text: bool = False


def open_input(text: str, environment: str, lakehouse: dict[str, str]) -> InputRows:
    """Return the rows that ``text`` names, lazily.

    Raises:
        InferenceError: If it names nothing that is there.
    """
    path = Path(text)
    if path.suffix in {".csv", ".parquet"} and path.exists():
        return _open_files(path, lakehouse["engine"])
    if (path / "_delta_log").is_dir():
        session = get_engine(lakehouse["engine"]).session()
        frame = session.read.format("delta").load(path.absolute().as_posix())
        return InputRows(rows=frame, name=text, identity=_identify_folder(path), versions={})
    if TABLE_NAME.fullmatch(text):
        place = TableLocation.from_lakehouse(f"{environment}.{text}", lakehouse)
        version = place.newest_version()
        if version is not None:
            name = place.table
            return InputRows(
                rows=place.read(version), name=name, identity=f"{name}@{version}", versions={name: version}
            )
    raise InferenceError.unknown_input(text)


def _identify_folder(path: Path) -> str:
    log = PathLog(path.absolute().as_posix())
    return f"{log.table_id()}@{log.newest()}"


def _open_files(path: Path, engine: str) -> InputRows:
    session = get_engine(engine).session()
    files = sorted(path.rglob(f"*{path.suffix}")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    as_text = path.suffix == ".csv"
    where = path.absolute().as_posix()
    frame = session.read.csv(where, header=True, inferSchema=False) if as_text else session.read.parquet(where)
    return InputRows(rows=frame, name=str(path), identity=digest.hexdigest(), versions={}, as_text=as_text)
