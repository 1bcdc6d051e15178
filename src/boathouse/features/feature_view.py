"""A feature view: features that share keys, a time and the one function that computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import FunctionType
from typing import TYPE_CHECKING

from boathouse.errors import FeatureError
from boathouse.scoring.definition import digest_definition
from boathouse.scoring.feature_spec import Feature, ViewSpec, label_view
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Feature",
    "FeatureView",
    "Source",
    "check_collisions",
    "check_views",
    "contract_of",
    "current_views",
    "time_name",
]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table that a view is computed from.

    Attributes:
        table: ``<schema>.<table>``.
        columns: The columns that the view's function uses, and no others.
        time_column: Date from which a row is known; None if the table has none, then a changed row changes
            all of its key's features.
        may_be_empty: Whether an environment may go without its rows. Then the view is empty too, and not late.
        cleaned_by: The function that makes the table's rows from what is delivered: its code and constants decide
            the values of the view too, and are part of its definition. None for a table that is a view's.
    """

    table: str
    columns: tuple[str, ...]
    time_column: str | None = None
    may_be_empty: bool = False
    cleaned_by: Callable[..., object] | None = None


@dataclass(frozen=True, kw_only=True)
class FeatureView:
    """A declared set of features with one grain: one row per key and time.

    Attributes:
        name: The view's name; its table is ``features.<name>``.
        keys: Entity key columns and their Spark types.
        time_column: Date from which the row's values are known, inclusive.
        owner: Team that answers for the view.
        description: One sentence for a reader who does not know the source.
        sources: Tables the function reads, in the order of its arguments. All have the view's keys: a row of a
            view depends on nothing but rows of its own key.
        features: The features in stored order.
        compute: Pure function from the source frames to keys, time and features. A row depends on no
            source row known later than itself.
        max_age_days: Older rows count as unknown in a join and stale online; None for no limit.
        version: Counted up when the meaning changes while models still use the old one: then both are
            declared, each with its own table.
        online: Whether the view is published to the online store.
        fresh_days: Days by which the newest row may lag behind the newest row of its sources; None for a view whose
            rows change rarely.
        tags: What else a catalog should show, as ``key: value`` pairs.
        reads: Columns that a feature is computed from, ``<schema>.<table>.<column>``, by the feature's name; keys and
            times are read by all. A feature without an entry counts as reading every column of the sources. Names of
            other views' features are passed over.
    """

    name: str
    keys: tuple[tuple[str, str], ...]
    time_column: str
    owner: str
    description: str
    sources: tuple[Source, ...]
    features: tuple[Feature, ...]
    compute: Callable[..., object]
    max_age_days: int | None = None
    version: int = 1
    online: bool = True
    fresh_days: int | None = None
    tags: tuple[tuple[str, str], ...] = ()
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a view that no row could be found by.

        Raises:
            FeatureError: Without keys, with a name that stands for two columns, or computed by something
                else than a function, or by one that uses what has no value to record.
        """
        if not self.keys:
            raise FeatureError(f"Feature view '{self.name}' has no keys. Declare the columns that identify its entity.")
        names = [*self.key_names, self.time_column, *self.feature_names]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise FeatureError(
                f"Feature view '{self.name}' declares more than once: {', '.join(repeated)}. Rename one of each."
            )
        if not isinstance(self.compute, FunctionType | partial):
            raise FeatureError(
                f"Feature view '{self.name}' is computed by a {type(self.compute).__name__}. Give it a function: its "
                "code is part of the definition."
            )
        for source in self.sources:
            missing = sorted(set(self.key_names) - set(source.columns))
            if missing:
                raise FeatureError(
                    f"Feature view '{self.name}' reads {source.table} without {', '.join(missing)}. Every source has "
                    "the view's keys, so that a changed row identifies its entity; add the keys to its columns, "
                    "or join them on before."
                )
        read = {f"{source.table}.{column}" for source in self.sources for column in source.columns}
        for name in self.feature_names:
            if unknown := sorted(set(self.reads.get(name, ())) - read):
                raise FeatureError(
                    f"Feature view '{self.name}': '{name}' is said to read {', '.join(unknown)}, no column of its "
                    f"sources. Declared are {', '.join(sorted(read))}."
                )
        self.digest  # noqa: B018 - computed once, here, so that what cannot be recorded is refused

    @property
    def label(self) -> str:
        """The view's name, from the second version on with the version: ``spending`` or ``spending_v2``."""
        return label_view(self.name, self.version)

    @property
    def table(self) -> str:
        """The view's table, ``features.<label>``."""
        return f"features.{self.label}"

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the source tables, in the order of the function's arguments."""
        return tuple(source.table for source in self.sources)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the entity keys."""
        return tuple(name for name, _ in self.keys)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features in stored order."""
        return tuple(feature.name for feature in self.features)

    @property
    def identity_columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of each source that identify and date the rows."""
        return {
            source.table: tuple(name for name in source.columns if name in {*self.key_names, source.time_column})
            for source in self.sources
        }

    def columns_of(self, feature: str) -> dict[str, tuple[str, ...]]:
        """Return the columns of each source that ``feature`` is computed from, keys and times included."""
        declared = self.reads.get(feature)
        found: dict[str, tuple[str, ...]] = {}
        for source in self.sources:
            shared = {*self.key_names, source.time_column}
            own = [
                name
                for name in source.columns
                if declared is None or name in shared or f"{source.table}.{name}" in declared
            ]
            # The same table may be read as two sources.
            found[source.table] = tuple(dict.fromkeys((*found.get(source.table, ()), *own)))
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        """All stored columns: keys, time, features."""
        return (*self.key_names, self.time_column, *self.feature_names)

    @property
    def time_name(self) -> str:
        """The column in which a joined table holds the time of the view's row."""
        return f"{self.name}_{self.time_column}"

    @cached_property
    def digest(self) -> str:
        """Digest of what decides the values: keys, sources and how they are cleaned, features, and the function."""
        features = tuple((each.name, each.unit, each.kind) for each in self.features)
        cleaners = tuple(source.cleaned_by for source in self.sources)
        declared = (self.keys, self.time_column, self.source_names, cleaners, features, self.max_age_days)
        return digest_definition(declared, self.compute, owner=f"Feature view '{self.name}'")

    @property
    def logic_digest(self) -> str:
        """Digest of keys, sources and function alone, whatever names the view gives to their results."""
        return digest_definition((self.keys, self.source_names), self.compute, owner=f"Feature view '{self.name}'")

    @property
    def spec(self) -> ViewSpec:
        """The view without its function."""
        return ViewSpec(
            name=self.name,
            version=self.version,
            digest=self.digest,
            keys=self.keys,
            time_column=self.time_column,
            features=self.feature_names,
            max_age_days=self.max_age_days,
            kinds=tuple(each.kind for each in self.features),
        )


def contract_of(view: FeatureView) -> TableContract:
    """Return the contract of the view's table."""
    keys = (Column(name=name, dtype=dtype, description="Key of the entity.") for name, dtype in view.keys)
    time = Column(name=view.time_column, dtype="date", description="Date from which the values are known.")
    return TableContract(
        name=view.table,
        description=view.description,
        grain=f"One row per {', '.join(view.key_names)} and {view.time_column}.",
        columns=(*keys, time, *(each.column() for each in view.features)),
        keys=(*view.key_names, view.time_column),
        time_column=view.time_column,
    )


def time_name(view: FeatureView) -> str:
    """Return the view's :attr:`FeatureView.time_name`."""
    return view.time_name


def check_views(views: Sequence[FeatureView]) -> None:
    """Check all views of a project together.

    Raises:
        FeatureError: If two are one version of one view, current versions share a feature's name, a view is
            made from a view that is not declared, or views are made from one another in a circle.
    """
    labels = [view.label for view in views]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise FeatureError(f"Declared more than once: {', '.join(repeated)}. Give one of each another name or version.")
    check_collisions(current_views(views))
    made = {view.table: set(view.source_names) for view in views}
    unknown = sorted(
        {name for sources in made.values() for name in sources if name.startswith("features.")} - set(made)
    )
    if unknown:
        raise FeatureError(
            f"Views are made from {', '.join(unknown)}, which no view declares. Declare it, or correct the name."
        )
    while ready := [table for table, sources in made.items() if not sources & set(made)]:
        for table in ready:
            del made[table]
    if made:
        raise FeatureError(
            f"Views are made from one another in a circle: {', '.join(sorted(made))}. "
            "Take one out of the other's sources."
        )


def current_views(views: Sequence[FeatureView]) -> tuple[FeatureView, ...]:
    """Return the newest version of each view, in order: what a new model is trained on."""
    newest = {view.name: max(each.version for each in views if each.name == view.name) for view in views}
    return tuple(view for view in views if view.version == newest[view.name])


def check_collisions(views: Sequence[FeatureView]) -> None:
    """Refuse views that give one name to two features.

    Raises:
        FeatureError: Naming the features and their views.
    """
    owners: dict[str, list[str]] = {}
    for view in views:
        for name in view.feature_names:
            owners.setdefault(name, []).append(view.label)
    collisions = {name: names for name, names in owners.items() if len(names) > 1}
    if collisions:
        lines = "; ".join(f"{name} in {', '.join(labels)}" for name, labels in sorted(collisions.items()))
        raise FeatureError(f"Features of views joined together need names of their own; found {lines}.")
