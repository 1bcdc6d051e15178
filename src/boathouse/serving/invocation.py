"""The body of a request, parsed into columns from each of the forms that MLflow's server takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from boathouse.errors import InvocationError
from boathouse.errors.invocations import INVALID_VALUE, quote, quote_names
from boathouse.serving.bounds import Bounds
from boathouse.serving.flat_files import read_csv, read_parquet
from boathouse.serving.json_pieces import is_brief, parse_json

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
WRAPPERS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_REQUIRED = f"The input must be a JSON dictionary with exactly one of the input fields {', '.join(WRAPPERS)}"
Columns = Mapping[str, Sequence[Any]]
# Values of rows that become columns in one step: Python's lock is held meanwhile.
_TURNED_AT_ONCE = 50_000
# Names of an unknown document that a message is made from.
_NAMES_SHOWN = 100


class RecordColumns(Columns):
    """The columns of a list of records, each made when it is asked for; what a record lacks is null there.

    A model takes a few of the names that a request may have: rows times names is never laid out.
    """

    def __init__(
        self,
        records: Sequence[Mapping[str, Any]],
        names: Mapping[str, None],
        replaced: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Keep the records, the names that are in any of them, and columns that stand in place of theirs."""
        self.records, self._names, self._replaced = records, names, replaced or {}

    def __getitem__(self, name: str) -> Sequence[Any]:
        """Return one column."""
        if name in self._replaced:
            return self._replaced[name]
        if name not in self._names:
            raise KeyError(name)
        return [record.get(name) for record in self.records]

    def __contains__(self, name: object) -> bool:
        """Return whether any record has the name."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._names)

    def take(self, rows: Sequence[int]) -> RecordColumns:
        """Return the columns of some records."""
        replaced = {name: [values[row] for row in rows] for name, values in self._replaced.items()}
        return RecordColumns([self.records[row] for row in rows], self._names, replaced)

    def with_columns(self, columns: Mapping[str, Sequence[Any]]) -> RecordColumns:
        """Return the same with ``columns`` in place of those of their names."""
        return RecordColumns(self.records, self._names, {**self._replaced, **columns})


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

    def with_columns(self, columns: Mapping[str, Sequence[Any]]) -> Invocation:
        """Return the invocation with ``columns`` in place of those of their names, which it has."""
        own = self.columns
        changed = own.with_columns(columns) if isinstance(own, RecordColumns) else {**own, **columns}
        return replace(self, columns=changed)

    def take(self, rows: Sequence[int]) -> Invocation:
        """Return the invocation of some of its rows, in the order given."""
        columns: Columns
        if isinstance(self.columns, RecordColumns):
            columns = self.columns.take(rows)
        else:
            columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return Invocation(columns, len(rows), self.params, self.client_request_id)


def parse_invocation(
    body: bytes, content_type: str | None, *, max_rows: int = 10**9, bounds: Bounds | None = None
) -> Invocation:
    """Return what ``body`` asks for.

    Args:
        body: The body of the request.
        content_type: Its content type.
        max_rows: Most rows; counts without ``bounds``.
        bounds: What the body may hold, and whether it is still wanted.

    Raises:
        InvocationError: 400 for what cannot be read, 413 for too many rows, columns or values, 415 for another content
            type.
    """
    kind = JSON if content_type == JSON else _media_type(content_type)
    return _PARSERS[kind](body, Bounds(max_rows) if bounds is None else bounds)


def is_small(body: bytes, content_type: str | None) -> bool:
    """Return whether the body is parsed within a few milliseconds, whatever it holds."""
    return is_brief(body) and content_type is not None and not content_type.startswith(PARQUET)


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
        raise InvocationError(415, "", f"Unrecognized content type parameters: {quote(', '.join(unknown)[:200])}.")
    if kind not in _PARSERS:
        types = [CSV, JSON, PARQUET]
        message = "This predictor only supports the following content types: "
        raise InvocationError(415, "", f"{message}Types: {types}. Got '{quote(content_type[:200])}'.")
    return kind


def _parse_json(body: bytes, bounds: Bounds) -> Invocation:
    document = parse_json(body, bounds)
    if not isinstance(document, dict):
        raise InvocationError.bad_request(f"{_REQUIRED}. Received a {_json_type(document)}.")
    wrappers = [name for name in WRAPPERS if name in document]
    if len(wrappers) != 1:
        raise _find_wrong_wrapper(document)
    [wrapper] = wrappers
    columns, rows = _READERS[wrapper](document[wrapper], bounds)
    params, own_id = document.get("params"), document.get("client_request_id")
    if params is not None and not isinstance(params, dict):
        raise InvocationError.wrong_param("params", "a dictionary")
    own_id = str(own_id)[:256] if isinstance(own_id, str | int | float) else None
    return Invocation(columns, rows, params or {}, own_id)


def _find_wrong_wrapper(document: Mapping[str, Any]) -> InvocationError:
    """Name the keys that came; old requests lack the key around them."""
    hint = ""
    if {"columns", "data"} <= document.keys():
        hint = ' Columns and data go inside: {"dataframe_split": {"columns": […], "data": […]}}.'
    fields = quote_names(sorted(islice(document, _NAMES_SHOWN)))
    return InvocationError.bad_request(f"{_REQUIRED}. Received dictionary with input fields: {fields}.{hint}")


def _read_split(content: Any, bounds: Bounds) -> tuple[Columns, int]:  # noqa: ANN401 - any JSON
    if not isinstance(content, dict):
        raise InvocationError.wrong_form("dataframe_split", "a dictionary", _json_type(content))
    if "data" not in content or content.keys() - {"columns", "data", "index"}:
        found = quote_names(sorted(islice(content, _NAMES_SHOWN)))
        raise InvocationError.wrong_form("dataframe_split", "'data', and optionally 'columns' and 'index'", found)
    data = content["data"]
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise InvocationError.wrong_form("dataframe_split.data", "a list of rows, each a list", _json_type(data))
    bounds.check_rows(data)
    names = _read_names(content.get("columns"), len(data[0]) if data else 0, bounds)
    index = content.get("index")
    if index is not None and (not isinstance(index, list) or len(index) != len(data)):
        raise InvocationError.wrong_form("dataframe_split.index", "a list with a label for each row", _json_type(index))
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise InvocationError.uneven_row(number, len(row), len(names))
    return dict(zip(names, _turn(data, len(names), bounds), strict=True)), len(data)


def _turn(data: Sequence[Sequence[Any]], width: int, bounds: Bounds) -> list[Sequence[Any]]:
    """Return the columns of rows of equal length; of many, one after the other: other threads come in between."""
    if not data:
        return [()] * width
    if len(data) * width <= _TURNED_AT_ONCE:
        return list(zip(*data, strict=True))
    columns: list[Sequence[Any]] = []
    for place in range(width):
        bounds.rest()
        columns.append([row[place] for row in data])
    return columns


def _read_names(columns: Any, width: int, bounds: Bounds) -> list[str]:  # noqa: ANN401 - any JSON
    names = range(width) if columns is None else columns
    if not isinstance(names, list | range) or any(isinstance(name, list | dict) for name in names):
        raise InvocationError.wrong_form("dataframe_split.columns", "a list of names", _json_type(columns))
    bounds.check_count(len(names))
    texts = [str(name) for name in names]
    bounds.check_names(texts)
    if len(set(texts)) != len(texts):
        repeated = sorted(name for name, times in Counter(texts).items() if times > 1)
        raise InvocationError(400, INVALID_VALUE, f"Column(s) named more than once: {quote_names(repeated)}.")
    return texts


def _read_records(content: Any, bounds: Bounds, wrapper: str = "dataframe_records") -> tuple[Columns, int]:  # noqa: ANN401
    """Return the columns of a list of dictionaries; what one of them lacks is null there."""
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        found = f"{_json_type(content)} of something else" if isinstance(content, list) else _json_type(content)
        raise InvocationError.wrong_form(wrapper, "a list of records, each a dictionary", found)
    bounds.check_rows(content)
    if len(content) == 1:
        _check_names(content[0], bounds)
        return {name: (value,) for name, value in content[0].items()}, 1
    names: dict[str, None] = {}
    for row in content:
        if row.keys() != names.keys():
            names.update(dict.fromkeys(row))
            bounds.check_count(len(names))
    bounds.check_values(len(names) * len(content))
    bounds.check_names(names)
    return RecordColumns(content, names), len(content)


def _check_names(names: Mapping[str, Any], bounds: Bounds) -> None:
    bounds.check_count(len(names))
    bounds.check_names(names)


def _read_instances(content: Any, bounds: Bounds) -> tuple[Columns, int]:  # noqa: ANN401 - any JSON
    """Return the columns of a list of dictionaries, which all have the same keys, or of a dictionary of lists."""
    if not isinstance(content, list):
        return _read_inputs(content, bounds)
    columns, rows = _read_records(content, bounds, "instances")
    if any(len(row) != len(columns) for row in content):
        # A record without one of the names, which are those of all records.
        name = next(name for row in content if len(row) != len(columns) for name in columns if name not in row)
        raise InvocationError.uneven_column(name, sum(name in row for row in content), rows)
    return columns, rows


def _read_inputs(content: Any, bounds: Bounds) -> tuple[Columns, int]:  # noqa: ANN401 - any JSON
    """Return the columns of a dictionary of lists, of one of single values (one row), or of a list of dictionaries."""
    if isinstance(content, list):
        return _read_records(content, bounds, "inputs")
    if not isinstance(content, dict) or not content:
        raise InvocationError.wrong_form("inputs", "a dictionary of columns or a list of records", _json_type(content))
    _check_names(content, bounds)
    if not any(isinstance(value, list) for value in content.values()):
        return {name: (value,) for name, value in content.items()}, 1
    columns: Columns = {name: value if isinstance(value, list) else (value,) for name, value in content.items()}
    rows = len(next(iter(columns.values())))
    bounds.check_rows(rows)
    for name, values in columns.items():
        if len(values) != rows:
            raise InvocationError.uneven_column(name, len(values), rows)
    return columns, rows


def _json_type(value: Any) -> str:  # noqa: ANN401 - any JSON
    names = {dict: "dictionary", list: "list", str: "text", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


_READERS: dict[str, Callable[[Any, Bounds], tuple[Columns, int]]] = {
    "dataframe_split": _read_split,
    "dataframe_records": _read_records,
    "instances": _read_instances,
    "inputs": _read_inputs,
}
_PARSERS: dict[str, Callable[[bytes, Bounds], Invocation]] = {
    JSON: _parse_json,
    CSV: lambda body, bounds: Invocation(*read_csv(body, bounds)),
    PARQUET: lambda body, bounds: Invocation(*read_parquet(body, bounds)),
}
