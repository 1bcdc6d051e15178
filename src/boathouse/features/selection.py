"""From a model's feature spec back to the declarations: the same definition, or an error."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from boathouse.errors import FeatureError
from boathouse.features.feature_view import FeatureView, current_views
from boathouse.scoring.definition import DIGEST_FORM, is_current_form

if TYPE_CHECKING:
    from boathouse.scoring.feature_spec import FeatureSpec, ViewSpec

_log = logging.getLogger(__name__)


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
        "Score with the package version the model was trained with, declare that version again, or train anew."
    )
