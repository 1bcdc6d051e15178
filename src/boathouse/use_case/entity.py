"""The entity, its owner, and the columns that date its rows; shared by all declarations."""

from __future__ import annotations

from boathouse.problem.spec import Entity
from boathouse.tables.contract import Column

CUSTOMER = Entity(
    keys=(Column(name="customer_id", dtype="bigint", description="The customer.", minimum=1),),
    personal=True,
    owner="credit-risk",
    singular="customer",
    plural="customers",
)
CUSTOMER_ID = CUSTOMER.keys[0]
KEYS, OWNER = CUSTOMER.typed_keys, CUSTOMER.owner
TIME_COLUMN = "observed_on"
# Date from which a row of clean.statements is known.
KNOWN_COLUMN = "statement_date"
