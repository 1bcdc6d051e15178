"""From the log of requests to rows: one a record, with its own prediction, whichever form the log has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
ENTRY_UNREADABLE = "entry_not_readable"
ERRORS = (
    *(FAILED, REQUEST_LOST, REQUEST_UNREADABLE, RESPONSE_LOST, RESPONSE_UNREADABLE),
    *(COUNT_DIFFERS, PREDICTION_UNREADABLE, ENTRY_UNREADABLE),
)
# The column of each task's answer that is measured and watched.
_SCORES = tuple(outputs.main for outputs in OUTPUTS.values())
# Times are counted from here; it is also that of an entry without one.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BASE = ("sampling_fraction", "request_time", "databricks_request_id")


@dataclass(frozen=True, kw_only=True)
class LoggedRow:
    """One record of a request.

    Attributes:
        request_id: Id of the request.
        client_request_id: Id that the client gave, or None.
        number: Place of the record within its request, from 0.
        time: When the request arrived, UTC.
        endpoint: Endpoint, or empty where the log does not have it: the older form.
        mode: ``answer``, ``shadow``, ``features`` or ``precomputed``.
        served_entity: Entity that scored this record, or None if it cannot be known from the log.
        model_version: Its version, or None likewise.
        status_code: HTTP status of the whole request; 0 where the entry has none that can be read.
        duration_ms: Of the whole request.
        sampling_fraction: Share of requests in the log.
        requester: Name of the token, or None.
        inputs: Values by column, as sent; of nameless rows by their place, "0", "1" and so on.
        looked_up: Features that were looked up for it; empty where the log has none.
        looked_up_at: When the newest of them was observed, UTC; None where that is not known.
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
    model_version: str | None = None
    status_code: int
    duration_ms: float
    sampling_fraction: float
    requester: str | None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    looked_up: Mapping[str, Any] = field(default_factory=dict)
    looked_up_at: datetime | None = None
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
    such row, and so is an entry in which anything has another form. Records that were left out because a body was
    too long are not made up.
    """
    for entry in entries:
        try:
            rows = list(_read_entry(_modernise(entry)))
        except Exception:  # noqa: BLE001 - whatever an entry holds, it is a row: none is lost, none stops the others
            rows = [_describe_unreadable(entry)]
        yield from rows


def _describe_unreadable(entry: Mapping[str, Any]) -> LoggedRow:
    """Return the row of an entry whose columns are not those of the platform; what can be read of it is kept."""
    moment, status = entry.get("request_time"), str(entry.get("status_code"))
    request_id = entry.get("databricks_request_id")
    # An entry without an id has one by its content, so that it is the same row whenever it is read.
    content = hashlib.sha256(repr(sorted(entry.items(), key=lambda item: str(item[0]))).encode(errors="replace"))
    return LoggedRow(
        request_id=str(request_id) if request_id else f"unknown-{content.hexdigest()[:24]}",
        client_request_id=None,
        number=0,
        time=moment if isinstance(moment, datetime) else _EPOCH,
        endpoint=str(entry.get("endpoint") or ""),
        mode=str(entry.get("mode") or "answer"),
        served_entity=None,
        status_code=int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 0,
        duration_ms=0.0,
        sampling_fraction=1.0,
        requester=None,
        error=ENTRY_UNREADABLE,
    )


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
        "model_version": metadata.get("model_version"),
        "endpoint": metadata.get("endpoint_name"),
    }


def _read_entry(entry: Mapping[str, Any]) -> Iterator[LoggedRow]:
    base = _read_base(entry)
    if base["status_code"] >= 400:
        yield LoggedRow(**base, number=0, **_name_model(entry, 1, 0), error=FAILED)
        return
    records, request_error = _read_records(entry.get("request"))
    predictions, response_error = _read_predictions(entry.get("response"), entry.get("mode"))
    error = request_error or response_error
    if error is None and len(records) != len(predictions):
        if RESPONSE_TOO_LONG in (entry.get("logging_error_codes") or ()):
            records = records[: len(predictions)]
        elif not entry.get("logging_error_codes"):
            error = COUNT_DIFFERS
    rows = zip(records, predictions, strict=False) if error is None else ((each, None) for each in records or [{}])
    total = max(len(records), len(predictions))
    features = _read_features(entry.get("looked_up"))
    for number, (inputs, prediction) in enumerate(rows):
        fault = error or (None if _is_readable(prediction) else PREDICTION_UNREADABLE)
        yield LoggedRow(
            **base,
            number=number,
            **_name_model(entry, total, number),
            **features.get(number, {}),
            inputs=inputs,
            prediction=prediction if fault is None else None,
            error=fault,
        )


def _read_base(entry: Mapping[str, Any]) -> dict[str, Any]:
    sampling, moment, request_id = (entry.get(each) for each in _BASE)
    if not request_id or not isinstance(moment, datetime):
        raise TypeError("an entry without an id, or whose time is none")
    return {
        "request_id": str(request_id),
        "client_request_id": entry.get("client_request_id"),
        "time": moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC),
        "endpoint": entry.get("endpoint") or "",
        "mode": entry.get("mode") or "answer",
        # The platform's own test data has it as text.
        "status_code": int(entry["status_code"]),
        "duration_ms": float(entry.get("execution_duration_ms") or 0),
        "sampling_fraction": 1.0 if sampling is None else float(sampling),
        "requester": entry.get("requester"),
    }


def _name_model(entry: Mapping[str, Any], total: int, number: int) -> dict[str, Any]:
    """Return the entity of one record, and its version."""
    return {
        "served_entity": _choose(entry.get("served_entity_id"), total, number),
        "model_version": _choose(entry.get("model_version"), total, number),
    }


def _choose(listed: object, total: int, number: int) -> str | None:
    """Return the only name, or the one at the record's place; None if neither is clear."""
    names = str(listed or "").split(",")
    if len(names) == 1:
        return names[0] or None
    return names[number] if len(names) >= total else None


def _read_features(text: str | None) -> dict[int, dict[str, Any]]:
    """Return what was looked up, by the place of the record; nothing where it is not as the log writes it."""
    found: dict[int, dict[str, Any]] = {}
    try:
        for part in json.loads(text or "[]"):
            places = part.get("rows") or range(len(part["data"]))
            for place, values, time in zip(places, part["data"], part["times"], strict=True):
                moment = _EPOCH + timedelta(microseconds=time) if time else None
                found[place] = {
                    "looked_up": dict(zip(part["columns"], values, strict=True)),
                    "looked_up_at": moment,
                }
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        return {}
    return found


def _read_records(text: str | None) -> tuple[list[dict[str, Any]], str | None]:
    if text is None:
        return [], REQUEST_LOST
    try:
        document = json.loads(text)
    except (RecursionError, ValueError):
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


def _read_predictions(text: str | None, mode: str | None) -> tuple[list[Any], str | None]:
    if text is None:
        return [], RESPONSE_LOST
    try:
        document = json.loads(text)
    except (RecursionError, ValueError):
        return [], RESPONSE_UNREADABLE
    # Feature serving answers with features alone.
    wrapper = "outputs" if mode == "features" else "predictions"
    found = document.get(wrapper) if isinstance(document, dict) else document
    if isinstance(found, dict):
        found = _list_rows(found)
    return (found, None) if isinstance(found, list) else ([], RESPONSE_UNREADABLE)


def _is_readable(prediction: Any) -> bool:  # noqa: ANN401
    """Return whether a prediction can be read: a number, a text, a list, or a mapping whose score is not null."""
    if isinstance(prediction, dict):
        return bool(prediction) and all(prediction[name] is not None for name in _SCORES if name in prediction)
    return prediction is not None
