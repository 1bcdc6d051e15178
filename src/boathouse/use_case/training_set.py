"""The table a model is trained on: labelled statements with the features known on their date."""

from __future__ import annotations

from boathouse.core.tables import Column, TableContract
from boathouse.use_case.features import FEATURE_VIEWS
from boathouse.use_case.label import LABEL

SPLITS = ("train", "validation", "test")

TRAINING_SET = TableContract(
    name="model_input.training_set",
    description="Labelled statements with features as known on the statement's date, split by time.",
    grain="One row per customer and statement.",
    columns=(
        Column(name="customer_id", dtype="bigint", description="The customer."),
        Column(name="observed_on", dtype="date", description="Date of the statement."),
        Column(name="split", dtype="string", description="Which part of the split by time.", allowed=SPLITS),
        Column(name=LABEL, dtype="int", description="1 if the next payment was missed.", allowed=(0, 1)),
        *(
            Column(name=each.name, dtype="double", description=each.description, unit=each.unit, nullable=True)
            for view in FEATURE_VIEWS
            for each in view.features
        ),
    ),
    keys=("customer_id", "observed_on"),
    time_column="observed_on",
)
