"""The configuration of an endpoint: a document in the form of a Databricks endpoint, read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from boathouse.endpoints.options import InputOptions, LimitOptions, LogOptions, LookUpOptions, SplitOptions
from boathouse.errors import EndpointError
from boathouse.options import require_between, require_choice

SIZES = ("Large", "Medium", "Small")
_CONFIG_KEYS = {"served_entities", "traffic_config"}
_BLOCK_KEYS = {"follow", "input", "limits", "log", "look_up", "split"}
_PERSONAL = {"columns": "personal_columns", "policy": "personal_policy"}

Options = TypeVar("Options")


@dataclass(frozen=True, kw_only=True)
class ServedEntity:
    """One model behind an endpoint.

    Attributes:
        name: Name within the endpoint, by which routes and answers call it.
        entity_name: Registered name, ``<catalog>.<schema>.<model>``.
        entity_version: Version as text, or None where an alias is followed.
        alias: Alias whose version is served as it moves, or None. With a version beside it the entity is pinned: the
            alias may move, the version stays.
        workload_size: ``Small``, ``Medium`` or ``Large``; the platform's classes of concurrency.
        scale_to_zero_enabled: Whether the platform may stop it while there are no requests.
    """

    name: str
    entity_name: str
    entity_version: str | None = None
    alias: str | None = None
    workload_size: str = "Small"
    scale_to_zero_enabled: bool = True

    def __post_init__(self) -> None:
        """Check that there is a version or an alias.

        Raises:
            EndpointError: If there is neither.
        """
        require_choice("workload_size", self.workload_size, SIZES)
        if self.entity_version is None and self.alias is None:
            raise EndpointError(
                f"Served entity '{self.name}' has no version. Give it an entity_version, or an alias under "
                "boathouse.follow."
            )

    @property
    def is_pinned(self) -> bool:
        """Whether it stays with its version while the alias that it follows otherwise moves."""
        return self.entity_version is not None and self.alias is not None


@dataclass(frozen=True, kw_only=True)
class Route:
    """The share of requests that one served entity answers, in percent."""

    served_entity_name: str
    traffic_percentage: float

    def __post_init__(self) -> None:
        """Check the range."""
        require_between("traffic_percentage", self.traffic_percentage, 0, 100)


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """What an endpoint serves.

    Attributes:
        name: Name of the endpoint.
        served_entities: The models behind it.
        routes: Shares of requests; they add up to 100. An entity without a route gets none.
        split: How requests are divided.
        look_up: How features are looked up.
        log: What is logged.
        limits: Limits of a worker.
        input: What a request may hold.
    """

    name: str
    served_entities: tuple[ServedEntity, ...]
    routes: tuple[Route, ...]
    split: SplitOptions
    look_up: LookUpOptions
    log: LogOptions
    limits: LimitOptions
    input: InputOptions = field(default_factory=InputOptions)

    def __post_init__(self) -> None:
        """Check what concerns several parts.

        Raises:
            EndpointError: If names repeat, a route, mirror or candidate names no served entity, a mirror has
                traffic, or the routes do not add up to 100.
        """
        names = [entity.name for entity in self.served_entities]
        routed = [route.served_entity_name for route in self.routes]
        _require_unique(self.name, "served entity", names)
        _require_unique(self.name, "route", routed)
        candidate = () if self.split.candidate is None else (self.split.candidate,)
        strangers = sorted({*routed, *self.split.mirrors, *candidate} - set(names))
        if strangers:
            raise EndpointError.unknown_entities(self.name, strangers, names)
        total = sum(route.traffic_percentage for route in self.routes)
        if abs(total - 100) > 1e-9:
            message = f"the routes' traffic percentages add up to {total:g}, not to 100"
            raise EndpointError(f"Endpoint '{self.name}': {message}.")
        busy = sorted(name for name in self.split.mirrors if self.traffic_of(name))
        if busy:
            message = f"{', '.join(busy)} only mirrors, so its traffic percentage has to be 0"
            raise EndpointError(f"Endpoint '{self.name}': {message}.")

    @classmethod
    def from_document(cls, name: str, document: Mapping[str, Any]) -> EndpointConfig:
        """Return the configuration that ``document`` holds.

        Raises:
            EndpointError: If it lacks something, or holds a key that has no meaning.
            OptionError: If a value is outside what is allowed.
        """
        _require_keys(name, "", document, {"config", "boathouse"})
        config = _mapping(name, "config", document.get("config"))
        _require_keys(name, "config.", config, _CONFIG_KEYS)
        block = _mapping(name, "boathouse", document.get("boathouse") or {})
        _require_keys(name, "boathouse.", block, _BLOCK_KEYS)
        traffic = _mapping(name, "traffic_config", config.get("traffic_config"))
        follow = _mapping(name, "follow", block.get("follow") or {})
        entities = [
            _mapping(name, "served_entities", each)
            for each in _list(name, "served_entities", config.get("served_entities"))
        ]
        strangers = sorted(set(follow) - {str(each.get("name")) for each in entities})
        if strangers:
            raise EndpointError.unknown_entities(name, strangers, [str(each.get("name")) for each in entities])
        return cls(
            name=name,
            served_entities=tuple(_read_entity(name, each, follow) for each in entities),
            routes=tuple(_build(name, "routes", Route, each) for each in _list(name, "routes", traffic.get("routes"))),
            split=_build(name, "split", SplitOptions, block.get("split")),
            look_up=_build(name, "look_up", LookUpOptions, block.get("look_up")),
            log=_build(name, "log", LogOptions, _flatten_log(name, block.get("log"))),
            limits=_build(name, "limits", LimitOptions, block.get("limits")),
            input=_build(name, "input", InputOptions, block.get("input")),
        )

    def to_document(self) -> dict[str, Any]:
        """Return the document, of plain values that JSON and YAML hold; :meth:`from_document` reads it back."""
        entities = [
            {key: value for key, value in asdict(entity).items() if key != "alias"} for entity in self.served_entities
        ]
        log = _plain(self.log)
        personal = {key: log.pop(name) for key, name in _PERSONAL.items()}
        return {
            "config": {
                "served_entities": entities,
                "traffic_config": {"routes": [asdict(route) for route in self.routes]},
            },
            "boathouse": {
                "follow": {entity.name: entity.alias for entity in self.served_entities if entity.alias is not None},
                "split": _plain(self.split),
                "look_up": _plain(self.look_up),
                "log": {**log, "personal": personal},
                "limits": _plain(self.limits),
                "input": {"ranges": {name: list(ends) for name, ends in self.input.ranges.items()}},
            },
        }

    def entity(self, name: str) -> ServedEntity | None:
        """Return the served entity called ``name``, or None."""
        return next((entity for entity in self.served_entities if entity.name == name), None)

    @property
    def taking_part(self) -> tuple[str, ...]:
        """The entities that answer, mirror or are a rollout's candidate, in the order of the document."""
        named = {route.served_entity_name for route in self.routes if route.traffic_percentage > 0}
        named |= {*self.split.mirrors, *(() if self.split.candidate is None else (self.split.candidate,))}
        return tuple(entity.name for entity in self.served_entities if entity.name in named)

    def traffic_of(self, name: str) -> float:
        """Return the percentage of requests that ``name`` answers; 0 without a route."""
        return next((route.traffic_percentage for route in self.routes if route.served_entity_name == name), 0.0)


def _read_entity(endpoint: str, raw: Mapping[str, Any], follow: Mapping[str, Any]) -> ServedEntity:
    alias = follow.get(str(raw.get("name")))
    version = raw.get("entity_version")
    given = {**raw, "entity_version": None if version is None else str(version), "alias": alias}
    return _build(endpoint, "served_entities", ServedEntity, given)


def _flatten_log(endpoint: str, raw: object) -> dict[str, Any]:
    """Return the options of the log with those of its block ``personal`` beside them."""
    log = dict(_mapping(endpoint, "log", raw or {}))
    personal = _mapping(endpoint, "log.personal", log.pop("personal", None) or {})
    _require_keys(endpoint, "log.personal.", personal, set(_PERSONAL))
    return {**log, **{_PERSONAL[key]: value for key, value in personal.items()}}


def _build(endpoint: str, where: str, kind: type[Options], raw: object) -> Options:
    """Return the options class filled from ``raw``, with tuples for lists."""
    values = _mapping(endpoint, where, raw or {})
    _require_keys(endpoint, f"{where}.", values, {each.name for each in fields(kind)})  # type: ignore[arg-type]
    try:
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    except TypeError as error:
        message = f"an entry of '{where}' lacks a value. Compare with docs/serving.md"
        raise EndpointError(f"Endpoint '{endpoint}': {message}.") from error


def _plain(options: Any) -> dict[str, Any]:  # noqa: ANN401 - any options class
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(options).items()}


def _mapping(endpoint: str, where: str, raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise EndpointError.wrong_form(endpoint, where, "a mapping", type(raw).__name__)
    return raw


def _list(endpoint: str, where: str, raw: object) -> Sequence[Any]:
    if not isinstance(raw, list | tuple) or not raw:
        raise EndpointError.wrong_form(endpoint, where, "a list with at least one entry", type(raw).__name__)
    return raw


def _require_keys(endpoint: str, where: str, found: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(str(key) for key in set(found) - known)
    if unknown:
        keys, allowed = ", ".join(f"{where}{key}" for key in unknown), ", ".join(sorted(known))
        raise EndpointError(f"Endpoint '{endpoint}': unknown {keys}; allowed there: {allowed}.")


def _require_unique(endpoint: str, what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        twice = ", ".join(repeated)
        raise EndpointError(f"Endpoint '{endpoint}': {what} {twice} stands more than once. Names are unique.")
