"""Contracts by the name that the catalog uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.errors import ConfigError

if TYPE_CHECKING:
    from boathouse.tables import TableContract


def find_contract(name: str) -> TableContract:
    """Return the contract ``name`` (``<schema>.<table>``), of the use case or of core.

    Raises:
        ConfigError: If there is none; lists the known names.
    """
    contracts = known_contracts()
    if name not in contracts:
        raise ConfigError.unknown_contract(name, contracts)
    return contracts[name]


def known_contracts() -> dict[str, TableContract]:
    """Return all contracts by name."""
    from boathouse.core import contracts as core
    from boathouse.use_case import schemas

    return {**core.CONTRACTS, **schemas.CONTRACTS}
