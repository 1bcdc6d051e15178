"""Requests of endpoints as rows of monitoring: one a record, in whichever form it was sent or answered."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.keyed_hash import hash_value
from boathouse.endpoints.log_rows import ERRORS, LoggedRow, read_log_rows
from boathouse.monitoring.measures import NO_MODEL
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    import pyarrow as pa

# What stands for a served entity that the log does not tell.
UNKNOWN_ENTITY = "unknown"
ANSWER, SHADOW, FEATURES, PRECOMPUTED = "answer", "shadow", "features", "precomputed"
_DIGEST = re.compile("[0-9a-f]{24}")
_MASK = "***"
# Of a record that feature serving answers: all but these is a feature.
_BESIDE_FEATURES = ("status",)

REQUESTS = TableContract(
    name="monitoring.requests",
    description="Requests to endpoints, read from their inference log: what was sent, looked up and answered.",
    grain="one row per request, record, mode and served entity; a request that failed is one row",
    keys=("request_id", "row_number", "mode", "served_entity"),
    time_column="request_time",
    columns=(
        Column(name="request_id", dtype="string", description="Id that the endpoint gave the request."),
        Column(name="row_number", dtype="int", description="Place of the record in it, from 0.", minimum=0),
        Column(name="prediction_id", dtype="string", description="Id of the answer: that of the request and the row."),
        Column(name="client_request_id", dtype="string", description="Id that the client gave.", nullable=True),
        Column(
            name="mode",
            dtype="string",
            description="answer: sent to the client; shadow: scored beside it; features: features alone; precomputed: "
            "a prediction of a batch run.",
        ),
        Column(name="endpoint", dtype="string", description="Endpoint that was asked; empty: not known."),
        Column(name="served_entity", dtype="string", description="Entity that answered, or unknown."),
        Column(name="model_version", dtype="string", description="Version that answered, or none."),
        Column(name="request_date", dtype="date", description="Day of request_time, UTC; the table is divided by it."),
        Column(name="request_time", dtype="timestamp", description="When the request arrived, UTC."),
        Column(name="status_code", dtype="int", description="HTTP status of the request; 0: not readable.", minimum=0),
        Column(name="latency_ms", dtype="double", description="Of the whole request.", unit="ms", minimum=0),
        Column(
            name="sampling_fraction",
            dtype="double",
            description="Share of requests that were logged; each stands for 1 / share requests.",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(name="requester", dtype="string", description="Name of the token.", nullable=True),
        Column(
            name="key",
            dtype="string",
            description="Keyed hash of the key of the entity; null: no key was sent, or the log masks it.",
            nullable=True,
            pattern="^[0-9a-f-]+$",
        ),
        Column(
            name="features_at",
            dtype="timestamp",
            description="When the newest looked-up feature was observed, UTC; null: nothing was looked up.",
            nullable=True,
        ),
        Column(name="sent", dtype="string", description="Values that were sent, JSON by column.", nullable=True),
        Column(name="looked_up", dtype="string", description="Features looked up, JSON by column.", nullable=True),
        Column(name="score", dtype="double", description="Column of the answer that is watched.", nullable=True),
        Column(name="answer", dtype="string", description="The answer, JSON by column.", nullable=True),
        Column(name="error", dtype="string", description="Why there is no answer.", nullable=True, allowed=ERRORS),
        Column(
            name="log_version",
            dtype="bigint",
            description="Delta version of the log up to which it was read when the row came.",
            unit="number",
            minimum=0,
        ),
    ),
)


@dataclass(frozen=True)
class LogSalt:
    """The salt of the inference log; None where there is no log, or this machine does not have its salt."""

    value: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class KeyNaming:
    """How requests and labels name the same entity: by the keyed hash of the inference log.

    Attributes:
        types: Key columns of the entity and their types, in their order.
        hidden: Those of them that the log hides always.
        salt: Of the hash; None where this machine does not have it: then labels cannot be joined.
    """

    types: tuple[tuple[str, str], ...]
    hidden: frozenset[str] = frozenset()
    salt: bytes | None = field(default=None, repr=False)

    def of_logged(self, values: Mapping[str, Any]) -> str | None:
        """Return the hash of the key among the values of a record in the log; None if it is not whole there.

        What the log has hashed already is taken as it is.
        """
        names = [self._hash_logged(values.get(name), name, dtype) for name, dtype in self.types]
        return "-".join(name for name in names if name) if names and all(names) else None

    def _hash_logged(self, value: object, name: str, dtype: str) -> str | None:
        if value is None or value == _MASK:
            return None
        if isinstance(value, str) and name in self.hidden and _DIGEST.fullmatch(value):
            return value
        return None if self.salt is None else hash_value(value, self.salt, dtype)

    def of_key(self, values: Sequence[object]) -> str | None:
        """Return the hash of a key as a table has it, one value a key column; None without the salt."""
        salt = self.salt
        if salt is None or any(value is None for value in values):
            return None
        return "-".join(hash_value(value, salt, dtype) for value, (_, dtype) in zip(values, self.types, strict=True))


def tabulate_requests(entries: Iterable[Mapping[str, Any]], naming: KeyNaming, *, log_version: int) -> pa.Table:
    """Return the rows of ``monitoring.requests`` of some entries of the log; of a row that comes twice the first.

    Args:
        entries: Rows of an inference table, in the older or newer form of the platform.
        naming: How keys are named.
        log_version: Delta version of the log up to which it was read.
    """
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in REQUESTS.column_names}
    seen: set[tuple[Any, ...]] = set()
    for row in _describe(entries, naming, log_version):
        key = tuple(row[name] for name in REQUESTS.keys)
        if key not in seen:
            seen.add(key)
            for name, values in columns.items():
                values.append(row[name])
    return pa.Table.from_pydict(columns, schema=REQUESTS.arrow_schema)


def _describe(entries: Iterable[Mapping[str, Any]], naming: KeyNaming, log_version: int) -> Iterator[dict[str, Any]]:
    for row in read_log_rows(entries):
        answer = row.prediction if row.mode != FEATURES else None
        yield {
            "request_id": row.request_id,
            "row_number": row.number,
            "prediction_id": f"{row.request_id}-{row.number}",
            "client_request_id": row.client_request_id,
            "mode": row.mode,
            "endpoint": row.endpoint,
            "served_entity": row.served_entity or UNKNOWN_ENTITY,
            "model_version": _find_version(row),
            "request_date": row.time.date(),
            "request_time": row.time,
            "status_code": row.status_code,
            "latency_ms": max(0.0, row.duration_ms) if math.isfinite(row.duration_ms) else 0.0,
            "sampling_fraction": row.sampling_fraction,
            "requester": row.requester,
            "key": naming.of_logged(row.inputs),
            "features_at": row.looked_up_at,
            "sent": _to_json(row.inputs),
            "looked_up": _to_json(_find_looked_up(row, naming)),
            "score": row.score if row.score is not None and math.isfinite(row.score) else None,
            "answer": None if answer is None else json.dumps(answer),
            "error": row.error,
            "log_version": log_version,
        }


def _find_version(row: LoggedRow) -> str:
    """Return the version that answered: a published prediction says it itself."""
    published = row.prediction.get("model_version") if isinstance(row.prediction, Mapping) else None
    return str((published if row.mode == PRECOMPUTED else row.model_version) or NO_MODEL)


def _find_looked_up(row: LoggedRow, naming: KeyNaming) -> Mapping[str, Any]:
    """Return the features that were looked up: of feature serving they are the answer."""
    if row.mode != FEATURES or not isinstance(row.prediction, Mapping):
        return row.looked_up
    beside = {*_BESIDE_FEATURES, *(name for name, _ in naming.types)}
    return {name: value for name, value in row.prediction.items() if name not in beside}


def _to_json(values: Mapping[str, Any]) -> str | None:
    return json.dumps(dict(values)) if values else None
