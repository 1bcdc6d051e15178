"""The groups by which fairness is judged; none of them is a model input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.lazy import import_lazily
from boathouse.problem.spec import Groups
from boathouse.tables.contract import Column, TableContract
from boathouse.use_case.entity import CUSTOMER

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F
else:
    F = import_lazily("pyspark.sql.functions")

AGE_BANDS = ("under_25", "25_to_34", "35_to_44", "45_to_59", "60_and_over")


def sensitive_groups(customers: DataFrame) -> DataFrame:
    """Return customer_id, sex, age_band and education, one row per customer of ``clean.customers``."""
    age = F.col("age")
    bands = F.when(age < 25, AGE_BANDS[0]).when(age < 35, AGE_BANDS[1]).when(age < 45, AGE_BANDS[2])
    band = bands.when(age < 60, AGE_BANDS[3]).otherwise(AGE_BANDS[4])
    return customers.select("customer_id", "sex", band.alias("age_band"), "education")


GROUPS = Groups(
    contract=TableContract(
        name="model_input.groups",
        description="Groups of customers by which fairness is judged.",
        grain="One row per customer.",
        columns=(
            *CUSTOMER.keys,
            Column(name="sex", dtype="string", description="Sex as the bank records it."),
            Column(name="age_band", dtype="string", description="Age in bands of years.", allowed=AGE_BANDS),
            Column(name="education", dtype="string", description="Highest education."),
        ),
        keys=CUSTOMER.key_names,
    ),
    tables=("clean.customers",),
    compute=sensitive_groups,
)
