"""Who depends on a feature: sources, features and models that use it, and endpoints that serve those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.errors import FeatureError
from boathouse.options import require_choice
from boathouse.scoring.definition import is_current_form

if TYPE_CHECKING:
    from boathouse.features.feature_view import FeatureView
    from boathouse.scoring.on_demand import OnDemandFeature


@dataclass(frozen=True)
class UsageOptions:
    """What happens when a definition is gone that a model in use was trained on.

    Attributes:
        removed_in_use: ``refuse`` stops before anything is registered; ``warn`` goes on.
    """

    removed_in_use: str

    def __post_init__(self) -> None:
        """Check the choice."""
        require_choice("removed_in_use", self.removed_in_use, ("refuse", "warn"))


@dataclass(frozen=True, kw_only=True)
class ModelUse:
    """One registered version and what it looks up.

    Attributes:
        model: Registered name.
        version: Version as text.
        aliases: Aliases that point to it.
        views: ``name@version=digest`` of each view, comma-separated, as its tag has it.
    """

    model: str
    version: str
    aliases: tuple[str, ...]
    views: str

    @property
    def digests(self) -> Mapping[str, str]:
        """Digest of each view the version looks up, by the view's name."""
        pairs = (each.split("=", 1) for each in self.views.split(",") if "=" in each)
        return {label.split("@", 1)[0]: digest for label, digest in pairs}

    @property
    def title(self) -> str:
        """Model, version and aliases, for messages."""
        return f"{self.model} version {self.version}" + (f" ({', '.join(self.aliases)})" if self.aliases else "")


def users_of(view: FeatureView, uses: Sequence[ModelUse]) -> list[ModelUse]:
    """Return the versions that were trained on exactly this definition."""
    return [use for use in uses if use.digests.get(view.name) == view.digest]


def find_removed(views: Sequence[FeatureView], uses: Sequence[ModelUse]) -> dict[tuple[str, str], list[str]]:
    """Return who uses each definition (view, digest) that is not declared any more.

    Digests of an older form cannot be compared; :func:`find_outdated` names who has them.
    """
    declared = {(view.name, view.digest) for view in views}
    removed: dict[tuple[str, str], list[str]] = {}
    for use in uses:
        for definition in use.digests.items():
            if definition not in declared and is_current_form(definition[1]):
                removed.setdefault(definition, []).append(use.title)
    return removed


def find_outdated(uses: Sequence[ModelUse]) -> str:
    """Return which models have digests of an older form and what to do, or an empty text if none has."""
    titles = [use.title for use in uses if not all(map(is_current_form, use.digests.values()))]
    if not titles:
        return ""
    return (
        f"{', '.join(titles)}: the digests of the feature views are of an older form, made from the text of the "
        "source, and cannot be compared with those declared. Such models cannot look features up. Train "
        "again: kedro run --pipelines training,evaluation,promotion"
    )


def check_removed(views: Sequence[FeatureView], uses: Sequence[ModelUse]) -> None:
    """Refuse that a definition is gone which a model in use was trained on.

    Raises:
        FeatureError: Naming the first such view, its digest and its users.
    """
    for (view, digest), users in sorted(find_removed(views, uses).items()):
        raise FeatureError(
            f"Feature view {view} in its definition {digest} is no longer declared, but is used by {', '.join(users)}. "
            "Keep the old declaration beside the new one and give the new one the next version; remove the old one "
            "when no model uses it."
        )


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


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What breaks or changes with a column.

    Attributes:
        views: Views that read it, directly or through other views.
        features: Their features.
        on_demand: On-demand features computed from those.
    """

    views: tuple[FeatureView, ...]
    features: tuple[str, ...]
    on_demand: tuple[str, ...]


def find_feature(
    name: str, views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]
) -> tuple[FeatureView, ...]:
    """Return the views that a view, a stored or an on-demand feature called ``name`` comes from.

    Raises:
        FeatureError: If there is none of that name.
    """
    stored = {name, *(column for each in on_demand if each.name == name for column in each.stored)}
    found = tuple(view for view in views if name in (view.name, view.label) or stored & set(view.feature_names))
    if not found:
        raise FeatureError.unknown(name, [view.label for view in views])
    return found


def trace_sources(view: FeatureView, views: Sequence[FeatureView]) -> dict[str, tuple[str, ...]]:
    """Return the columns that ``view`` reads, by table, those of the views it is made from included."""
    by_table = {each.table: each for each in views}
    found: dict[str, tuple[str, ...]] = {}
    waiting = [view]
    while waiting:
        for source in waiting.pop().sources:
            found[source.table] = tuple(dict.fromkeys((*found.get(source.table, ()), *source.columns)))
            if source.table in by_table:
                waiting.append(by_table[source.table])
    return found


def find_impact(column: str, views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]) -> Impact:
    """Return what depends on ``column``, given as ``<schema>.<table>.<column>`` or as a whole ``<schema>.<table>``.

    Raises:
        FeatureError: If no view reads it.
    """
    reading = tuple(view for view in views if _reads(view, column, views))
    if not reading:
        tables = sorted({table for view in views for table in view.source_names})
        raise FeatureError(
            f"No view reads {column}. Give <schema>.<table> or <schema>.<table>.<column>; "
            f"views read {', '.join(tables)}."
        )
    features = tuple(name for view in reading for name in view.feature_names)
    depending = tuple(each.name for each in on_demand if set(each.stored) & set(features))
    return Impact(views=reading, features=features, on_demand=depending)


def _reads(view: FeatureView, column: str, views: Sequence[FeatureView]) -> bool:
    sources = trace_sources(view, views)
    return column in sources or any(column == f"{table}.{name}" for table, names in sources.items() for name in names)
