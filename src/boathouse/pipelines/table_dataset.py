"""Dataset classes of the catalog that find a table's contract by its name, in the use case or in the library."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from boathouse.errors import ConfigError
from boathouse.inference.datasets import RequestStreamDataset
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.extracts import CsvExtractDataset
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from boathouse.tables.contract import TableContract


def library_contracts() -> tuple[TableContract, ...]:
    """Return the contracts of the tables that are the same for every use case; the room that fills one declares it."""
    from boathouse.endpoints.log_contract import ENDPOINT_LOG
    from boathouse.evaluation.tables import COMPARISONS, EVALUATIONS
    from boathouse.features.consistency import LOOK_UPS
    from boathouse.features.registry import REFRESHES, REGISTRY, STATISTICS
    from boathouse.lifecycle.chain import DELIVERIES, EVIDENCE, PROMOTIONS
    from boathouse.lineage.model_versions import MODEL_VERSIONS
    from boathouse.monitoring.tables import MONITORING_CONTRACTS
    from boathouse.problem.scored_tables import STREAM_PROGRESS
    from boathouse.replay.comparison import POLICIES
    from boathouse.tables.quality import DATA_QUALITY

    return (
        *MONITORING_CONTRACTS.values(),
        COMPARISONS,
        DATA_QUALITY,
        DELIVERIES,
        ENDPOINT_LOG,
        EVALUATIONS,
        EVIDENCE,
        LOOK_UPS,
        MODEL_VERSIONS,
        POLICIES,
        PROMOTIONS,
        REFRESHES,
        REGISTRY,
        STATISTICS,
        STREAM_PROGRESS,
    )


def known_contracts() -> dict[str, TableContract]:
    """Return every contract of the project by name."""
    return {contract.name: contract for contract in (*library_contracts(), *USE_CASE.contracts.values())}


def find_contract(name: str) -> TableContract:
    """Return the contract ``name`` (``<schema>.<table>``), of the use case or of the library.

    Raises:
        ConfigError: If there is none; names the closest known one, and lists all.
    """
    contracts = known_contracts()
    if name not in contracts:
        names = sorted(contracts)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ConfigError(
            f"There is no contract '{name}'.{hint} Known: {', '.join(names)}. A table, source or feature view has a "
            "contract of its name before a pipeline or the catalog names it."
        )
    return contracts[name]


class ContractTableDataset(DeltaTableDataset):
    """A table of the lakehouse whose contract is given by name."""

    def __init__(self, *, contract: str | None = None, missing_ok: bool = False, **options: Any) -> None:  # noqa: ANN401
        """Remember where the table is and what each save must meet.

        Args:
            contract: Name of the contract, ``<schema>.<table>``; None as of :class:`DeltaTableDataset`.
            missing_ok: Whether a load returns None where there is no table yet.
            options: As of :class:`DeltaTableDataset`.

        Raises:
            ConfigError: If there is no such contract: a factory of the catalog would take any name.
        """
        super().__init__(contract=None if contract is None else find_contract(contract), **options)
        self._missing_ok = missing_ok

    def load(self) -> Any:  # noqa: ANN401 - the form is an option
        """Return the table in the form asked for, or None if it is not there and may be missing."""
        return None if self._missing_ok and not self._exists() else super().load()


class ContractExtractDataset(CsvExtractDataset):
    """A delivered file; the use case declares whether it may be missing."""

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
    """A stream; the contract of its answers is given by name."""

    def __init__(self, *, contract: str, missing_ok: bool = False, **options: Any) -> None:  # noqa: ANN401
        """Remember the locations; open nothing.

        Args:
            contract: Name of the answers' contract, ``<schema>.<table>``.
            missing_ok: Whether a load returns None where nothing was answered yet.
            options: As of :class:`RequestStreamDataset`.

        Raises:
            ConfigError: If there is no such contract.
        """
        super().__init__(contract=find_contract(contract), **options)
        self._missing_ok = missing_ok

    def load(self) -> Any:  # noqa: ANN401 - a Spark frame
        """Return the answers so far, or None if there are none and they may be missing."""
        return None if self._missing_ok and not self._exists() else super().load()
