"""The table a model is trained on: labelled statements with the features known on their date."""

from __future__ import annotations

from boathouse.core.features.feature_view import time_name
from boathouse.tables import Column, TableContract
from boathouse.use_case.features import CURRENT_VIEWS, FEATURES
from boathouse.use_case.label import KNOWN_DATE, LABEL

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
            for each in FEATURES
        ),
        Column(name=KNOWN_DATE, dtype="date", description="Date from which the label is known."),
        *(
            Column(
                name=time_name(view),
                dtype="date",
                description=f"Date of the row of {view.table} that was joined; null if there was none.",
                nullable=True,
            )
            for view in CURRENT_VIEWS
        ),
    ),
    keys=("customer_id", "observed_on"),
    time_column="observed_on",
)
