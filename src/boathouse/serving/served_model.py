"""A loaded version, and the plan by which the columns of a request become its matrix."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from types import ModuleType

import numpy as np

from boathouse.errors import InvocationError, UntrustedModelError
from boathouse.errors.invocations import list_names, quote_names
from boathouse.features.online.look_up import online_views
from boathouse.scoring.feature_spec import FEATURE_SPEC, FeatureSpec, ViewSpec
from boathouse.scoring.files import ModelFiles, digest_of
from boathouse.scoring.flavours import XgboostEstimator
from boathouse.scoring.on_demand import OnDemandFeature, select_on_demand
from boathouse.scoring.scorer import Scorer, load_scorer
from boathouse.serving.columns import ValueCheck
from boathouse.tables.contract import Column

# Different sets of columns whose plan is kept, and the columns of one; a client sends always the same.
_PLANS, _PLAN_COLUMNS = 256, 1000
_WARM_UP_ROWS = 2
# XGBoost imports scikit-learn, which imports scipy's statistics and pandas, for classes that a scorer never uses.
# It works without them where they are not installed, which is simulated here.
_BESIDE = {"xgboost": ("sklearn", "pandas")}


@dataclass(frozen=True, kw_only=True)
class RequestPlan:
    """How a model's matrix is made from the columns of a request.

    Attributes:
        given: Features, and stored inputs of on-demand features, that the request brings.
        fields: Fields of on-demand features that it brings.
        computed: On-demand features to compute.
        views: Stored views to look up; none where the request brings everything.
        keys: Key columns of these views and their types, in the order of a look-up.
        dropped: Columns that mean nothing to the model.
        values: The check of ``given`` and ``fields``, in this order.
    """

    given: tuple[str, ...]
    fields: tuple[str, ...]
    computed: tuple[OnDemandFeature, ...]
    views: tuple[ViewSpec, ...]
    keys: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...]
    values: ValueCheck

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The columns that are read as numbers: features, then fields."""
        return self.given + self.fields


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """One version behind a served entity.

    Attributes:
        entity: Name of the served entity.
        name: Registered name.
        version: Version, as text.
        digest: Digest of its files.
        scorer: The scorer.
        spec: What it looks up; None for a model that was made without.
        on_demand: On-demand features it was trained on.
        given: Column of a feature or field of a request, with its legal values, by name.
        ranges: Narrower limits of the endpoint, by feature or field.
    """

    entity: str
    name: str
    version: str
    digest: str
    scorer: Scorer
    spec: FeatureSpec | None
    on_demand: tuple[OnDemandFeature, ...]
    given: Mapping[str, Column] = field(default_factory=dict)
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    _plans: dict[tuple[str, ...], RequestPlan] = field(default_factory=dict, repr=False, compare=False)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of the model's matrix."""
        return self.scorer.spec.features

    @cached_property
    def views(self) -> tuple[ViewSpec, ...]:
        """The stored views of the model."""
        return () if self.spec is None else online_views(self.spec)

    @cached_property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Key columns of the views and their types."""
        return keys_of(self.views)

    @cached_property
    def telling(self) -> list[int]:
        """Places of the features by which something is known of a row: those that no request computes, or all."""
        computed = {each.name for each in self.on_demand}
        return [place for place, name in enumerate(self.features) if name not in computed] or list(
            range(len(self.features))
        )

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Fields of a request that its on-demand features take."""
        return tuple(dict.fromkeys(name for each in self.on_demand for name in each.request_names))

    def plan(self, names: Iterable[str]) -> RequestPlan:
        """Return the plan of a request with the columns ``names``; plans are cached.

        Raises:
            InvocationError: If a feature is neither given nor can be looked up or computed; or, where features are
                looked up, a column means nothing, since a field that is misspelt would be scored as not given.
        """
        columns = tuple(names)
        plan = self._plans.get(columns)
        if plan is None:
            plan = self._make_plan(columns)
            if len(self._plans) < _PLANS and len(columns) <= _PLAN_COLUMNS:
                self._plans[columns] = plan
        return plan

    def _make_plan(self, columns: tuple[str, ...]) -> RequestPlan:
        there = set(columns)
        computed = tuple(each for each in self.on_demand if each.name in self.features and each.name not in there)
        stored = {*self.features, *(name for each in computed for name in each.stored)} - {
            each.name for each in computed
        }
        views = tuple(view for view in self.views if (stored - there) & set(view.features))
        self._require(stored - there, views, there)
        given = tuple(name for name in (*self.features, *sorted(stored - set(self.features))) if name in there)
        fields = tuple(name for each in computed for name in each.request_names if name in there)
        dropped = tuple(sorted(there - {*given, *fields} - dict(self.keys).keys()))
        if views and dropped:
            unknown, known = quote_names(dropped), list_names([*self.fields, *self.features])
            raise InvocationError.bad_request(f"Unknown column(s): {unknown}. Known beside the key: {known}.")
        return RequestPlan(
            given=given,
            fields=fields,
            computed=computed,
            views=views,
            keys=keys_of(views),
            dropped=dropped,
            values=ValueCheck(given + fields, self.given, self.ranges),
        )

    def _require(self, missing: set[str], views: Sequence[ViewSpec], there: set[str]) -> None:
        """Refuse a request that lacks features without having the keys to look them up."""
        findable = {name for view in views for name in view.features}
        without_key = [name for name, _ in keys_of(views) if name not in there]
        if without_key or missing - findable:
            raise InvocationError.missing_columns(missing, [name for name, _ in self.keys])


def keys_of(views: Sequence[ViewSpec]) -> tuple[tuple[str, str], ...]:
    """Return the key columns of ``views`` and their types, in the order of a look-up."""
    return tuple(dict(pair for view in views for pair in view.keys).items())


def load_model(  # noqa: PLR0913 - what identifies a version, and what it needs
    entity: str,
    name: str,
    version: str,
    files: ModelFiles,
    *,
    on_demand: Sequence[OnDemandFeature],
    ranges: Mapping[str, Sequence[float]],
    given: Mapping[str, Column] | None = None,
    digest: str | None = None,
) -> ServedModel:
    """Return the version, its files checked and its first scores computed, so that no request waits for them.

    Args:
        entity: Name of the served entity.
        name: Registered name.
        version: Its version.
        files: The model's files.
        on_demand: The declared on-demand features.
        ranges: Narrower limits of the endpoint, by feature or field.
        given: Column of a feature or field of a request, with its legal values, by name.
        digest: Digest of the files in the registry; None where none is recorded.

    Raises:
        UntrustedModelError: If a digest differs, or the files would execute something.
        RequestError: If an on-demand feature is not declared as it was in training.
    """
    if XgboostEstimator.file in files:
        import_lean("xgboost")
    scorer = load_scorer(files)
    actual = digest_of(files)
    if digest is not None and actual != digest:
        raise UntrustedModelError.other_digest(name, digest, actual)
    spec = FeatureSpec.from_json(files[FEATURE_SPEC]) if FEATURE_SPEC in files else None
    chosen = () if spec is None else select_on_demand(spec, on_demand)
    warm_up = np.full((_WARM_UP_ROWS, len(scorer.spec.features)), np.nan)
    scorer.answer(warm_up)
    scorer.reasons(warm_up, 1)
    return ServedModel(
        entity=entity,
        name=name,
        version=version,
        digest=actual,
        scorer=scorer,
        spec=spec,
        on_demand=chosen,
        given=given or {},
        ranges=ranges,
    )


def import_lean(name: str) -> ModuleType:
    """Return the module ``name``, imported as if what it has beside it were not installed.

    What was imported before stays; what is imported later is there as ever.
    """
    return import_without(name, _BESIDE.get(name, ()))


def import_without(name: str, hidden: Sequence[str]) -> ModuleType:
    """Return the module ``name``; while it is imported, the modules ``hidden`` cannot be, unless they are already."""
    chosen = [each for each in hidden if each not in sys.modules]
    for each in chosen:
        # None in this place is how Python notes that a module cannot be imported.
        sys.modules[each] = None  # type: ignore[assignment]
    try:
        return import_module(name)
    finally:
        for each in chosen:
            del sys.modules[each]
