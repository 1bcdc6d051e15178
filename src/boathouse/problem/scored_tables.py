"""Contracts of the tables that batch and stream scoring fill, with the keys and features of a use case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from boathouse.scoring.spec import BINARY_OUTPUTS, NO_FEATURE_ROW, REASONS, Outputs
from boathouse.tables.contract import Column, TableContract

# Why a row cannot be scored, beside NO_FEATURE_ROW: a feature is infinite.
NOT_FINITE = "not_finite"
# A request says that it was made before anything was known of its entity.
BEFORE_FIRST_FACT = "before_first_fact"
# The part a model plays in a scoring run.
CHAMPION, CHALLENGER = "champion", "challenger"
ROLES = (CHAMPION, CHALLENGER)
PREDICTIONS, QUARANTINE, FEATURES = "inference.predictions", "inference.predictions_quarantine", "inference.features"


def inference_contracts(
    keys: Sequence[Column], time: Column, features: Sequence[Column], *, outputs: Outputs = BINARY_OUTPUTS
) -> dict[str, TableContract]:
    """Return the contracts of ``inference.features``, ``.predictions`` and ``.predictions_quarantine`` by name."""
    identity = (*keys, time)
    names = tuple(column.name for column in identity)
    contracts = (
        TableContract(
            name=FEATURES,
            description="The features each cohort was scored on, as known at its date.",
            grain="one row per key and date scored",
            columns=(*identity, *features),
            keys=names,
            time_column=time.name,
        ),
        TableContract(
            name=PREDICTIONS,
            description="The model's answer and reasons for each row scored.",
            grain="one row per key, date scored, model version and role",
            columns=(*identity, *prediction_columns(outputs)),
            keys=(*names, "model_version", "role"),
            time_column=time.name,
        ),
        TableContract(
            name=QUARANTINE,
            description="Rows of a cohort that could not be scored.",
            grain="one row per key, date, model version and role",
            columns=(*identity, BROKEN_RULES, MODEL_VERSION, ROLE),
            keys=(*names, "model_version", "role"),
            time_column=time.name,
        ),
    )
    return {contract.name: contract for contract in contracts}


MODEL_VERSION = Column(name="model_version", dtype="string", description="Version of the model.")
ROLE = Column(
    name="role",
    dtype="string",
    description="champion: the version that decided then; challenger: another version, for comparison alone.",
    allowed=ROLES,
)
PREDICTION_ID = Column(
    name="prediction_id",
    dtype="string",
    description="Names the prediction: hash of key, date, model, role, values of the request; the same in every run.",
    pattern="^[0-9a-f]{32}$",
)
STAMP_COLUMNS = (
    Column(name="model_name", dtype="string", description="Registered model that scored the row."),
    MODEL_VERSION,
    ROLE,
    Column(
        name="feature_versions",
        dtype="array<string>",
        description="Views looked up: name@version=digest of the definition:v Delta version read.",
    ),
    Column(name="data_versions", dtype="array<string>", description="Tables read, with their Delta versions."),
    Column(name="run_id", dtype="string", description="MLflow run that first scored the row; empty without tracking."),
    Column(name="scored_at", dtype="timestamp", description="When the row was first scored with this version, in UTC."),
)


def prediction_columns(outputs: Outputs = BINARY_OUTPUTS) -> tuple[Column, ...]:
    """Return the columns of a table of predictions after keys and time, for a model that answers with ``outputs``."""
    answer = (
        Column(
            name=each.name,
            dtype=each.dtype,
            description=each.description,
            minimum=each.minimum,
            maximum=each.maximum,
            allowed=each.allowed,
        )
        for each in (*outputs.columns, REASONS)
    )
    return (PREDICTION_ID, *answer, *STAMP_COLUMNS)


PREDICTION_COLUMNS = prediction_columns()

BROKEN_RULES = Column(
    name="broken_rules",
    dtype="array<string>",
    description=f"Why the row was not scored: {NO_FEATURE_ROW} if nothing the model takes is known of its key at "
    f"that date, <feature>_{NOT_FINITE} if a feature is infinite.",
)


BROKEN, DUPLICATE, LATE, UNSCORABLE = "broken", "duplicate", "late", "unscorable"
KINDS = (BROKEN, DUPLICATE, LATE, UNSCORABLE)
EVENT_ID, EVENT_TIME, KIND = "request_id", "requested_at", "kind"
SOURCE_BATCH, STREAM_ID = "source_batch", "stream_id"
STREAM_PREDICTIONS, DEAD_LETTERS = "inference.stream_predictions", "inference.dead_letters"
PROGRESS = "monitoring.stream_progress"

EVENT_COLUMNS = (
    Column(name=EVENT_ID, dtype="string", description="Names the request; the same request sent again has the same."),
    Column(name=EVENT_TIME, dtype="timestamp", description="When it was made, UTC."),
)
ORIGIN_COLUMNS = (
    Column(name=STREAM_ID, dtype="string", description="Which reading of the source this is; new for a new source."),
    Column(
        name=SOURCE_BATCH,
        dtype="bigint",
        unit="number",
        description="What brought the event: the source's Delta version on sail, the micro-batch elsewhere.",
        minimum=0,
    ),
)


def stream_contracts(
    keys: Sequence[Column], time: Column, payload: Sequence[Column], *, outputs: Outputs = BINARY_OUTPUTS
) -> dict[str, TableContract]:
    """Return the contracts of ``inference.stream_predictions`` and ``inference.dead_letters`` by name.

    Args:
        keys: Key columns of the use case.
        time: Its time column.
        payload: Further columns of a request.
        outputs: What the model answers with.
    """
    received = tuple(
        replace(each, nullable=True, minimum=None, maximum=None, allowed=None, pattern=None)
        for each in (*keys, time, *payload)
    )
    sent = tuple(replace(each, nullable=True) for each in EVENT_COLUMNS)
    contracts = (
        TableContract(
            name=STREAM_PREDICTIONS,
            description="The model's answer and reasons for each request.",
            grain="one row per request",
            columns=(*EVENT_COLUMNS, *keys, time, *prediction_columns(outputs), *ORIGIN_COLUMNS),
            keys=(EVENT_ID,),
            time_column=EVENT_TIME,
        ),
        TableContract(
            name=DEAD_LETTERS,
            description="Requests that were not scored, with the reason.",
            grain="one row per request received that was not scored",
            columns=(*sent, *received, _KIND, _RULES, *ORIGIN_COLUMNS, _DEAD_AT),
        ),
    )
    return {contract.name: contract for contract in contracts}


_KIND = Column(
    name=KIND,
    dtype="string",
    description="broken: breaks a rule; duplicate: its id was scored before; late: older than the stream waits; "
    "unscorable: nothing to score is known. What is not a duplicate can be sent again under its id.",
    allowed=KINDS,
)
_RULES = replace(BROKEN_RULES, description="Names of the rules broken; empty for duplicate and late.")
_DEAD_AT = Column(name="dead_at", dtype="timestamp", description="When the stream quarantined it, UTC.")


def _count(name: str, description: str) -> Column:
    return Column(name=name, dtype="bigint", unit="requests", description=description, minimum=0)


STREAM_PROGRESS = TableContract(
    name=PROGRESS,
    description="What a stream made of each batch of its source, and how far behind it was.",
    grain="one row per stream and source batch",
    columns=(
        Column(name="stream", dtype="string", description="Table that the stream reads."),
        *ORIGIN_COLUMNS,
        MODEL_VERSION,
        _count("events", "Requests read; the sum of the following five."),
        _count("scored", "Scored."),
        *(_count(kind, f"Quarantined as {kind}.") for kind in KINDS),
        Column(
            name="watermark",
            dtype="timestamp",
            nullable=True,
            description="Requests made before it were late, UTC; null for the first batch.",
        ),
        Column(
            name="backlog_batches",
            dtype="bigint",
            unit="batches",
            nullable=True,
            description="Versions of the source not read yet; null where the engine does not report it.",
            minimum=0,
        ),
        Column(
            name="backlog_events",
            dtype="bigint",
            unit="requests",
            nullable=True,
            description="Requests in them; null where the log does not record it.",
            minimum=0,
        ),
        Column(
            name="lag_s",
            dtype="double",
            unit="s",
            nullable=True,
            description="From the commit of the batch to its scoring; null where the engine does not report it.",
        ),
        Column(name="processed_at", dtype="timestamp", description="When the batch was scored, UTC."),
    ),
    keys=("stream", STREAM_ID, SOURCE_BATCH),
    time_column="processed_at",
)
