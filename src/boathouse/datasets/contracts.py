"""Contracts by the name that the catalog uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.errors import ConfigError

if TYPE_CHECKING:
    from boathouse.core.tables import TableContract


def find_contract(name: str) -> TableContract:
    """Return the contract ``name`` (``<schema>.<table>``), of the use case or of core.

    Raises:
        ConfigError: If there is none; names the closest known one, and lists all.
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


def write_caption(where: str, contract: str | None, metadata: dict[str, object] | None) -> str:
    """Return where a dataset is and what it holds: the one line of text that Kedro-Viz shows of it.

    What it holds is the description of its contract; only a dataset without one has it in its catalog entry.
    """
    known = known_contracts() if contract is not None else {}
    described = known[contract].description if contract in known else (metadata or {}).get("description")
    return f"{where} ({described})" if described else where
