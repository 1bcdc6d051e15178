"""The tables that scoring fills, with this use case's keys and features."""

from __future__ import annotations

from boathouse.core.inference.contracts import inference_contracts
from boathouse.core.tables import Column
from boathouse.use_case.features import FEATURES, MODEL_VIEWS, TIME_COLUMN

# A champion may still be scored on features that the newest views no longer have.
_FEATURES = {each.name: each for each in (*(feature for view in MODEL_VIEWS for feature in view.features), *FEATURES)}
INFERENCE_FEATURES = tuple(_FEATURES)
PREDICTION_TABLES = inference_contracts(
    keys=(Column(name="customer_id", dtype="bigint", description="The customer.", minimum=1),),
    time=Column(name=TIME_COLUMN, dtype="date", description="Date of the statement on which the prediction is made."),
    features=[
        Column(name=each.name, dtype="double", description=each.description, unit=each.unit, nullable=True)
        for each in _FEATURES.values()
    ],
)
