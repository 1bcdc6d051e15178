"""Contracts of the library by the name that the catalog uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.errors import ConfigError

if TYPE_CHECKING:
    from boathouse.core.tables import TableContract


def find_contract(name: str) -> TableContract:
    """Return the library's contract ``name`` (``<schema>.<table>``).

    Raises:
        ConfigError: If there is none; lists the known names.
    """
    contracts = known_contracts()
    if name not in contracts:
        raise ConfigError.unknown_contract(name, contracts)
    return contracts[name]


def known_contracts() -> dict[str, TableContract]:
    """Return the contracts of the tables that every use case has, by name."""
    from boathouse.core.contracts import CONTRACTS

    return dict(CONTRACTS)
