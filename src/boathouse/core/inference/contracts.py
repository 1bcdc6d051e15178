"""Contracts of the tables that scoring fills; keys and features come from the use case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence

# The only reason why a row that belongs to a cohort cannot be scored.
NO_FEATURE_ROW = "no_feature_row"


def inference_contracts(keys: Sequence[Column], time: Column, features: Sequence[Column]) -> dict[str, TableContract]:
    """Return the contracts of ``inference.features``, ``.predictions`` and ``.predictions_quarantine`` by name."""
    identity = (*keys, time)
    names = tuple(column.name for column in identity)
    contracts = (
        TableContract(
            name="inference.features",
            description="The features each cohort was scored on, as known at its date.",
            grain="one row per key and date scored",
            columns=(*identity, *features),
            keys=names,
            time_column=time.name,
        ),
        TableContract(
            name="inference.predictions",
            description="Probability, decision and reasons for each row scored.",
            grain="one row per key, date scored and model version",
            columns=(*identity, *PREDICTION_COLUMNS),
            keys=(*names, "model_version"),
            time_column=time.name,
        ),
        TableContract(
            name="inference.predictions_quarantine",
            description="Rows of a cohort that could not be scored.",
            grain="one row per key and date",
            columns=(*identity, BROKEN_RULES),
            keys=names,
            time_column=time.name,
        ),
    )
    return {contract.name: contract for contract in contracts}


PREDICTION_COLUMNS = (
    Column(name="probability", dtype="double", description="Probability of label 1.", minimum=0, maximum=1),
    Column(
        name="decision",
        dtype="int",
        description="1 where the probability reaches the model's threshold.",
        allowed=(0, 1),
    ),
    Column(
        name="reasons",
        dtype="array<string>",
        description="What raised the probability most, the strongest first; empty where the decision is 0.",
    ),
    Column(name="model_name", dtype="string", description="Registered model that scored the row."),
    Column(name="model_version", dtype="string", description="Its version."),
    Column(name="scored_at", dtype="timestamp", description="When the row was first scored with this version, in UTC."),
)

BROKEN_RULES = Column(
    name="broken_rules",
    dtype="array<string>",
    description=f"Why the row was not scored: {NO_FEATURE_ROW} if no feature view knows its key at that date.",
)
