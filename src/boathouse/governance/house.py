"""One environment of the house: where its ledgers and models are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.errors import LifeCycleError
from boathouse.governance.ledger import AuditLedger, open_ledger
from boathouse.governance.life_cycle import LifeCycle
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from boathouse.core.promotion.identity import Identity
    from boathouse.core.promotion.policy import GovernanceOptions

PROMOTIONS, DELIVERIES, DEPLOYMENTS = "audit.promotions", "audit.webhook_deliveries", "audit.deployments"


@dataclass(frozen=True)
class House:
    """One environment.

    Attributes:
        environment: First part of every name in it.
        lakehouse: Engine and folder of its tables.
    """

    environment: str
    lakehouse: dict[str, str]

    def ledger(self, table: str = PROMOTIONS) -> AuditLedger:
        """Return an audit table of the environment."""
        return open_ledger(TableLocation.from_lakehouse(f"{self.environment}.{table}", self.lakehouse))

    def open_life(self, name: str, options: GovernanceOptions, identity: Identity) -> LifeCycle:
        """Return the life cycle of the model ``name``, recorded in this environment; steps check that it is theirs."""
        from boathouse.governance.registry import ModelRegistry

        return LifeCycle(
            name=name, ledger=self.ledger(), registry=ModelRegistry(name), options=options, identity=identity
        )

    def require_own(self, name: str) -> None:
        """Check that the model belongs to this environment.

        Raises:
            LifeCycleError: If it belongs to another.
        """
        if name.split(".", maxsplit=1)[0] != self.environment:
            raise LifeCycleError.foreign_environment(name, self.environment)
