"""From a model's feature spec back to the declarations: the same definition, or an error."""

from __future__ import annotations

from collections.abc import Sequence

from boathouse.core.errors import FeatureError
from boathouse.core.features.feature_view import FeatureView, current_views
from boathouse.core.scoring.feature_spec import FeatureSpec


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
