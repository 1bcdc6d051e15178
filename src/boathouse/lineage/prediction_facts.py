"""One prediction found again by its id: which version gave it, when, on what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.log_rows import read_log_rows
from boathouse.endpoints.states import EndpointStates
from boathouse.errors import ModelError
from boathouse.lineage.facts import to_plain
from boathouse.scoring.spec import BINARY_OUTPUTS
from boathouse.tables.delta_log import has_local_row, read_local_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.environment import Environment
    from boathouse.scoring.spec import Outputs
    from boathouse.tables.location import TableLocation

# Of a row of a table; of an answer of an endpoint, with the number of its record, the first without one.
PREDICTION_ID = re.compile(r"([0-9a-f]{32})(?:-(\d+))?")
_SCORED = ("inference.predictions", "inference.stream_predictions")
_LOG = "inference.endpoint_log"


@dataclass(frozen=True, kw_only=True)
class PredictionFacts:
    """Where a prediction comes from.

    Attributes:
        prediction_id: Its id.
        found_in: Table that holds it.
        model_name: Registered name, or None where an endpoint is no longer known.
        model_version: Version, or None where it was not recorded.
        role: Role of the version, or name of the served entity.
        scored_at: When, UTC.
        answer: The numbers of the answer, by column of the task; each None if the answer was an error.
        reasons: What drove the answer most, the strongest first.
        read: What else is on record: views, tables, run, endpoint, requester.
    """

    prediction_id: str
    found_in: str
    model_name: str | None
    model_version: str | None
    role: str
    scored_at: datetime
    answer: Mapping[str, float | None]
    reasons: tuple[str, ...] = ()
    read: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as values that JSON can hold, each column of the answer under its own name."""
        plain: dict[str, Any] = {}
        for name, value in to_plain(self).items():
            plain |= value if name == "answer" else {name: value}
        return plain


def find_prediction(
    prediction_id: str, environment: Environment, outputs: Outputs | Callable[[], Outputs] = BINARY_OUTPUTS
) -> PredictionFacts:
    """Return what is on record about the prediction of batch, stream or endpoint with this id.

    Args:
        prediction_id: As a table or an answer gives it.
        environment: Whose tables are searched.
        outputs: Columns of the answers in them, or what gives them once there is an answer.

    Raises:
        ModelError: If no table has it.
    """
    found = PREDICTION_ID.fullmatch(prediction_id)
    places = {name: environment.table(name) for name in (*_SCORED, _LOG)}
    if found is not None and found[2] is None:
        for place in (*(places[name] for name in _SCORED), *_find_further(environment)):
            for row in _select(place, "prediction_id", prediction_id):
                return _of_row(row, place.table, _give(outputs))
    entries = [] if found is None else _select(places[_LOG], "databricks_request_id", found[1])
    for entry in entries:
        if entry["mode"] == "answer":
            states = EndpointStates.of(environment)
            number = int(found[2] or 0)  # type: ignore[index]
            return _of_entry(entry, number, places[_LOG].table, states, _give(outputs))
    raise ModelError.unknown_prediction(prediction_id, [places[name].table for name in (*_SCORED, _LOG)])


def _find_further(environment: Environment) -> Iterator[TableLocation]:
    """Give the other tables of predictions in this lakehouse: those that a command scored into, by their names."""
    known = {environment.table(name).table for name in _SCORED}
    for place in environment.table(_LOG).list_beside():
        if place.table not in known and {"prediction_id", "model_name"} <= place.list_columns():
            yield place


def _give(outputs: Outputs | Callable[[], Outputs]) -> Outputs:
    return outputs() if callable(outputs) else outputs


def _of_row(row: Mapping[str, Any], table: str, outputs: Outputs) -> PredictionFacts:
    return PredictionFacts(
        prediction_id=row["prediction_id"],
        found_in=table,
        model_name=row["model_name"],
        model_version=row["model_version"],
        role=row["role"],
        scored_at=row["scored_at"],
        answer={column.name: row[column.name] for column in outputs.columns},
        reasons=tuple(row["reasons"] or ()),
        read={name: row[name] for name in ("feature_versions", "data_versions", "run_id") if row.get(name)},
    )


def _of_entry(
    entry: Mapping[str, Any], number: int, table: str, states: EndpointStates, outputs: Outputs
) -> PredictionFacts:
    """Return record ``number`` of one request."""
    rows = list(read_log_rows([entry]))
    if number >= len(rows):
        raise ModelError.unknown_prediction(f"{entry['databricks_request_id']}-{number}", [table])
    row = rows[number]
    answer = row.prediction if isinstance(row.prediction, Mapping) else {outputs.main: row.prediction}
    return PredictionFacts(
        prediction_id=f"{row.request_id}-{number}",
        found_in=table,
        model_name=_name_model(row.endpoint, row.served_entity, row.time, states),
        model_version=row.model_version,
        role=row.served_entity or "unknown",
        scored_at=row.time,
        answer={column.name: answer.get(column.name) for column in outputs.columns},
        read={
            "endpoint": row.endpoint,
            "requester": row.requester,
            "status": row.status_code,
            "error": row.error,
            "ms": row.duration_ms,
        },
    )


def _name_model(endpoint: str, entity: str | None, moment: datetime, states: EndpointStates) -> str | None:
    """Return the registered name behind a served entity, as the endpoint was configured at that moment."""
    before = [each for each in states.records() if each.subject == endpoint and each.occurred_at <= moment]
    configs = [each.read_evidence().get("config") for each in before]
    document = next((each for each in reversed(configs) if each), None) or states.document(endpoint)
    entities = document.get("config", {}).get("served_entities", ())
    return next((str(each["entity_name"]) for each in entities if each.get("name") == entity), None)


def _select(place: TableLocation, column: str, value: str) -> list[dict[str, Any]]:
    """Return the rows of the table with ``value``; none if there is no such table."""
    version = place.newest_version()
    if version is None:
        return []
    rows: pa.Table
    if place.path is None:
        frame = place.read(version)
        rows = frame.where(frame[column] == value).toArrow()
    elif not has_local_row(place.path, column, value):
        return []
    else:
        import pyarrow.compute as pc

        rows = read_local_rows(place.path, pc.field(column) == value)
    found: list[dict[str, Any]] = rows.to_pylist()
    return found
