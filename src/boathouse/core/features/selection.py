"""From a model's feature spec back to the declarations: the same definition, or an error."""

from __future__ import annotations

from collections.abc import Sequence

from boathouse.core.errors import FeatureError, RequestError
from boathouse.core.features.feature_view import FeatureView, current_views
from boathouse.core.scoring.feature_spec import FeatureSpec
from boathouse.core.scoring.on_demand import OnDemandFeature


def select_views(spec: FeatureSpec | None, declared: Sequence[FeatureView], *, model: str) -> tuple[FeatureView, ...]:
    """Return the declared views that ``spec`` names, in its order; without a spec, the current ones.

    Raises:
        FeatureError: If a view is not declared in the definition the model was trained on.
    """
    if spec is None:
        return current_views(declared)
    by_digest = {(view.name, view.digest): view for view in declared}
    missing = [view for view in spec.views if (view.name, view.digest) not in by_digest]
    if missing:
        raise FeatureError.not_declared(
            [f"{view.name} version {view.version} ({view.digest})" for view in missing],
            [f"{view.name} version {view.version} ({view.digest})" for view in declared],
            model,
        )
    return tuple(by_digest[view.name, view.digest] for view in spec.views)


def select_on_demand(spec: FeatureSpec | None, declared: Sequence[OnDemandFeature]) -> tuple[OnDemandFeature, ...]:
    """Return the declared on-demand features that ``spec`` names; without a spec, all.

    Raises:
        RequestError: If one is not declared, or its definition has changed.
    """
    if spec is None:
        return tuple(declared)
    by_name = {each.name: each for each in declared}
    for wanted in spec.on_demand:
        if wanted.name not in by_name:
            raise RequestError.unknown_features([wanted.name])
        if by_name[wanted.name].digest != wanted.digest:
            raise RequestError.changed_definition(wanted.name, wanted.digest, by_name[wanted.name].digest)
    return tuple(by_name[wanted.name] for wanted in spec.on_demand)
