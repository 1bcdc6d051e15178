"""Inputs of ``boathouse infer``: any table with keys and time, checked row by row before it is scored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.errors import InferenceError
from boathouse.errors.inference import NOTHING_DONE
from boathouse.inference.batch import SplitRows
from boathouse.tables.delta_log import PathLog
from boathouse.tables.engines import get_engine
from boathouse.tables.row_rules import UNIQUE_KEYS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.environment import Environment


_RULES, _COPIES, _TEXT = "broken_rules", "__copies", "__text_"
# Types that convert without loss to the type wanted.
_WIDER = {
    "bigint": ("tinyint", "smallint", "int"),
    "double": ("tinyint", "smallint", "int", "bigint", "float"),
}


def check_columns(found: Mapping[str, str], wanted: Mapping[str, str], *, where: str, as_text: bool) -> None:
    """Check that ``found`` has the columns ``wanted`` in types that can be read as those.

    Args:
        found: Column name to Spark type name.
        wanted: The same of what scoring takes; further columns are allowed.
        where: The input, for the message.
        as_text: Whether the input is a text file, whose columns are read as the type wanted.

    Raises:
        InferenceError: With one line for each column that is missing or of another type.
    """
    lines = [f"  - {name}: {dtype} (missing)" for name, dtype in wanted.items() if name not in found]
    for name, dtype in wanted.items():
        fits = name not in found or found[name] == dtype or found[name] in _WIDER.get(dtype, ()) or as_text
        if not fits:
            lines.append(f"  ~ {name}: expected {dtype}, found {found[name]}")
    if lines:
        diff = "\n".join(lines)
        raise InferenceError(
            f"The input {where} does not fit. {NOTHING_DONE}\n{diff}\nIt has: {', '.join(sorted(found))}.\n"
            "Give it keys and time, and either nothing else or all features of the model."
        )


def judge_input(frame: DataFrame, wanted: Mapping[str, str], *, keys: Sequence[str]) -> SplitRows:
    """Return the columns ``wanted`` in their types, and the rows that are ambiguous or unreadable, with the reason.

    Rules are ``<column>_type`` (a text that is no such value), ``<column>_not_null`` for keys, and ``keys_unique``: of
    rows with the same keys none is known to be right, so all are quarantined.

    Args:
        frame: Has the columns.
        wanted: Column name to Spark type name.
        keys: Columns that identify a row.
    """
    types = dict(frame.dtypes)
    read = [
        (F.expr(f"try_cast(`{name}` AS {dtype})") if types[name] == "string" else F.col(name).cast(dtype)).alias(name)
        for name, dtype in wanted.items()
    ]
    texts = [name for name, dtype in wanted.items() if types[name] == "string" and dtype != "string"]
    rows = frame.select(*read, *[F.col(name).alias(f"{_TEXT}{name}") for name in texts])
    rules = [
        F.when(F.col(name).isNull() & F.col(f"{_TEXT}{name}").isNotNull(), F.lit(f"{name}_type")) for name in texts
    ]
    unread = {name: F.col(f"{_TEXT}{name}").isNull() if name in texts else F.col(name).isNull() for name in keys}
    rules += [F.when(is_null, F.lit(f"{name}_not_null")) for name, is_null in unread.items()]
    copies = rows.withColumn(_COPIES, F.count(F.lit(1)).over(Window.partitionBy(*keys)))
    present = F.concat_ws("", *[F.when(F.col(name).isNull(), F.lit("x")) for name in keys]) == ""
    rules.append(F.when(present & (F.col(_COPIES) > 1), F.lit(UNIQUE_KEYS)))
    judged = copies.withColumn(_RULES, F.array_compact(F.array(*rules))).select(*wanted, _RULES)
    return SplitRows(
        judged.where(F.size(_RULES) == 0).drop(_RULES), judged.where(F.size(_RULES) > 0).select(*keys, _RULES)
    )


TABLE_NAME = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class InputRows:
    """Rows to score.

    Attributes:
        rows: As delivered.
        name: Their name in messages.
        identity: Changes when the rows change: table and version, or the digest of the files.
        versions: ``<env>.<schema>.<table>`` and version where the input is a table of the environment.
        as_text: Whether all columns are text.
    """

    rows: DataFrame
    name: str
    identity: str
    versions: dict[str, int]
    as_text: bool = False


def open_input(text: str, environment: Environment) -> InputRows:
    """Return the rows that ``text`` names, lazily.

    Raises:
        InferenceError: If it names nothing that is there.
    """
    path = Path(text)
    if path.suffix in {".csv", ".parquet"} and path.exists():
        return _open_files(path, environment.engine)
    if (path / "_delta_log").is_dir():
        session = get_engine(environment.engine).session()
        frame = session.read.format("delta").load(path.absolute().as_posix())
        return InputRows(rows=frame, name=text, identity=_identify_folder(path), versions={})
    if TABLE_NAME.fullmatch(text):
        location = environment.table(text)
        version = location.newest_version()
        if version is not None:
            name = location.table
            return InputRows(
                rows=location.read(version), name=name, identity=f"{name}@{version}", versions={name: version}
            )
    raise InferenceError(
        f"There is no input '{text}'. {NOTHING_DONE} Give a table of the environment (<schema>.<table>), the folder of "
        "a Delta table, or a file or folder that ends in .parquet or .csv."
    )


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
