"""Which endpoints serve a model: read from their configuration, to tell whom a change reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boathouse.core.features.usage import ModelUse


@dataclass(frozen=True, kw_only=True)
class EndpointUse:
    """One model behind one endpoint.

    Attributes:
        endpoint: Name of the endpoint.
        entity: Name of the served entity within it.
        model: Registered name.
        version: Version that is pinned, or None where an alias is followed.
        alias: Alias whose version is served as it moves, or None.
        share: Percent of the requests that are routed to it, 0 to 100; 0 is asked by its own address only.
    """

    endpoint: str
    entity: str
    model: str
    version: str | None
    alias: str | None
    share: float

    def serves(self, use: ModelUse) -> bool:
        """Return whether the registered version is the one that answers now."""
        return self.model == use.model and (self.version == use.version or self.alias in use.aliases)

    @property
    def title(self) -> str:
        """Endpoint, entity and share, for a line of text."""
        return f"endpoint {self.endpoint} ({self.entity}, {self.share:g} % of the requests)"


def read_endpoints(documents: Mapping[str, Any]) -> tuple[EndpointUse, ...]:
    """Return what each endpoint serves; ``documents`` are endpoints in the platform's form, by name.

    What is not in that form is left out: it is for those who serve to refuse it.
    """
    return tuple(
        use
        for endpoint, document in documents.items()
        if isinstance(document, Mapping)
        for use in _read_endpoint(endpoint, document)
    )


def find_serving(use: ModelUse, endpoints: Sequence[EndpointUse]) -> list[EndpointUse]:
    """Return the served entities that answer with this version."""
    return [each for each in endpoints if each.serves(use)]


def _read_endpoint(endpoint: str, document: Mapping[str, Any]) -> list[EndpointUse]:
    config = document.get("config") or {}
    routes = (config.get("traffic_config") or {}).get("routes") or []
    shares = {route.get("served_entity_name"): float(route.get("traffic_percentage", 0)) for route in routes}
    follow = (document.get("boathouse") or {}).get("follow") or {}
    return [
        EndpointUse(
            endpoint=endpoint,
            entity=entity["name"],
            model=entity["entity_name"],
            version=None if entity.get("entity_version") is None else str(entity["entity_version"]),
            alias=follow.get(entity["name"]),
            share=shares.get(entity["name"], 0.0),
        )
        for entity in config.get("served_entities") or []
        if "name" in entity and "entity_name" in entity
    ]
