"""Inputs of ``boathouse infer``: any table with keys and time, checked row by row before it is scored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.errors import InferenceError
from boathouse.errors.inference import NOTHING_DONE
from boathouse.inference.batch import SplitRows, is_infinite
from boathouse.plain_paths import plain_path
from boathouse.problem.scored_tables import NOT_FINITE
from boathouse.tables.contract import Column, TableContract, diff_columns
from boathouse.tables.csv_files import CsvFile
from boathouse.tables.delta_log import PathLog
from boathouse.tables.engines import get_engine
from boathouse.tables.quality import read_text
from boathouse.tables.row_rules import UNIQUE_KEYS, broken_conditions, has_value, read_key
from boathouse.tables.snapshots import read_parquet, read_rows

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

    from boathouse.environment import Environment


_RULES, _COPIES, _TEXT = "broken_rules", "__copies", "__text_"
# Types that convert without loss to the type wanted.
_WIDER = {
    "bigint": ("tinyint", "smallint", "int"),
    "double": ("tinyint", "smallint", "int", "bigint", "float"),
}


# Types in which keys may come: each value is then read, and judged, by itself.
_KEY_TYPES = ("string", "double", "float")


def check_columns(
    found: Mapping[str, str], wanted: Mapping[str, str], *, where: str, as_text: bool, keys: Sequence[str] = ()
) -> None:
    """Check that ``found`` has the columns ``wanted`` in types that can be read as those.

    Args:
        found: Column name to Spark type name.
        wanted: The same of what scoring takes; further columns are allowed.
        where: The input, for the message.
        as_text: Whether the input is a text file, whose columns are read as the type wanted.
        keys: Key columns of the entity: one that is a whole number may come as text or floating-point number.

    Raises:
        InferenceError: With one line for each column that is missing or of another type.
    """
    lines = [f"  - {name}: {dtype} (missing)" for name, dtype in wanted.items() if name not in found]
    for name, dtype in wanted.items():
        readable = (*_WIDER.get(dtype, ()), *(_KEY_TYPES if name in keys and dtype == "bigint" else ()))
        fits = name not in found or found[name] == dtype or found[name] in readable or as_text
        if not fits:
            lines.append(f"  ~ {name}: expected {dtype}, found {found[name]}")
    if lines:
        diff = "\n".join(lines)
        raise InferenceError(
            f"The input {where} does not fit. {NOTHING_DONE}\n{diff}\nIt has: {', '.join(sorted(found))}.\n"
            "Give it keys and time, and either nothing else or all features of the model."
        )


def judge_input(
    frame: DataFrame, wanted: Mapping[str, str], *, keys: Sequence[str], declared: Sequence[Column] = ()
) -> SplitRows:
    """Return the columns ``wanted`` in their types, and the rows that are ambiguous or unreadable, with the reason.

    Text is read as data preparation reads it. Rules are ``<column>_type`` (a text that is no such value),
    ``<column>_not_null`` for keys, ``<column>_not_finite`` for an infinite number, and ``keys_unique``: of rows with
    the same keys none is known to be right, so all are quarantined. NaN is no value, as at the endpoint and in streams.

    Args:
        frame: Has the columns.
        wanted: Column name to Spark type name.
        keys: Columns that identify a row.
        declared: Columns whose rules hold: keys of the entity, which are read as everywhere, and what else is brought.
    """
    types = dict(frame.dtypes)
    entity = {column.name: column for column in declared if column.name in keys}
    read = [
        read_key(entity[name], types[name]) if name in entity else _read_column(name, dtype, types[name])
        for name, dtype in wanted.items()
    ]
    texts = [name for name in wanted if name in entity or types[name] == "string"]
    rows = frame.select(
        *read, *[F.when(has_value(name, types[name]), F.col(name)).alias(f"{_TEXT}{name}") for name in texts]
    )
    rules = [
        F.when(F.col(name).isNull() & F.col(f"{_TEXT}{name}").isNotNull(), F.lit(f"{name}_type")) for name in texts
    ]
    needed = [*keys, *(column.name for column in declared if not column.nullable and column.name not in keys)]
    unread = {name: F.col(f"{_TEXT}{name}").isNull() if name in texts else F.col(name).isNull() for name in needed}
    rules += [F.when(is_null, F.lit(f"{name}_not_null")) for name, is_null in unread.items()]
    rules += [F.when(broken, F.lit(name)) for name, broken in _declared_rules(declared).items()]
    numbers = [name for name, dtype in wanted.items() if dtype == "double"]
    rules += [F.when(is_infinite(name), F.lit(f"{name}_{NOT_FINITE}")) for name in numbers]
    copies = rows.withColumn(_COPIES, F.count(F.lit(1)).over(Window.partitionBy(*keys)))
    present = F.concat_ws("", *[F.when(F.col(name).isNull(), F.lit("x")) for name in keys]) == ""
    rules.append(F.when(present & (F.col(_COPIES) > 1), F.lit(UNIQUE_KEYS)))
    judged = copies.withColumn(_RULES, F.array_compact(F.array(*rules))).select(*wanted, _RULES)
    return SplitRows(
        judged.where(F.size(_RULES) == 0).drop(_RULES), judged.where(F.size(_RULES) > 0).select(*keys, _RULES)
    )


def _read_column(name: str, dtype: str, found: str) -> SparkColumn:
    """Return the column ``name`` of type ``found`` as ``dtype``."""
    if found == "string":
        return read_text(Column(name=name, dtype=dtype, description=name))
    value = F.col(name).cast(dtype)
    return (F.when(~F.isnan(value), value) if dtype == "double" else value).alias(name)


def _declared_rules(declared: Sequence[Column]) -> dict[str, SparkColumn]:
    """Return the conditions under which a value breaks the rules of its column; that there is one is judged before."""
    columns = tuple(replace(column, nullable=True) for column in declared)
    return broken_conditions(TableContract(name="input", description="An input.", grain="any", columns=columns))


TABLE_NAME = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class InputRows:
    """Rows to score.

    Attributes:
        rows: As delivered.
        name: Their name in messages.
        identity: Changes when the rows change: table and version, or the digest of the files.
        versions: ``<catalog>.<schema>.<table>`` and version where the input is a table of the environment.
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
        frame = session.read.format("delta").load(plain_path(path.absolute().as_posix()))
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
    files = _list_files(path)
    digest = hashlib.sha256()
    if path.suffix == ".csv":
        rows = _read_csv(files, engine, digest)
        return InputRows(rows=rows, name=str(path), identity=digest.hexdigest(), versions={}, as_text=True)
    for file in files:
        with file.open("rb") as opened:
            while part := opened.read(1 << 20):
                digest.update(part)
    return InputRows(rows=read_parquet(files, engine), name=str(path), identity=digest.hexdigest(), versions={})


def _list_files(path: Path) -> list[Path]:
    """Return the file ``path``, or all files of a folder that end as it does, in the order of their names.

    Raises:
        InferenceError: If there are none, or one is hidden: engines skip such files, and no row is to be skipped.
    """
    if not path.is_dir():
        return [path]
    files = sorted(each for each in path.rglob(f"*{path.suffix}") if each.is_file())
    if not files:
        raise InferenceError(f"The folder {path} has no file that ends in {path.suffix}. {NOTHING_DONE}")
    hidden = [file for file in files if file.name.startswith((".", "_"))]
    if hidden:
        raise InferenceError(
            f"The folder {path} has {hidden[0].name}, and names that begin with . or _ mark files that are not "
            f"finished or no data. {NOTHING_DONE} Rename the file, or remove it from the folder."
        )
    return files


def _read_csv(files: Sequence[Path], engine: str, digest: Any) -> DataFrame:  # noqa: ANN401 - an object of hashlib
    """Return the rows of files that have the same columns, in any order; the digest gets their bytes.

    Raises:
        InferenceError: If two files have other columns.
        DataQualityError: If a file is not as the reader of CSV files takes it.
    """
    names: list[str] = []

    def check(file: Path, header: list[str]) -> None:
        names[:] = names or header
        lines = diff_columns(dict.fromkeys(names, "string"), dict.fromkeys(header, "string"))
        if lines:
            diff = "\n".join(lines)
            raise InferenceError(f"The columns of {file.name} are not those of {files[0].name}. {NOTHING_DONE}\n{diff}")

    batches = (batch for file in files for batch in CsvFile(file, digest=digest).read(partial(check, file)))
    return read_rows(batches, names, engine)
