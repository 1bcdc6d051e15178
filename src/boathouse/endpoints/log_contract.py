"""The inference log: the columns of the platform's inference tables, and the entry that becomes a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    import numpy as np

# The codes of the platform, and four of ours: a body in which personal columns could not be found, a request that was
# refused before its body was read, bodies left out because too many were waiting to be written, and looked-up features
# of which there were too many.
REQUEST_TOO_LONG = "MAX_REQUEST_SIZE_EXCEEDED"
RESPONSE_TOO_LONG = "MAX_RESPONSE_SIZE_EXCEEDED"
NOT_READABLE = "PAYLOAD_NOT_READABLE"
NOT_READ = "PAYLOAD_NOT_READ"
LEFT_OUT = "PAYLOAD_LEFT_OUT"
FEATURES_TOO_LONG = "MAX_FEATURES_SIZE_EXCEEDED"

Mode = Literal["answer", "shadow", "features", "precomputed"]

ENDPOINT_LOG = TableContract(
    name="inference.endpoint_log",
    description="Requests to endpoints and their answers, refusals among them, in the form of the platform's inference "
    "tables.",
    grain="one row per request and mode, whatever its number of records",
    columns=(
        Column(name="databricks_request_id", dtype="string", description="Id that the endpoint gave the request."),
        Column(
            name="client_request_id",
            dtype="string",
            description="Id that the client gave; null if none.",
            nullable=True,
        ),
        Column(name="request_date", dtype="date", description="Day of request_time, UTC; the table is divided by it."),
        Column(name="request_time", dtype="timestamp", description="When the request arrived, UTC."),
        Column(name="status_code", dtype="int", description="HTTP status of the answer.", minimum=100, maximum=599),
        Column(
            name="sampling_fraction",
            dtype="double",
            description="Share of requests that were logged, 0 to 1; each row stands for 1 / share requests.",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(
            name="execution_duration_ms",
            dtype="bigint",
            description="From arrival to answer.",
            unit="ms",
            minimum=0,
        ),
        Column(
            name="request",
            dtype="string",
            description="Body as JSON, CSV and Parquet as dataframe_split; personal columns masked or hashed, values "
            "of columns that no model knows masked; null if it could not be kept.",
            nullable=True,
        ),
        Column(
            name="response",
            dtype="string",
            description="Answer as JSON, without texts of the request; null if it could not be kept.",
            nullable=True,
        ),
        Column(
            name="served_entity_id",
            dtype="string",
            description="Entity that answered; if several did, one name per record, divided by commas; null: none.",
            nullable=True,
        ),
        Column(
            name="model_version",
            dtype="string",
            description="Version that answered; if several did, one per record, divided by commas; null: none.",
            nullable=True,
        ),
        Column(
            name="logging_error_codes",
            dtype="array<string>",
            description="What was not logged as it was: too long, not readable, not read, left out; empty if nothing.",
        ),
        Column(name="requester", dtype="string", description="Name of the token; null if none.", nullable=True),
        Column(
            name="endpoint", dtype="string", description="Endpoint that was asked; empty: there is none of that name."
        ),
        Column(
            name="mode",
            dtype="string",
            description="answer: scores, or why there are none; shadow: scored beside it, not sent to the client; "
            "features: stored features without a score; precomputed: predictions that a batch run published.",
            allowed=get_args(Mode),
        ),
        Column(
            name="looked_up",
            dtype="string",
            description="Features that were looked up by key, JSON: a list with columns, data, times (microseconds "
            "since 1970 UTC) and rows for each model; personal columns masked or hashed; null if none was.",
            nullable=True,
        ),
    ),
    keys=("databricks_request_id", "mode", "served_entity_id"),
    time_column="request_time",
)


@dataclass(frozen=True)
class KnownColumns:
    """The columns that the models of an endpoint know; values of others are masked in the log.

    Attributes:
        numbers: Features, and fields of a request: all are numbers.
        texts: Keys, and the unit of an experiment: numbers or text.
    """

    numbers: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class LookedUpValues:
    """Features that were looked up for rows of a request by one model.

    Attributes:
        features: Names of the columns.
        values: float64, rows by features; NaN for unknown and for what is too old.
        times: int64, rows by views: when the values were observed, microseconds since 1970 UTC; 0 if not found.
        rows: Places of the rows within the request; None for all in their order.
        total: Rows there were before some were left out as too many for the log.
    """

    features: tuple[str, ...]
    values: np.ndarray
    times: np.ndarray
    rows: Sequence[int] | None
    total: int


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One request and its answer.

    Attributes:
        databricks_request_id: Id that the endpoint gave the request.
        client_request_id: Id that the client gave, or None.
        request_time: When it arrived; aware.
        status_code: HTTP status.
        execution_duration_ms: From arrival to answer, at least 0; kept as whole milliseconds, rounded.
        request: Body, JSON text; or None.
        columns: Values by column name, or records, where the body is not kept as text: CSV, Parquet, or too long;
            else None.
        columns_size: About how many bytes of memory they take.
        known: Columns that are known; None if that is not known: then only columns that are personal are hidden.
        looked_up: Features that were looked up by key; none where the request brought all.
        response: Answer, JSON text.
        served_entity_id: Entity that answered; if several, one name per record, divided by commas; or None.
        requester: Name of the token, or None.
        model_version: Version that answered, in the form of ``served_entity_id``; or None.
        logging_error_codes: What is known to be incomplete already.
        sampling_fraction: Share of requests that are logged; the log decides which by the request's id.
        endpoint: Endpoint that was asked.
        mode: What was asked for, and whether the client saw the answer.
    """

    databricks_request_id: str
    client_request_id: str | None
    request_time: datetime
    status_code: int
    execution_duration_ms: float
    request: str | None
    response: str | None
    served_entity_id: str | None
    requester: str | None = None
    model_version: str | None = None
    logging_error_codes: tuple[str, ...] = ()
    sampling_fraction: float = 1.0
    endpoint: str = ""
    mode: Mode = "answer"
    columns: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]] | None = None
    columns_size: int = 0
    known: KnownColumns | None = None
    looked_up: tuple[LookedUpValues, ...] = ()

    @property
    def size(self) -> int:
        """Characters of both bodies, and bytes of the features: what bounds the memory of those that wait."""
        features = sum(each.values.nbytes for each in self.looked_up) if self.looked_up else 0
        return len(self.request or "") + len(self.response or "") + self.columns_size + features

    def to_row(self) -> dict[str, Any]:
        """Return the row of the log, times as ISO text: JSON can hold it."""
        moment = self.request_time.astimezone(UTC)
        return {
            "databricks_request_id": self.databricks_request_id,
            "client_request_id": self.client_request_id,
            "request_date": moment.date().isoformat(),
            "request_time": moment.isoformat(timespec="microseconds"),
            "status_code": self.status_code,
            "sampling_fraction": float(self.sampling_fraction),
            "execution_duration_ms": max(0, round(self.execution_duration_ms)),
            "request": self.request,
            "response": self.response,
            "served_entity_id": self.served_entity_id,
            "model_version": self.model_version,
            "logging_error_codes": list(self.logging_error_codes),
            "requester": self.requester,
            "endpoint": self.endpoint,
            "mode": self.mode,
            "looked_up": None,
        }
