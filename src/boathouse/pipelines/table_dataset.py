"""The catalog's tables and extracts, whose contracts are those of the use case and of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.core.errors import ConfigError
from boathouse.datasets.csv_extract import CsvExtractDataset
from boathouse.datasets.delta_table import DeltaTableDataset
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from boathouse.core.tables import TableContract


def known_contracts() -> dict[str, TableContract]:
    """Return every contract of the project by name."""
    from boathouse.core.contracts import CONTRACTS

    return {**CONTRACTS, **USE_CASE.contracts}


def find_contract(name: str) -> TableContract:
    """Return the contract ``name`` (``<schema>.<table>``), of the use case or of the library.

    Raises:
        ConfigError: If there is none; lists the known names.
    """
    contracts = known_contracts()
    if name not in contracts:
        raise ConfigError.unknown_contract(name, contracts)
    return contracts[name]


class ContractTableDataset(DeltaTableDataset):
    """A table of the lakehouse whose contract is named, and looked up when it is first needed."""

    def _find_contract(self) -> TableContract | None:
        return find_contract(self._contract) if isinstance(self._contract, str) else self._contract


class ContractExtractDataset(CsvExtractDataset):
    """A delivered file; the use case says whether it may be missing."""

    def __init__(self, *, contract: str, optional: bool | None = None, **options: Any) -> None:  # noqa: ANN401
        """Remember where the file is.

        Args:
            contract: Name of the raw table's contract, ``raw.<source>``.
            optional: Whether the file may be missing; None for what the use case declares of the source.
            options: As of :class:`CsvExtractDataset`.
        """
        source = USE_CASE.find_source(contract)
        declared = source is not None and source.optional
        super().__init__(contract=contract, optional=declared if optional is None else optional, **options)

    def _find_contract(self) -> TableContract:
        return find_contract(self._contract) if isinstance(self._contract, str) else self._contract
