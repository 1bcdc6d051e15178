"""Contracts of the tables that scoring fills; keys and features come from the use case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.inference.roles import ROLES
from boathouse.core.scoring.outputs import BINARY_OUTPUTS, REASONS, Outputs
from boathouse.core.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence

# Why a row cannot be scored: no view knows its key at its date, or a feature is infinite.
NO_FEATURE_ROW = "no_feature_row"
NOT_FINITE = "not_finite"
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
    description="Names the prediction: hash of key, date, model and role; the same in every run.",
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
