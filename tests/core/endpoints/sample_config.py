"""Configurations of an endpoint, as short as a test wants them."""

from __future__ import annotations

from typing import Any

from boathouse.core.endpoints import EndpointConfig


def make_document(shares: dict[str, float], **split: Any) -> dict[str, Any]:
    """Return the document of an endpoint whose entities have ``shares`` of the traffic, in percent."""
    entities = [
        {"name": name, "entity_name": "test.models.late", "entity_version": str(number)}
        for number, name in enumerate(shares, 1)
    ]
    routes = [{"served_entity_name": name, "traffic_percentage": share} for name, share in shares.items()]
    return {
        "config": {"served_entities": entities, "traffic_config": {"routes": routes}},
        "boathouse": {"split": split},
    }


def make_config(shares: dict[str, float], **split: Any) -> EndpointConfig:
    """Return the configuration of :func:`make_document`."""
    return EndpointConfig.from_document("late", make_document(shares, **split))
