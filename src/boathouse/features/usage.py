"""Which definitions models look up, and which endpoints serve those; from a spec back to the declared views."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.errors import FeatureError
from boathouse.features.feature_view import FeatureView, current_views
from boathouse.options import require_choice
from boathouse.scoring.definition import DIGEST_FORM, is_current_form

if TYPE_CHECKING:
    from boathouse.scoring.feature_spec import FeatureSpec, ViewSpec
    from boathouse.scoring.on_demand import OnDemandFeature

_log = logging.getLogger(__name__)


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
        inputs: What the version takes; None where that is not known.
    """

    model: str
    version: str
    aliases: tuple[str, ...]
    views: str
    inputs: tuple[str, ...] | None = None

    @property
    def digests(self) -> Mapping[str, str]:
        """Digest of each view the version looks up, by the view's name."""
        pairs = (each.split("=", 1) for each in self.views.split(",") if "=" in each)
        return {label.split("@", 1)[0]: digest for label, digest in pairs}

    def takes(self, features: Collection[str], on_demand: Sequence[OnDemandFeature]) -> bool:
        """Return whether the version takes any of ``features``, or one on demand that is computed from them.

        Where its inputs are not known, it may.
        """
        if self.inputs is None:
            return True
        computed = {each.name for each in on_demand if set(each.stored) & set(features)}
        return bool(set(self.inputs) & {*features, *computed})

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


def select_views(
    spec: FeatureSpec | None, declared: Sequence[FeatureView], *, model: str, extended: bool = False
) -> tuple[FeatureView, ...]:
    """Return the declared views that ``spec`` names, in its order; without a spec, the current ones.

    Args:
        spec: What the model looks up.
        declared: All views.
        model: The model, for messages.
        extended: Whether a view to which features were only added since is taken for the model's own; logged then.

    Raises:
        FeatureError: If a view is not declared in the definition the model was trained on.
    """
    if spec is None:
        return current_views(declared)
    found = {wanted: _find_view(wanted, declared, model, extended=extended) for wanted in spec.views}
    missing = [wanted for wanted, view in found.items() if view is None]
    if missing:
        raise FeatureError(_explain_missing(missing, declared, model))
    return tuple(view for view in found.values() if view is not None)


def _find_view(wanted: ViewSpec, declared: Sequence[FeatureView], model: str, *, extended: bool) -> FeatureView | None:
    by_digest = [view for view in declared if (view.name, view.digest) == (wanted.name, wanted.digest)]
    if by_digest or not extended:
        return next(iter(by_digest), None)
    for view in declared:
        if view.spec.extends(wanted):
            _log.warning(
                "%s was trained on %s; features were added since, and it is scored on %s. "
                "Conf lets that pass here: lakehouse.schema_evolution: additive.",
                model,
                wanted.title,
                view.spec.title,
            )
            return view
    return None


def _explain_missing(missing: Sequence[ViewSpec], declared: Sequence[FeatureView], model: str) -> str:
    trained = f"{model} was trained on {', '.join(wanted.title for wanted in missing)}"
    there = ", ".join(view.spec.title for view in declared)
    if not all(is_current_form(wanted.digest) for wanted in missing):
        return (
            f"{trained}; declared are {there}. A digest without '{DIGEST_FORM}' is of an older form, made from the "
            "text of the source, and cannot be compared. Train again: "
            "kedro run --pipelines training,evaluation,promotion"
        )
    return (
        f"{trained}; declared are {there}. "
        "Score with the package version the model was trained with, declare that version again, or train it again."
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
