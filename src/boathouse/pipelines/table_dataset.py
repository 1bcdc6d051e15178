"""The catalog's tables and extracts, whose contracts are those of the use case and of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.errors import ConfigError
from boathouse.inference.datasets import RequestStreamDataset
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.extracts import CsvExtractDataset
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from boathouse.tables.contract import TableContract


def known_contracts() -> dict[str, TableContract]:
    """Return every contract of the project by name."""
    from boathouse.pipelines.contracts import CONTRACTS

    return {**CONTRACTS, **USE_CASE.contracts}


def find_contract(name: str) -> TableContract:
    """Return the contract ``name`` (``<schema>.<table>``), of the use case or of the library.

    Raises:
        ConfigError: If there is none; names the closest known one, and lists all.
    """
    contracts = known_contracts()
    if name not in contracts:
        raise ConfigError.unknown_contract(name, contracts)
    return contracts[name]


class ContractTableDataset(DeltaTableDataset):
    """A table of the lakehouse whose contract is named."""

    def __init__(self, *, contract: str | None = None, **options: Any) -> None:  # noqa: ANN401
        """Remember where the table is and what each save must meet.

        Args:
            contract: Name of the contract, ``<schema>.<table>``; None as of :class:`DeltaTableDataset`.
            options: As of :class:`DeltaTableDataset`.

        Raises:
            ConfigError: If there is no such contract: a factory of the catalog would take any name.
        """
        super().__init__(contract=None if contract is None else find_contract(contract), **options)


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
        super().__init__(
            contract=find_contract(contract), optional=declared if optional is None else optional, **options
        )


class ContractStreamDataset(RequestStreamDataset):
    """A stream whose answers' contract is named."""

    def __init__(self, *, contract: str, **options: Any) -> None:  # noqa: ANN401
        """Remember the locations; open nothing.

        Args:
            contract: Name of the answers' contract, ``<schema>.<table>``.
            options: As of :class:`RequestStreamDataset`.

        Raises:
            ConfigError: If there is no such contract.
        """
        super().__init__(contract=find_contract(contract), **options)
