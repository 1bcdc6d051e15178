"""The two tables of the life cycle, both chains of records."""

from __future__ import annotations

from boathouse.lifecycle.chain import AUDIT_COLUMNS
from boathouse.tables.contract import TableContract

PROMOTIONS = TableContract(
    name="audit.promotions",
    description="The life of every model: registrations, decisions, requests, approvals, moves, refusals.",
    grain="One row per record.",
    columns=AUDIT_COLUMNS,
    keys=("sequence",),
    time_column="occurred_at",
)
DELIVERIES = TableContract(
    name="audit.webhook_deliveries",
    description="Every attempt to tell somebody of a record of audit.promotions, and how it ended.",
    grain="One row per record.",
    columns=AUDIT_COLUMNS,
    keys=("sequence",),
    time_column="occurred_at",
)
