"""The body of a request, parsed into columns from each of the forms that MLflow's server takes."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from boathouse.errors import InvocationError
from boathouse.errors.invocations import INVALID_VALUE, list_names

# What pandas reads as missing in a CSV file.
_NULLS = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)


def read_csv(body: bytes) -> tuple[dict[str, Sequence[Any]], int]:
    """Return columns and number of rows of a CSV file with a header; null where pandas reads a missing value.

    Raises:
        InvocationError: If it is not UTF-8, has no header, a name twice, or a row of another length.
    """
    try:
        text = body.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (UnicodeDecodeError, csv.Error):
        raise InvocationError.unreadable("CSV in UTF-8", "a line cannot be read") from None
    if not rows:
        raise InvocationError.unreadable("CSV with a header", "the file is empty")
    header, *lines = rows
    if len(set(header)) != len(header):
        raise InvocationError.unreadable("CSV", "a name stands twice in its header")
    for number, row in enumerate(lines):
        if len(row) != len(header):
            raise InvocationError.uneven_row(number, len(row), len(header))
    values = list(zip(*lines, strict=True)) if lines else [()] * len(header)
    columns = {
        name: [None if cell in _NULLS else cell for cell in cells] for name, cells in zip(header, values, strict=True)
    }
    return dict(columns), len(lines)


def read_parquet(body: bytes) -> tuple[dict[str, Sequence[Any]], int]:
    """Return columns and number of rows of a Parquet file.

    Raises:
        InvocationError: If it is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(body))
    except (pa.ArrowException, OSError, ValueError):
        raise InvocationError.unreadable("Parquet", "the file cannot be read") from None
    return {name: table[name].to_pylist() for name in table.column_names}, table.num_rows


JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
WRAPPERS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_REQUIRED = f"The input must be a JSON dictionary with exactly one of the input fields {', '.join(WRAPPERS)}"
Columns = dict[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request.

    Attributes:
        columns: Values by column name, one a row each, as they came; None is null.
        rows: Number of rows.
        params: The request's parameters.
        client_request_id: The caller's own id of the request, or None.
    """

    columns: Columns
    rows: int
    params: Mapping[str, Any] = field(default_factory=dict)
    client_request_id: str | None = None

    def take(self, rows: Sequence[int]) -> Invocation:
        """Return the invocation of some of its rows, in the order given."""
        columns: Columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return Invocation(columns, len(rows), self.params, self.client_request_id)


def parse_invocation(body: bytes, content_type: str | None, *, max_rows: int) -> Invocation:
    """Return what ``body`` asks for.

    Raises:
        InvocationError: 400 for what cannot be read, 413 for too many rows, 415 for another content type.
    """
    kind = JSON if content_type == JSON else _media_type(content_type)
    invocation = _PARSERS[kind](body)
    if invocation.rows > max_rows:
        raise InvocationError.too_large("rows", max_rows)
    return invocation


def _media_type(content_type: str | None) -> str:
    """Return the media type; the errors have the text of MLflow's."""
    if content_type is None:
        message = "The request has no Content-Type. Send 'Content-Type: application/json'."
        raise InvocationError.bad_request(message)
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    values = {name: value for name, _, value in (each.partition("=") for each in parameters)}
    if values.get("charset", "utf-8").lower() != "utf-8":
        raise InvocationError(415, "", "The scoring server only supports UTF-8")
    unknown = sorted(set(values) - {"charset"})
    if unknown:
        raise InvocationError(415, "", f"Unrecognized content type parameters: {', '.join(unknown)[:200]}.")
    if kind not in _PARSERS:
        types = [CSV, JSON, PARQUET]
        message = "This predictor only supports the following content types: "
        raise InvocationError(415, "", f"{message}Types: {types}. Got '{content_type[:200]}'.")
    return kind


def _parse_json(body: bytes) -> Invocation:
    document = _load(body)
    if not isinstance(document, dict):
        raise InvocationError.bad_request(f"{_REQUIRED}. Received a {_json_type(document)}.")
    wrappers = [name for name in WRAPPERS if name in document]
    if len(wrappers) != 1:
        raise _find_wrong_wrapper(document)
    [wrapper] = wrappers
    columns, rows = _READERS[wrapper](document[wrapper])
    params, own_id = document.get("params"), document.get("client_request_id")
    if params is not None and not isinstance(params, dict):
        raise InvocationError.wrong_param("params", "a dictionary")
    return Invocation(columns, rows, params or {}, None if own_id is None else str(own_id)[:256])


def _find_wrong_wrapper(document: Mapping[str, Any]) -> InvocationError:
    """Name the keys that came; old requests lack the key around them."""
    hint = ""
    if {"columns", "data"} <= document.keys():
        hint = ' Columns and data go inside: {"dataframe_split": {"columns": […], "data": […]}}.'
    fields = list_names(sorted(document))
    return InvocationError.bad_request(f"{_REQUIRED}. Received dictionary with input fields: {fields}.{hint}")


def _load(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    # Python clients write NaN, which is not JSON; MLflow's server takes it, so this one does.
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        where = f"it breaks off at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "it is not"
        raise InvocationError.unreadable("JSON in UTF-8", where) from None


def _read_split(content: Any) -> tuple[Columns, int]:  # noqa: ANN401 - any JSON
    if not isinstance(content, dict):
        raise InvocationError.wrong_form("dataframe_split", "a dictionary", _json_type(content))
    unknown = sorted(content.keys() - {"columns", "data", "index"})
    if unknown or "data" not in content:
        found = ", ".join(sorted(content))[:200] or "none"
        raise InvocationError.wrong_form("dataframe_split", "'data', and optionally 'columns' and 'index'", found)
    data = content["data"]
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise InvocationError.wrong_form("dataframe_split.data", "a list of rows, each a list", _json_type(data))
    names = _read_names(content.get("columns"), len(data[0]) if data else 0)
    index = content.get("index")
    if index is not None and (not isinstance(index, list) or len(index) != len(data)):
        raise InvocationError.wrong_form("dataframe_split.index", "a list with a label for each row", _json_type(index))
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise InvocationError.uneven_row(number, len(row), len(names))
    values: list[Any] = list(zip(*data, strict=True)) if data else [()] * len(names)
    return dict(zip(names, values, strict=True)), len(data)


def _read_names(columns: Any, width: int) -> list[str]:  # noqa: ANN401 - any JSON
    names = range(width) if columns is None else columns
    if not isinstance(names, list | range) or any(isinstance(name, list | dict) for name in names):
        raise InvocationError.wrong_form("dataframe_split.columns", "a list of names", _json_type(columns))
    texts = [str(name) for name in names]
    if len(set(texts)) != len(texts):
        repeated = sorted(name for name, times in Counter(texts).items() if times > 1)
        raise InvocationError(400, INVALID_VALUE, f"Column(s) named more than once: {list_names(repeated)}.")
    return texts


def _read_records(content: Any, wrapper: str = "dataframe_records") -> tuple[Columns, int]:  # noqa: ANN401
    """Return the columns of a list of dictionaries; what one of them lacks is null there."""
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        found = f"{_json_type(content)} of something else" if isinstance(content, list) else _json_type(content)
        raise InvocationError.wrong_form(wrapper, "a list of records, each a dictionary", found)
    if len(content) == 1:
        return {name: (value,) for name, value in content[0].items()}, 1
    names = dict.fromkeys(name for row in content for name in row)
    return {name: [row.get(name) for row in content] for name in names}, len(content)


def _read_instances(content: Any) -> tuple[Columns, int]:  # noqa: ANN401 - any JSON
    """Return the columns of a list of dictionaries, which all have the same keys, or of a dictionary of lists."""
    if not isinstance(content, list):
        return _read_inputs(content)
    columns, rows = _read_records(content, "instances")
    for name in columns:
        given = sum(name in row for row in content)
        if given != rows:
            raise InvocationError.uneven_column(name, given, rows)
    return columns, rows


def _read_inputs(content: Any) -> tuple[Columns, int]:  # noqa: ANN401 - any JSON
    """Return the columns of a dictionary of lists, of one of single values (one row), or of a list of dictionaries."""
    if isinstance(content, list):
        return _read_records(content, "inputs")
    if not isinstance(content, dict) or not content:
        raise InvocationError.wrong_form("inputs", "a dictionary of columns or a list of records", _json_type(content))
    if not any(isinstance(value, list) for value in content.values()):
        return {name: (value,) for name, value in content.items()}, 1
    columns: Columns = {name: value if isinstance(value, list) else (value,) for name, value in content.items()}
    rows = len(next(iter(columns.values())))
    for name, values in columns.items():
        if len(values) != rows:
            raise InvocationError.uneven_column(name, len(values), rows)
    return columns, rows


def _json_type(value: Any) -> str:  # noqa: ANN401 - any JSON
    names = {dict: "dictionary", list: "list", str: "text", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


_READERS: dict[str, Callable[[Any], tuple[Columns, int]]] = {
    "dataframe_split": _read_split,
    "dataframe_records": _read_records,
    "instances": _read_instances,
    "inputs": _read_inputs,
}
_PARSERS: dict[str, Callable[[bytes], Invocation]] = {
    JSON: _parse_json,
    CSV: lambda body: Invocation(*read_csv(body)),
    PARQUET: lambda body: Invocation(*read_parquet(body)),
}
