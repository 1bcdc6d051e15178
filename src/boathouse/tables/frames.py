"""Frames of Spark, Arrow, pandas and polars: converted, compared by a fingerprint, shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from boathouse.errors import TableError
from boathouse.options import require_choice
from boathouse.tables.contract import arrow_type
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa
    from kedro_datasets._typing import TablePreview
    from pyspark.sql import Column, DataFrame, Row, SparkSession

    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation


FORMS = ("spark", "pandas", "arrow", "polars")
_PLAIN = ("tinyint", "smallint", "int", "bigint", "string", "boolean", "date", "timestamp", "timestamp_ntz", "binary")
ROWS, DIGEST = "fingerprint_rows", "fingerprint_digest"


def convert_spark(frame: DataFrame, form: str) -> Any:  # noqa: ANN401 - one of four libraries' frames
    """Return ``frame`` as ``form``; all but ``spark`` bring its rows to the driver.

    Dates stay dates; timestamps are aware and in UTC; an integer column with nulls becomes double
    in pandas.
    """
    require_choice("load_as", form, FORMS)
    if form == "spark":
        return frame
    table = frame.toArrow()
    if form == "pandas":
        return table.to_pandas()
    if form == "polars":
        import polars as pl

        return pl.from_arrow(table)
    return table


def to_spark(data: Any, session: SparkSession, contract: TableContract | None, *, table: str) -> DataFrame:  # noqa: ANN401
    """Return ``data``, a frame of Spark, Arrow, pandas or polars, as a Spark frame.

    Values of the latter three are cast to the contract's types where nothing is lost.

    Raises:
        TableError: If it is no such frame, or a cast would lose something.
    """
    if type(data).__module__.startswith("pyspark."):
        frame: DataFrame = data
        return frame
    rows = _cast(_to_arrow(data, table), contract, table)
    if rows.num_rows:
        return session.createDataFrame(rows)
    from pyspark.sql.pandas.types import from_arrow_schema

    # Spark Connect takes an empty Arrow table for a list without a schema.
    return session.createDataFrame([], from_arrow_schema(rows.schema))


def _to_arrow(data: Any, table: str) -> pa.Table:  # noqa: ANN401
    """Return a frame of Arrow, pandas or polars as an Arrow table, without any index."""
    import pyarrow as pa

    library = type(data).__module__.partition(".")[0]
    if isinstance(data, pa.Table):
        return data
    if library == "pandas":
        return pa.Table.from_pandas(data, preserve_index=False).replace_schema_metadata(None)
    if library == "polars":
        return data.to_arrow()
    found = f"{type(data).__module__}.{type(data).__name__}"
    raise TableError(f"Table '{table}': expected a frame of Spark, pandas, pyarrow or polars, found {found}.")


def _cast(data: pa.Table, contract: TableContract | None, table: str) -> pa.Table:
    """Return ``data`` with the contract's types on those columns that it has."""
    import pyarrow as pa

    types = {} if contract is None else {column.name: arrow_type(column.dtype) for column in contract.columns}
    fields = [pa.field(field.name, types.get(field.name) or _spark_friendly(field.type)) for field in data.schema]
    try:
        return data.cast(pa.schema(fields))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableError.failed(table, "saved", "a column does not fit its contract's type without loss") from error


def _spark_friendly(dtype: pa.DataType) -> pa.DataType:
    """Return the type that Spark has for ``dtype``: microseconds, plain strings, strings for all-null columns."""
    import pyarrow as pa

    if pa.types.is_timestamp(dtype):
        return pa.timestamp("us", tz=dtype.tz)
    if pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype) or pa.types.is_null(dtype):
        return pa.string()
    return dtype


@dataclass(frozen=True)
class Fingerprint:
    """Count and order-free sum of the rows' 64-bit hashes; equal frames have equal fingerprints.

    Two different frames agree by chance with a probability of about 2**-64.
    """

    rows: int
    digest: int

    @classmethod
    def from_row(cls, row: Row) -> Fingerprint:
        """Return the fingerprint from an aggregated row that has :func:`fingerprint_columns`."""
        return cls(int(row[ROWS]), int(row[DIGEST] or 0))


def fingerprint_columns(frame: DataFrame, *, ignore: Collection[str] = ()) -> list[Column]:
    """Return two aggregates over ``frame``: its row count and the sum of its rows' hashes.

    Order of rows and columns does not matter. Nulls count by the column they stand in; 0.0 equals
    -0.0 and every NaN equals every other.

    Args:
        frame: Whose columns are hashed.
        ignore: Columns left out, such as the time of writing.
    """
    from pyspark.sql import functions as F

    parts: list[Column] = []
    for name, dtype in sorted(frame.dtypes):
        if name not in ignore:
            # xxhash64 skips nulls, so that (1, null) and (null, 1) would be equal without the flags.
            parts += [_canonical(name, dtype), F.col(name).isNull()]
    row_hash = F.xxhash64(*parts) if parts else F.lit(0)
    # Sums of bigint overflow; 38 digits hold 10**19 rows.
    return [F.count(F.lit(1)).alias(ROWS), F.sum(row_hash.cast("decimal(38,0)")).alias(DIGEST)]


def compute_fingerprint(frame: DataFrame, *, ignore: Collection[str] = ()) -> Fingerprint:
    """Return the fingerprint of ``frame``; runs one aggregation."""
    return Fingerprint.from_row(frame.agg(*fingerprint_columns(frame, ignore=ignore)).collect()[0])


def _canonical(name: str, dtype: str) -> Column:
    """Return column ``name`` in a form in which equal values have equal hashes."""
    from pyspark.sql import functions as F

    column = F.col(name)
    if dtype in ("double", "float"):
        zero, nan = F.lit(0.0).cast(dtype), F.lit(float("nan")).cast(dtype)
        return F.when(column == 0, zero).when(F.isnan(column), nan).otherwise(column)
    if dtype in _PLAIN or dtype.startswith("decimal"):
        return column
    # Hashes of arrays and structs skip nulls inside them; their JSON does not.
    return F.to_json(F.struct(column))


def preview_table(location: TableLocation, nrows: int) -> TablePreview:
    """Return up to ``nrows`` rows as text, their columns named ``name: type``."""
    if not open_log(location).exists():
        return _as_preview(["not made yet"], [])
    rows = _first_rows(location, nrows)
    columns = [f"{field.name}: {field.type}" for field in rows.schema]
    return _as_preview(columns, [[_as_text(value) for value in row.values()] for row in rows.to_pylist()])


def _first_rows(location: TableLocation, nrows: int) -> pa.Table:
    """Return the first rows in stored order."""
    if location.path is None:
        return location.session().read.table(location.table).limit(nrows).toArrow()
    from deltalake import DeltaTable

    table: pa.Table = DeltaTable(location.path).to_pyarrow_dataset().head(nrows)
    return table


def _as_text(value: object) -> object:
    """Return ``value`` if JSON has it, else its text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _as_preview(columns: list[str], data: list[list[object]]) -> TablePreview:
    return cast("TablePreview", {"index": list(range(len(data))), "columns": columns, "data": data})
