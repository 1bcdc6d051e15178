"""From the log of requests to rows: one a record, with its own prediction, whichever form the log has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from boathouse.endpoints.log_contract import RESPONSE_TOO_LONG
from boathouse.scoring.spec import OUTPUTS

# What keeps a record from having a prediction.
FAILED = "request_failed"
REQUEST_LOST = "request_not_logged"
REQUEST_UNREADABLE = "request_not_readable"
RESPONSE_LOST = "response_not_logged"
RESPONSE_UNREADABLE = "response_not_readable"
COUNT_DIFFERS = "records_and_predictions_differ"
PREDICTION_UNREADABLE = "prediction_not_readable"
ERRORS = (
    *(FAILED, REQUEST_LOST, REQUEST_UNREADABLE, RESPONSE_LOST, RESPONSE_UNREADABLE),
    *(COUNT_DIFFERS, PREDICTION_UNREADABLE),
)
# The column of each task's answer that is measured and watched.
_SCORES = tuple(outputs.main for outputs in OUTPUTS.values())


@dataclass(frozen=True, kw_only=True)
class LoggedRow:
    """One record of a request.

    Attributes:
        request_id: Id of the request.
        client_request_id: Id that the client gave, or None.
        number: Place of the record within its request, from 0.
        time: When the request arrived, UTC.
        endpoint: Endpoint, or empty where the log does not have it: the older form.
        mode: ``answer`` or ``shadow``.
        served_entity: Entity that scored this record, or None if it cannot be known from the log.
        status_code: HTTP status of the whole request.
        duration_ms: Of the whole request.
        sampling_fraction: Share of requests in the log.
        requester: Name of the token, or None.
        inputs: Values by column; of nameless rows by their place, "0", "1" and so on.
        prediction: The model's answer for this record; a mapping, or a number. None if and only if ``error``.
        error: Why there is no prediction, of ``ERRORS``; None if there is one.
    """

    request_id: str
    client_request_id: str | None
    number: int
    time: datetime
    endpoint: str
    mode: str
    served_entity: str | None
    status_code: int
    duration_ms: float
    sampling_fraction: float
    requester: str | None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    prediction: Any = None
    error: str | None = None

    @property
    def score(self) -> float | None:
        """The main column of the answer, or the prediction itself where it is a number; None if there is neither."""
        value = self.prediction
        if isinstance(value, Mapping):
            value = next((value[name] for name in _SCORES if name in value), None)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def read_log_rows(entries: Iterable[Mapping[str, Any]]) -> Iterator[LoggedRow]:
    """Give the rows of each entry of an inference table, in order.

    Both forms of the platform are read, the newer one (``request_time``, ``execution_duration_ms``) and the
    older one (``timestamp_ms``, ``execution_time_ms``, ``request_metadata``). A record without a readable
    prediction becomes a row with an error. A request that failed, or whose records cannot be read, is one
    such row. Records that were left out because a body was too long are not made up.
    """
    for entry in entries:
        yield from _read_entry(_modernise(entry))


def _modernise(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an entry of the older form in the newer one."""
    if "timestamp_ms" not in entry:
        return entry
    metadata = dict(entry.get("request_metadata") or {})
    return {
        **entry,
        "request_time": datetime.fromtimestamp(int(entry["timestamp_ms"]) / 1000, UTC),
        "execution_duration_ms": entry.get("execution_time_ms"),
        "served_entity_id": metadata.get("served_entity_id") or metadata.get("model_name"),
        "endpoint": metadata.get("endpoint_name"),
    }


def _read_entry(entry: Mapping[str, Any]) -> Iterator[LoggedRow]:
    base = _read_base(entry)
    if base["status_code"] >= 400:
        yield LoggedRow(**base, number=0, served_entity=_name_entity(entry, 1, 0), error=FAILED)
        return
    records, request_error = _read_records(entry.get("request"))
    predictions, response_error = _read_predictions(entry.get("response"))
    error = request_error or response_error
    if error is None and len(records) != len(predictions):
        if RESPONSE_TOO_LONG in (entry.get("logging_error_codes") or ()):
            records = records[: len(predictions)]
        elif not entry.get("logging_error_codes"):
            error = COUNT_DIFFERS
    rows = zip(records, predictions, strict=False) if error is None else ((each, None) for each in records or [{}])
    total = max(len(records), len(predictions))
    for number, (inputs, prediction) in enumerate(rows):
        fault = error or (None if _is_readable(prediction) else PREDICTION_UNREADABLE)
        yield LoggedRow(
            **base,
            number=number,
            served_entity=_name_entity(entry, total, number),
            inputs=inputs,
            prediction=prediction if fault is None else None,
            error=fault,
        )


def _read_base(entry: Mapping[str, Any]) -> dict[str, Any]:
    sampling = entry.get("sampling_fraction")
    return {
        "request_id": str(entry["databricks_request_id"]),
        "client_request_id": entry.get("client_request_id"),
        "time": entry["request_time"],
        "endpoint": entry.get("endpoint") or "",
        "mode": entry.get("mode") or "answer",
        # The platform's own test data has it as text.
        "status_code": int(entry["status_code"]),
        "duration_ms": float(entry.get("execution_duration_ms") or 0),
        "sampling_fraction": 1.0 if sampling is None else float(sampling),
        "requester": entry.get("requester"),
    }


def _name_entity(entry: Mapping[str, Any], total: int, number: int) -> str | None:
    """Return the entity of one record: the only name, or the one at its place; None if neither is clear."""
    names = str(entry.get("served_entity_id") or "").split(",")
    if len(names) == 1:
        return names[0] or None
    return names[number] if len(names) >= total else None


def _read_records(text: str | None) -> tuple[list[dict[str, Any]], str | None]:
    if text is None:
        return [], REQUEST_LOST
    try:
        document = json.loads(text)
    except ValueError:
        return [], REQUEST_UNREADABLE
    records = _find_records(document)
    return ([], REQUEST_UNREADABLE) if records is None else (records, None)


def _find_records(document: Any) -> list[dict[str, Any]] | None:  # noqa: ANN401 - any JSON value
    if not isinstance(document, dict):
        return None
    split = document.get("dataframe_split")
    if isinstance(split, dict):
        names, data = split.get("columns"), split.get("data")
        if not isinstance(names, list) or not isinstance(data, list):
            return None
        return [_name_values(row, [str(name) for name in names]) for row in data]
    for key in ("dataframe_records", "instances", "inputs"):
        if key in document:
            return _list_rows(document[key])
    return None


def _list_rows(value: Any) -> list[dict[str, Any]] | None:  # noqa: ANN401
    """Return rows of a list of objects or lists, of a mapping of columns, or of a single value."""
    if isinstance(value, dict):
        columns = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
        count = max(map(len, columns.values()), default=0)
        if any(len(each) not in {1, count} for each in columns.values()):
            return None
        # A scalar beside lists stands for every row.
        return [{name: each[0 if len(each) == 1 else row] for name, each in columns.items()} for row in range(count)]
    if isinstance(value, list):
        return [each if isinstance(each, dict) else _name_values(each) for each in value]
    return None


def _name_values(row: Any, names: list[str] | None = None) -> dict[str, Any]:  # noqa: ANN401
    values = row if isinstance(row, list) else [row]
    return dict(zip(names or map(str, range(len(values))), values, strict=False))


def _read_predictions(text: str | None) -> tuple[list[Any], str | None]:
    if text is None:
        return [], RESPONSE_LOST
    try:
        document = json.loads(text)
    except ValueError:
        return [], RESPONSE_UNREADABLE
    found = document.get("predictions") if isinstance(document, dict) else document
    if isinstance(found, dict):
        found = _list_rows(found)
    return (found, None) if isinstance(found, list) else ([], RESPONSE_UNREADABLE)


def _is_readable(prediction: Any) -> bool:  # noqa: ANN401
    """Return whether a prediction can be read: a number, a text, a list, or a mapping whose score is not null."""
    if isinstance(prediction, dict):
        return bool(prediction) and all(prediction[name] is not None for name in _SCORES if name in prediction)
    return prediction is not None
