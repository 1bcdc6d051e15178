"""The record of what each feature table was computed from: where an incremental refresh goes on."""

from __future__ import annotations

from boathouse.tables import Column, TableContract

MODES = ("full", "incremental", "month")

REFRESHES = TableContract(
    name="audit.feature_refreshes",
    description="Every computation of a feature table with the versions of its sources.",
    grain="One row per refresh; a month's refresh that was done before is not done again.",
    columns=(
        Column(name="view", dtype="string", description="The view, with its version from the second on."),
        Column(name="digest", dtype="string", description="Definition it was computed by."),
        Column(name="mode", dtype="string", description="What was computed.", allowed=MODES),
        Column(name="month", dtype="date", description="First day of the month; null: all dates.", nullable=True),
        Column(name="sources", dtype="string", description="Delta version of each source table, as JSON."),
        Column(name="table_version", dtype="bigint", description="Version of the table after it.", unit="number"),
        Column(name="rows", dtype="bigint", description="Rows written or deleted.", unit="rows", minimum=0),
        Column(name="refreshed_at", dtype="timestamp", description="When it was done, in UTC."),
    ),
    keys=("view", "refreshed_at"),
)
