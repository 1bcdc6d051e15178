"""A feature view: features that share keys, a time and the one function that computes them."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING

from boathouse.core.errors import FeatureError
from boathouse.tables import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature of a view; always stored as double.

    Attributes:
        name: Column name.
        description: What the number means, and what null means where null is possible.
        unit: Unit of the number, for example ``NT$``, ``months`` or ``share``.
        reason: How a decision letter names the feature as a reason for high risk.
    """

    name: str
    description: str
    unit: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table that a view is computed from.

    Attributes:
        table: ``<schema>.<table>``.
        columns: The columns that the view's function uses, and no others.
        time_column: Date from which a row is known; None if the table has none, then a changed row changes
            all of its key's features.
        may_be_empty: Whether an environment may go without its rows. Then the view is empty too, and not late.
    """

    table: str
    columns: tuple[str, ...]
    time_column: str | None = None
    may_be_empty: bool = False


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

    def __post_init__(self) -> None:
        """Refuse a view that no row could be found by.

        Raises:
            FeatureError: Without keys, with a name that stands for two columns, or computed by something
                else than a plain function, whose source could not be recorded.
        """
        if not self.keys:
            raise FeatureError.without_keys(self.name)
        names = [*self.key_names, self.time_column, *self.feature_names]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise FeatureError.repeated_names(self.name, repeated)
        if not inspect.isfunction(self.compute):
            raise FeatureError.no_function(self.name, type(self.compute).__name__)
        for source in self.sources:
            missing = sorted(set(self.key_names) - set(source.columns))
            if missing:
                raise FeatureError.source_lacks_keys(self.name, source.table, missing)

    @property
    def label(self) -> str:
        """The view's name, from the second version on with the version: ``spending`` or ``spending_v2``."""
        return self.name if self.version == 1 else f"{self.name}_v{self.version}"

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
    def columns(self) -> tuple[str, ...]:
        """All stored columns: keys, time, features."""
        return (*self.key_names, self.time_column, *self.feature_names)

    @property
    def digest(self) -> str:
        """Return 16 hexadecimal digits that change when the declaration or the logic changes.

        The logic is the source of the function and of what it uses of its own module.
        """
        declared = repr((self.keys, self.time_column, self.source_names, self.features, self.max_age_days))
        text = declared + "".join(_logic_of(self.compute, {}).values())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def logic_digest(self) -> str:
        """Return 16 hexadecimal digits of sources and logic alone, whatever names and texts the view gives them."""
        sources = [inspect.getsource(self.compute).replace(self.compute.__name__, "", 1)]
        sources += [text for name, text in _logic_of(self.compute, {}).items() if name != self.compute.__name__]
        text = repr((self.keys, self.source_names)) + "".join(re.sub(r'"""(.|\n)*?"""', "", each) for each in sources)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def contract_of(view: FeatureView) -> TableContract:
    """Return the contract of the view's table."""
    keys = (Column(name=name, dtype=dtype, description="Key of the entity.") for name, dtype in view.keys)
    time = Column(name=view.time_column, dtype="date", description="Date from which the values are known.")
    features = (
        Column(name=each.name, dtype="double", description=each.description, unit=each.unit, nullable=True)
        for each in view.features
    )
    return TableContract(
        name=view.table,
        description=view.description,
        grain=f"One row per {', '.join(view.key_names)} and {view.time_column}.",
        columns=(*keys, time, *features),
        keys=(*view.key_names, view.time_column),
        time_column=view.time_column,
    )


def _logic_of(function: object, found: dict[str, str]) -> dict[str, str]:
    """Return ``found`` with the source of ``function`` and of the functions and constants that it uses, by name."""
    if not inspect.isfunction(function):
        return found
    found[function.__name__] = inspect.getsource(function)
    for name in sorted(_names_in(function.__code__)):
        used = function.__globals__.get(name)
        if name in found:
            continue
        if inspect.isfunction(used) and used.__module__ == function.__module__:
            _logic_of(used, found)
        elif isinstance(used, str | int | float | tuple):
            found[name] = f"{name} = {used!r}"
    return found


def _names_in(code: CodeType) -> set[str]:
    """Return the global names that ``code`` uses, in comprehensions and lambdas too."""
    nested = (_names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*nested)


def time_name(view: FeatureView) -> str:
    """Return the column by which a joined table tells the time of the view's row."""
    return f"{view.name}_{view.time_column}"


def check_views(views: Sequence[FeatureView]) -> None:
    """Check all views of a project together.

    Raises:
        FeatureError: If two are one version of one view, current versions share a feature's name, a view is
            made from a view that is not declared, or views are made from one another in a circle.
    """
    labels = [view.label for view in views]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise FeatureError.repeated_views(repeated)
    check_collisions(current_views(views))
    made = {view.table: set(view.source_names) for view in views}
    unknown = sorted(
        {name for sources in made.values() for name in sources if name.startswith("features.")} - set(made)
    )
    if unknown:
        raise FeatureError.unknown_source(unknown)
    while ready := [table for table, sources in made.items() if not sources & set(made)]:
        for table in ready:
            del made[table]
    if made:
        raise FeatureError.circular(sorted(made))


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
        raise FeatureError.collision(collisions)
