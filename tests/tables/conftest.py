"""Fixtures of the tests of tables: declared contracts and a table under one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from boathouse.tables.contract import Column, TableContract
from boathouse.tables.dataset import DeltaTableDataset

if TYPE_CHECKING:
    from collections.abc import Callable

BOATS = TableContract(
    name="clean.boats",
    description="Boats of a club.",
    grain="one row per boat",
    columns=(
        Column(name="boat_id", dtype="bigint", description="Number on the hull."),
        Column(name="kind", dtype="string", description="Class of the boat.", allowed=("single", "eight")),
        Column(name="age", dtype="int", description="Age.", unit="years", nullable=True, minimum=0, maximum=80),
    ),
    keys=("boat_id",),
)
RAW_BOATS = TableContract(
    name="raw.boats",
    description="Boats as delivered.",
    grain="one row per line",
    columns=(
        Column(name="boat_id", dtype="string", description="Number.", nullable=True),
        Column(name="kind", dtype="string", description="Class.", nullable=True),
        Column(name="_batch_id", dtype="string", description="SHA-256 of the file."),
        Column(name="_source_file", dtype="string", description="Name of the file."),
        Column(name="_ingested_at", dtype="timestamp", description="When it was read."),
    ),
)


CONTRACTS = {contract.name: contract for contract in (BOATS, RAW_BOATS)}


@pytest.fixture
def table(lakehouse: Callable[..., dict[str, str]]) -> Callable[..., DeltaTableDataset]:
    """Return a factory of datasets in one lakehouse; options as in the catalog."""

    def make(name: str = "test.clean.boats", **options: Any) -> DeltaTableDataset:
        contract = options.pop("contract", None)
        return DeltaTableDataset(table=name, lakehouse=lakehouse(), contract=CONTRACTS.get(contract), **options)

    return make
