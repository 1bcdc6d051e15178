"""Strategies of a rollout, each a change of the configuration and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from boathouse.endpoints.config import EndpointConfig, Route
from boathouse.errors import RolloutError

# A rolling replacement goes on whatever scores and latency do; only errors stop it.
_ANY_LATENCY, _ANY_SHIFT = 1000.0, 1.0


def route_traffic(config: EndpointConfig, shares: Mapping[str, float]) -> EndpointConfig:
    """Return ``config`` with ``shares`` as traffic percentages; entities that are not named get none.

    The order of the entities stays that of the document, since the first route is the control of an A/B test.

    Raises:
        RolloutError: If one is not served.
        EndpointError: If the percentages do not add up to 100.
    """
    for name in shares:
        require_served(config, name)
    routes = tuple(
        Route(served_entity_name=entity.name, traffic_percentage=float(shares.get(entity.name, 0)))
        for entity in config.served_entities
    )
    return replace(config, routes=routes)


def split_by_weight(config: EndpointConfig, shares: Mapping[str, float]) -> EndpointConfig:
    """Return ``config`` with each request drawn by ``shares``; with 100 for one entity a blue/green switch."""
    return route_traffic(_set_split(config, kind="weight", mirrors=(), candidate=None), shares)


def start_experiment(config: EndpointConfig, shares: Mapping[str, float], *, salt: str, unit: str) -> EndpointConfig:
    """Return ``config`` as an A/B test: each unit stays with one entity as long as salt and shares stay."""
    return route_traffic(_set_split(config, kind="ab", salt=salt, unit=unit, mirrors=(), candidate=None), shares)


def start_shadow(config: EndpointConfig, mirrors: Sequence[str]) -> EndpointConfig:
    """Return ``config`` with ``mirrors`` scoring a copy of each request; the traffic of the others stays."""
    for name in mirrors:
        require_served(config, name)
    return _set_split(config, kind="shadow", mirrors=tuple(mirrors), candidate=None)


def start_canary(config: EndpointConfig, candidate: str, *, steps: Sequence[float] | None = None) -> EndpointConfig:
    """Return ``config`` with ``candidate`` at the first step's share; the others keep their proportions."""
    require_served(config, candidate)
    chosen = tuple(steps or config.split.steps)
    started = _set_split(config, kind="canary", candidate=candidate, steps=chosen, mirrors=())
    return move_canary(started, chosen[0])


def start_rolling(config: EndpointConfig, candidate: str, *, batches: int) -> EndpointConfig:
    """Return ``config`` with ``candidate`` taking over in ``batches`` equal steps that only errors stop."""
    steps = tuple(round(100 * number / batches, 4) for number in range(1, batches + 1))
    rolling = start_canary(config, candidate, steps=steps)
    return _set_split(rolling, max_latency_ratio=_ANY_LATENCY, max_score_shift=_ANY_SHIFT)


def move_canary(config: EndpointConfig, share: float) -> EndpointConfig:
    """Return ``config`` with ``share`` percent for the candidate; the rest keeps its proportions."""
    candidate = str(config.split.candidate)
    others = {
        route.served_entity_name: route.traffic_percentage
        for route in config.routes
        if route.served_entity_name != candidate
    }
    total = sum(others.values())
    if not total:
        # The candidate has everything: what is left goes to the first of the others.
        others = {next(each.name for each in config.served_entities if each.name != candidate): 100.0}
        total = 100.0
    rest = {name: (100 - share) * value / total for name, value in others.items()}
    return route_traffic(config, {**rest, candidate: share})


def next_step(config: EndpointConfig) -> float | None:
    """Return the share after the candidate's present one, or None at the last."""
    present = config.traffic_of(str(config.split.candidate))
    return next((step for step in config.split.steps if step > present + 1e-9), None)


def give_everything(config: EndpointConfig, entity: str) -> EndpointConfig:
    """Return ``config`` with all traffic for ``entity``, and no rollout under way."""
    return split_by_weight(config, {entity: 100.0})


def end_experiment(config: EndpointConfig) -> EndpointConfig:
    """Return ``config`` with everything for the control if it is an A/B test, else as it is."""
    if config.split.kind != "ab":
        return config
    control = next(route.served_entity_name for route in config.routes if route.traffic_percentage)
    return give_everything(config, control)


def choose_promoted(config: EndpointConfig) -> str:
    """Return the entity that a promotion means when none is named: the candidate, the mirror, or the only other one.

    Raises:
        RolloutError: If several could be meant.
    """
    if config.split.kind == "canary":
        return str(config.split.candidate)
    if config.split.kind == "shadow" and len(config.split.mirrors) == 1:
        return config.split.mirrors[0]
    largest = max(config.routes, key=lambda route: route.traffic_percentage).served_entity_name
    others = [entity.name for entity in config.served_entities if entity.name != largest]
    if len(others) != 1:
        names = ", ".join(entity.name for entity in config.served_entities)
        raise RolloutError(
            f"Endpoint '{config.name}': several entities could be promoted. Name one of {names} with --entity."
        )
    return others[0]


def require_served(config: EndpointConfig, name: str) -> None:
    """Check that ``name`` is a served entity.

    Raises:
        RolloutError: If it is not.
    """
    if config.entity(name) is None:
        served = ", ".join(entity.name for entity in config.served_entities)
        raise RolloutError(f"Endpoint '{config.name}' does not serve '{name}'. Served: {served}.")


def _set_split(config: EndpointConfig, **changes: object) -> EndpointConfig:
    return replace(config, split=replace(config.split, **changes))  # type: ignore[arg-type]
