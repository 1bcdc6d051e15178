"""Strategies of a rollout, each a change of the configuration and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace

from boathouse.endpoints.config import EndpointConfig, Route
from boathouse.endpoints.options import STEPPED, SplitOptions
from boathouse.errors import RolloutError

# What belongs to one rollout: the next one begins with the values of conf again.
_OF_A_ROLLOUT = ("kind", "salt", "unit", "mirrors", "candidate", "steps")


def end_rollout(config: EndpointConfig, conf: EndpointConfig | None) -> EndpointConfig:
    """Return ``config`` with a plain split by its present shares, and the salt, steps and so on that ``conf`` has."""
    plain = replace(SplitOptions() if conf is None else conf.split, kind="weight", mirrors=(), candidate=None)
    kept = {
        each.name: getattr(config.split, each.name) for each in fields(SplitOptions) if each.name not in _OF_A_ROLLOUT
    }
    return replace(config, split=replace(plain, **kept))


def find_rollout(config: EndpointConfig) -> str:
    """Return the kind of the rollout under way; empty for a plain split."""
    return "" if config.split.kind == "weight" else config.split.kind


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


def start_canary(
    config: EndpointConfig, candidate: str, *, steps: Sequence[float] | None = None, kind: str = "canary"
) -> EndpointConfig:
    """Return ``config`` with ``candidate`` at the first step's share; the others keep their proportions.

    Raises:
        RolloutError: If the candidate is not served, or the first step would take traffic from it.
    """
    require_served(config, candidate)
    chosen = config.split.steps if steps is None else tuple(steps)
    started = _set_split(config, kind=kind, candidate=candidate, steps=chosen, mirrors=())
    if config.traffic_of(candidate) >= started.split.steps[0]:
        what = "rolling replacement" if kind == "rolling" else kind
        raise RolloutError(
            f"Endpoint '{config.name}': '{candidate}' answers {config.traffic_of(candidate):g} % already, and the "
            f"first step of a {what} gives {chosen[0]:g} %. Name the entity that is to be brought in, or begin higher."
        )
    return move_canary(started, chosen[0])


def start_rolling(config: EndpointConfig, candidate: str, *, batches: int) -> EndpointConfig:
    """Return ``config`` with ``candidate`` taking over in ``batches`` equal steps that only errors stop."""
    steps = tuple(round(100 * number / batches, 4) for number in range(1, batches + 1))
    return start_canary(config, candidate, steps=steps, kind="rolling")


def move_canary(config: EndpointConfig, share: float) -> EndpointConfig:
    """Return ``config`` with ``share`` percent for the candidate; the rest keeps its proportions."""
    candidate = str(config.split.candidate)
    others = {
        route.served_entity_name: route.traffic_percentage
        for route in config.routes
        if route.served_entity_name != candidate
    }
    total = sum(others.values())
    rest = {name: (100 - share) * value / total for name, value in others.items()}
    return route_traffic(config, {**rest, candidate: share})


def leave_out(config: EndpointConfig, entities: Collection[str], *, in_place: str | None) -> EndpointConfig:
    """Return ``config`` with no traffic and no copies for ``entities``; the others keep their proportions.

    In an A/B test the neighbour gets it, so that no other unit moves. If no other entity has traffic, ``in_place``
    gets it; without one the configuration stays as it is.

    Args:
        config: The configuration.
        entities: Names of those that may not answer.
        in_place: The entity that answers where none of the others does, or None.
    """
    shares = {each.served_entity_name: each.traffic_percentage for each in config.routes}
    rest = {name: share for name, share in shares.items() if share and name not in entities}
    if not rest and in_place is None:
        return config
    if not rest:
        rest = {str(in_place): 100.0}
    elif config.split.kind == "ab":
        rest = _give_to_neighbours(shares, entities)
    else:
        rest = {name: 100 * share / sum(rest.values()) for name, share in rest.items()}
    mirrors = tuple(name for name in config.split.mirrors if name not in entities and name not in rest)
    kind = "weight" if config.split.kind == "shadow" and not mirrors else config.split.kind
    return route_traffic(_set_split(config, kind=kind, mirrors=mirrors), rest)


def _give_to_neighbours(shares: Mapping[str, float], entities: Collection[str]) -> dict[str, float]:
    """Return the shares with those of ``entities`` added to the route before each, or after the first ones."""
    found: dict[str, float] = {}
    waiting = 0.0
    for name, share in shares.items():
        if name not in entities and share:
            found[name] = share + waiting
            waiting = 0.0
        elif found:
            found[next(reversed(found))] += share
        else:
            waiting += share
    return found


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
    if config.split.kind in STEPPED:
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
