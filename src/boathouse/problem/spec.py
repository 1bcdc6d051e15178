"""The problem a project solves: one frozen object from which pipelines, commands, serving and streams are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from boathouse.errors import ConfigError
from boathouse.features.feature_view import FeatureView, current_views
from boathouse.modelling.task import BINARY, Task
from boathouse.problem.checks import check_use_case, require_unique
from boathouse.scoring.feature_spec import Feature
from boathouse.scoring.on_demand import OnDemandFeature
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from boathouse.evaluation.behaviour import BehaviourCases
    from boathouse.monitoring.windows import Period
    from boathouse.simulation.stitching import Simulator


# What the online store can look up.
KEY_TYPES = ("bigint", "string")


@dataclass(frozen=True, kw_only=True)
class Entity:
    """The entity that a prediction is about.

    Attributes:
        keys: The key columns, one or more, with type, meaning and rules.
        personal: Whether a key identifies a person.
        owner: Team that is responsible for the data.
        singular: Name of one entity, in lower case: ``product``.
        plural: Name of several: ``products``.
    """

    keys: tuple[Column, ...]
    personal: bool
    owner: str
    singular: str
    plural: str

    def __post_init__(self) -> None:
        """Refuse an entity without a key, with one key twice, or with one that the online store cannot look up."""
        if not self.keys:
            raise ConfigError(f"Use case, entity '{self.singular}': expected at least one key column, found none.")
        for key in self.keys:
            if key.dtype not in KEY_TYPES:
                known = " or ".join(KEY_TYPES)
                raise ConfigError(f"Use case, key '{key.name}': expected type {known}, found {key.dtype}. Cast it.")
        require_unique("key columns", self.key_names)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the key columns."""
        return tuple(key.name for key in self.keys)

    @property
    def personal_keys(self) -> tuple[str, ...]:
        """Names of the key columns if they identify a person, else none; no log has them in clear."""
        return self.key_names if self.personal else ()

    @property
    def typed_keys(self) -> tuple[tuple[str, str], ...]:
        """Names and Spark types of the key columns, as a feature view has them."""
        return tuple((key.name, key.dtype) for key in self.keys)


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """One delivered table.

    Attributes:
        delivered: What the supplier delivers, typed; its name is the source's, for example ``sales``.
        cleaned: The contract of ``clean.<name>``.
        clean: Pure function from the rows that keep ``delivered`` to those of ``cleaned``.
        optional: Whether the supplier may leave it out; its tables are then empty.
    """

    delivered: TableContract
    cleaned: TableContract
    clean: Callable[[DataFrame], DataFrame]
    optional: bool = False

    def __post_init__(self) -> None:
        """Refuse a clean table that has another name than the source."""
        if self.cleaned.name != f"clean.{self.name}":
            raise ConfigError(
                f"Use case, source '{self.name}': expected the clean contract to be named 'clean.{self.name}', "
                f"found '{self.cleaned.name}'."
            )

    @property
    def name(self) -> str:
        """The source's name."""
        return self.delivered.name


@dataclass(frozen=True, kw_only=True)
class Label:
    """What is predicted.

    Attributes:
        name: Column of the label.
        description: What its values mean, for example ``1 if at least three are sold on the next day.``
        about: Description of the table of labels, one sentence.
        tables: The clean tables that it is computed from, in the order of the function's arguments.
        compute: Pure function to keys, time, label, ``event_date`` and ``known_date``; a row that nothing decides yet
            is left out.
        known_on: From the date of a cohort to the day on which all of its labels are known.
        adverse: The value that is bad for the entity, 0 or 1.
        event_description: What the event date is.
        event_date: Column of the date on which the label's event falls.
        known_date: Column of the date from which the label is known.
    """

    name: str
    description: str
    about: str
    tables: tuple[str, ...]
    compute: Callable[..., DataFrame]
    known_on: Callable[[date], date]
    adverse: Literal[0, 1]
    event_description: str = "Date of the event."
    event_date: str = "label_event_date"
    known_date: str = "label_known_on"

    def __post_init__(self) -> None:
        """Refuse an adverse value that the label cannot have."""
        if self.adverse not in (0, 1):
            raise ConfigError(f"Use case, label '{self.name}': expected adverse to be 0 or 1, found {self.adverse!r}.")


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The groups by which fairness is judged.

    Attributes:
        contract: Contract of ``model_input.groups``: keys of the entity, then one column a way of grouping.
        tables: The clean tables that they are computed from, in the order of the function's arguments.
        compute: Pure function to the contract's columns.
    """

    contract: TableContract
    tables: tuple[str, ...]
    compute: Callable[..., DataFrame]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that hold groups."""
        return tuple(name for name in self.contract.column_names if name not in self.contract.keys)


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Behaviour tests: what a model has to answer for constructed entities.

    Attributes:
        names: Names of the tests, by which conf sets limits.
        tables: The clean tables that cases are made from, in the order of the function's arguments.
        build: From those tables, and the keywords ``use_case``, ``as_of`` and ``options``, to the cases of every test.
    """

    names: tuple[str, ...]
    tables: tuple[str, ...]
    build: Callable[..., list[BehaviourCases]]


@dataclass(frozen=True, kw_only=True)
class Words:
    """Terms of the domain, as reports, cards and messages use them.

    Attributes:
        observation: Name of a row of the spine, in lower case: ``sale``.
        observations: Name of several: ``sales``.
        currency: Unit of amounts and costs.
        period: Time between two cohorts; decides how dates are shown.
    """

    observation: str
    observations: str
    currency: str
    period: Period


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """One problem, complete: everything that differs from one problem to another.

    Attributes:
        entity: What a prediction is about: keys, owner and name.
        spine_table: Clean table whose rows are scored and labelled.
        known_column: Its date from which a row is known.
        time_column: Name of that date in features, labels and predictions.
        sources: The delivered tables.
        label: What is predicted, and when it is known.
        views: Every feature view that is computed, published and served.
        model_views: Those of them that models are trained on and look up, older versions included.
        on_demand: Features that are computed from the request.
        groups: The groups by which fairness is judged; None for none.
        task: The prediction task, such as binary classification.
        words: Terms of the domain, currency and period.
        request_fields: Columns of a streamed request beside key and time.
        behaviour: Behaviour tests of a model; None for none.
        simulation: Returns the simulator that makes synthetic extracts; None for none.
        deliveries: From the extracts, tables of texts by source, to the day on which each row became known (null where
            it has no date); None where that is not declared, and the past cannot be replayed.
    """

    entity: Entity
    spine_table: str
    known_column: str
    time_column: str = "observed_on"
    sources: tuple[DataSource, ...]
    label: Label
    views: tuple[FeatureView, ...]
    model_views: tuple[FeatureView, ...]
    on_demand: tuple[OnDemandFeature, ...] = ()
    groups: Groups | None = None
    task: Task = BINARY
    words: Words
    request_fields: tuple[Column, ...] = ()
    behaviour: Behaviour | None = None
    simulation: Callable[[], Simulator] | None = None
    deliveries: Callable[[Mapping[str, pa.Table]], Mapping[str, pa.Array]] | None = None

    def __post_init__(self) -> None:
        """Refuse declarations that contradict each other.

        Raises:
            ConfigError: Naming what was expected, what was found and where.
            FeatureError: If the views contradict each other.
        """
        check_use_case(self)

    @property
    def clean_contracts(self) -> dict[str, TableContract]:
        """The contracts of the clean tables, by name."""
        return {source.cleaned.name: source.cleaned for source in self.sources}

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the entity's keys."""
        return self.entity.key_names

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that identify a row of the spine: keys and time."""
        return (*self.keys, self.time_column)

    @cached_property
    def current_views(self) -> tuple[FeatureView, ...]:
        """What a new model is trained on: the newest version of each of the models' views."""
        return current_views(self.model_views)

    @cached_property
    def features(self) -> tuple[Feature | OnDemandFeature, ...]:
        """What a new model can take: the features of the current views, then those on demand."""
        return (*(feature for view in self.current_views for feature in view.features), *self.on_demand)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of :attr:`features`."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def given_columns(self) -> Mapping[str, Column]:
        """What a request or an input may bring beside key and time, with its legal values, by name.

        These are the features that any model may still take, and the fields of a request.
        """
        older = (feature for view in self.model_views for feature in view.features)
        features = {each.name: each.given_column() for each in (*older, *self.features)}
        return features | {field.name: field.given_column() for each in self.on_demand for field in each.request}

    @property
    def reason_texts(self) -> dict[str, str]:
        """The text of each feature in reason codes, by name."""
        return {feature.name: feature.reason for feature in self.features}

    @cached_property
    def contracts(self) -> Mapping[str, TableContract]:
        """The contract of every table that depends on the use case, by name."""
        from boathouse.problem.tables import derive_contracts

        return derive_contracts(self)

    def find_source(self, table: str) -> DataSource | None:
        """Return the source of ``<schema>.<table>``; None for a table that is no source's."""
        name = table.rsplit(".", maxsplit=1)[-1].removesuffix("_quarantine")
        return next((source for source in self.sources if source.name == name), None)
