"""What a simulation is asked for, and what a use case gives to make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from boathouse.core.options import require_choice, require_whole
from boathouse.core.simulation.calendar import parse_month

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("csv", "parquet")
# Above these nothing was tried; they also keep ids and dates in range.
MOST_ENTITIES, MOST_MONTHS = 100_000_000, 600


@dataclass(frozen=True, kw_only=True)
class SimulationOptions:
    """Size, seed and form; two simulations with equal options from one book are equal byte for byte.

    Attributes:
        customers: Synthetic customers, 1 to 100,000,000.
        months: Months of each, 1 to 600.
        seed: Whole number, 0 to 2**63 - 1; another seed, other customers.
        last_month: Newest month, ``YYYY-MM``; None for that of the book.
        drift_months: Newest months of the book that occur nowhere but at the end, 1 to 600: a break in the data
            stays where it is.
        first_id: Id of the first synthetic customer, 1 to 2**53; above every real one.
        daily: Whether daily transactions are made too.
        file_format: ``csv`` or ``parquet``.
    """

    customers: int
    months: int
    seed: int = 0
    last_month: str | None = None
    drift_months: int = 1
    first_id: int = 10_000_001
    daily: bool = False
    file_format: str = "csv"

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_whole("customers", self.customers, 1, MOST_ENTITIES)
        require_whole("months", self.months, 1, MOST_MONTHS)
        require_whole("seed", self.seed, 0, 2**63 - 1)
        require_whole("drift_months", self.drift_months, 1, MOST_MONTHS)
        require_whole("first_id", self.first_id, 1, 2**53)
        require_choice("format", self.file_format, FORMATS)
        if self.last_month is not None:
            parse_month("last_month", self.last_month)


class Simulated(Protocol):
    """Synthetic entities that are made in chunks."""

    def make_chunk(self, first: int, stop: int) -> dict[str, pa.Table]:
        """Return the extracts of the entities ``first`` to ``stop`` - 1, by name."""


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """What makes synthetic extracts of one use case.

    Attributes:
        reads: Columns and Arrow types of each real extract that it draws from, by the extract's name.
        writes: Names of the extracts it may write.
        prepare: From the real extracts and the options to what makes chunks.
        note: What a person who finds the files has to know of them.
        version: Counted up when the same options give other rows.
    """

    reads: Mapping[str, Mapping[str, pa.DataType]]
    writes: tuple[str, ...]
    prepare: Callable[[Mapping[str, pa.Table], SimulationOptions], Simulated]
    note: str
    version: int
