"""Which features a model needs, in which definition: packed with it, so that every way of scoring looks up the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

from boathouse.errors import UntrustedModelError
from boathouse.tables.contract import Column

FEATURE_SPEC = "feature_spec.json"


FeatureKind = Literal["number"]
# How each kind of feature is stored in tables: Spark's simple type name.
DTYPES: Mapping[FeatureKind, str] = {"number": "double"}
# How each kind stands in the signature of a model, in MLflow's terms.
SIGNATURE_TYPES: Mapping[FeatureKind, str] = {"number": "double"}


def label_view(name: str, version: int) -> str:
    """Return the name under which a version of a view is stored: ``spending``, from the second on ``spending_v2``."""
    return name if version == 1 else f"{name}_v{version}"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature, stored or computed on demand.

    Attributes:
        name: Column name.
        description: What the value means, and what null means where null is possible.
        unit: Unit of a number, for example ``EUR``, ``months`` or ``share``.
        reason: How a decision letter names the feature as a reason for high risk.
        kind: What kind of value it is, which decides how it is stored.
        minimum: Smallest legal value where a request or an input brings the feature, inclusive; None for any.
        maximum: Largest legal value there, inclusive; None for any.
        allowed: The whole numbers that are legal there, such as those of a flag or a level; None for any.
    """

    name: str
    description: str
    unit: str
    reason: str
    kind: FeatureKind = "number"
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[int, ...] | None = None

    @property
    def dtype(self) -> str:
        """Spark's simple name of the type in which tables hold the feature."""
        return DTYPES[self.kind]

    def column(self) -> Column:
        """Return the column of a table contract that holds the feature; null is unknown."""
        return Column(name=self.name, dtype=self.dtype, description=self.description, unit=self.unit, nullable=True)

    def given_column(self) -> Column:
        """Return the column of a request or an input that brings the feature, with its legal values."""
        return replace(self.column(), minimum=self.minimum, maximum=self.maximum, allowed=self.allowed)


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """One stored view without its function: what a model, the online store and the lineage keep of it.

    Attributes:
        name: Name of the view.
        version: Version of the view.
        digest: Digest of its definition.
        keys: Key columns and their Spark types.
        time_column: Date from which a row is known; empty where only the newest row is kept.
        features: All features of the view, in stored order.
        max_age_days: Older rows count as unknown; None for no limit.
        kinds: Kind of each feature; empty if all are numbers.
    """

    name: str
    version: int = 1
    digest: str
    keys: tuple[tuple[str, str], ...]
    time_column: str = ""
    features: tuple[str, ...]
    max_age_days: int | None = None
    kinds: tuple[FeatureKind, ...] = ()

    @property
    def label(self) -> str:
        """Name of its table, online and offline."""
        return label_view(self.name, self.version)

    @property
    def title(self) -> str:
        """Name, version and digest, for messages."""
        return f"{self.name} version {self.version} ({self.digest})"

    def extends(self, other: ViewSpec) -> bool:
        """Return whether this is ``other`` in another definition that has all of its features, and maybe more."""
        same = (self.name, self.version, self.keys, self.time_column, self.max_age_days)
        kinds = dict(zip(self.features, self.feature_kinds, strict=True))
        of_other = dict(zip(other.features, other.feature_kinds, strict=True))
        return (
            same == (other.name, other.version, other.keys, other.time_column, other.max_age_days)
            and of_other.items() <= kinds.items()
        )

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the key columns."""
        return tuple(name for name, _ in self.keys)

    @property
    def feature_kinds(self) -> tuple[FeatureKind, ...]:
        """Kind of each feature, in stored order."""
        return self.kinds or tuple("number" for _ in self.features)


@dataclass(frozen=True, kw_only=True)
class SpecOnDemand:
    """One feature that is computed when it is asked for.

    Attributes:
        name: Name of the feature.
        digest: Digest of its definition.
        stored: Stored features it is computed from.
        request: Values that come with the request.
        kind: What kind of value it is.
    """

    name: str
    digest: str
    stored: tuple[str, ...]
    request: tuple[str, ...]
    kind: FeatureKind = "number"


_Spec_co = TypeVar("_Spec_co", covariant=True)


class Declared(Protocol[_Spec_co]):
    """A declared view or on-demand feature."""

    @property
    def spec(self) -> _Spec_co:
        """The declaration without its function."""


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """The views and on-demand features of one model.

    Attributes:
        views: Views that have to be looked up, in the order in which they are joined.
        on_demand: Features to compute afterwards.
    """

    views: tuple[ViewSpec, ...]
    on_demand: tuple[SpecOnDemand, ...] = ()

    @classmethod
    def describe(
        cls, features: Sequence[str], views: Sequence[Declared[ViewSpec]], on_demand: Sequence[Declared[SpecOnDemand]]
    ) -> FeatureSpec:
        """Return the spec of a model of ``features``: only the views and on-demand features that they need."""
        computed = tuple(each.spec for each in on_demand if each.spec.name in features)
        stored = {*features, *(name for spec in computed for name in spec.stored)}
        return cls(
            views=tuple(view.spec for view in views if stored & set(view.spec.features)),
            on_demand=computed,
        )

    @property
    def digest(self) -> str:
        """Return 16 hexadecimal digits that identify the spec."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    @property
    def stored_features(self) -> tuple[str, ...]:
        """All features of the views, in the order of a look-up."""
        return tuple(name for view in self.views for name in view.features)

    def kinds_of(self, names: Iterable[str]) -> dict[str, FeatureKind]:
        """Return the kind of each of ``names``; what the spec does not know is a number."""
        kinds: dict[str, FeatureKind] = {each.name: each.kind for each in self.on_demand}
        for view in self.views:
            kinds |= zip(view.features, view.feature_kinds, strict=True)
        return {name: kinds.get(name, "number") for name in names}

    def to_json(self) -> bytes:
        """Return the spec as JSON."""
        return json.dumps(asdict(self), indent=2).encode()

    @classmethod
    def from_json(cls, content: bytes) -> FeatureSpec:
        """Return the spec that :meth:`to_json` wrote.

        Raises:
            UntrustedModelError: If it is not such a spec.
        """
        try:
            raw = json.loads(content)
            return cls(
                views=tuple(ViewSpec(**_as_tuples(view)) for view in raw["views"]),
                on_demand=tuple(SpecOnDemand(**_as_tuples(each)) for each in raw["on_demand"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UntrustedModelError.unreadable(FEATURE_SPEC) from error


def _as_tuples(raw: dict[str, Any]) -> dict[str, Any]:
    """Return ``raw`` with tuples for JSON's lists."""
    return {name: _as_tuple(value) for name, value in raw.items()}


def _as_tuple(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    return tuple(_as_tuple(each) for each in value) if isinstance(value, list) else value
