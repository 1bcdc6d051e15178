"""What the features of a scored cohort are compared with: the rows that the model itself was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Protocol

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from boathouse.errors import TableError
from boathouse.modelling.splits import TEST
from boathouse.monitoring.effects import ENTITY
from boathouse.monitoring.windows import newest_cohorts, thin_rows
from boathouse.namespaces import is_table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from boathouse.modelling.result import LoadedModel
    from boathouse.monitoring.options import DriftOptions
    from boathouse.monitoring.windows import ScoredWindow

TRAINING_SET = "model_input.training_set"
NOT_TRAINED = "the rows that the model was trained on do not have it"
NOT_LOOKED_UP = "the model looks up no view that has it"


class TableVersions(Protocol):
    """Reader of tables at versions that are on record."""

    def read(self, table: str, version: int) -> DataFrame:
        """Return ``table`` as of ``version``; TableError if that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class WatchedColumns:
    """What of a scored cohort is compared.

    Attributes:
        inputs: What the model takes and is judged, in the order of its matrix.
        besides: Features that conf has judged though the model does not take them.
        left_out: Inputs of the model that are measured and not judged, with conf's reason.
        absent: Features that conf wants judged besides and that are not there, with the reason.
    """

    inputs: tuple[str, ...]
    besides: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_model(cls, model: LoadedModel, options: DriftOptions, stored: Sequence[str]) -> WatchedColumns:
        """Return the columns for ``model``; ``stored`` are the features of which the cohorts keep a column."""
        spec = model.feature_spec
        looked_up = set(stored if spec is None else spec.stored_features) & set(stored)
        wanted = [name for name in options.also_watched if name not in model.features]
        return cls(
            inputs=tuple(name for name in model.features if name not in options.ignored),
            besides=tuple(name for name in wanted if name in looked_up),
            left_out={name: options.left_out_because for name in model.features if name in options.ignored},
            absent={name: NOT_LOOKED_UP for name in wanted if name not in looked_up},
        )

    def without(self, names: Collection[str]) -> WatchedColumns:
        """Return the columns without those of ``besides`` that the rows trained on have not."""
        gone = {name: NOT_TRAINED for name in self.besides if name in names}
        kept = tuple(name for name in self.besides if name not in gone)
        return replace(self, besides=kept, absent={**self.absent, **gone})

    def drop(self, name: str) -> WatchedColumns:
        """Return the columns without ``name``."""
        return replace(
            self,
            inputs=tuple(each for each in self.inputs if each != name),
            besides=tuple(each for each in self.besides if each != name),
            left_out={each: reason for each, reason in self.left_out.items() if each != name},
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are compared."""
        return (*self.inputs, *self.besides, *self.left_out)


@dataclass(frozen=True)
class ComparedRows:
    """The rows of a cohort and those that it is compared with, each with a hash of its entity.

    Attributes:
        reference: Rows compared with; None where there are none.
        current: Rows judged.
        columns: What of them is compared.
    """

    reference: pa.Table | None
    current: pa.Table
    columns: WatchedColumns


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the features were compared with.

    Attributes:
        title: The table with its version, ``<catalog>.<schema>.<table>@<version>``; of a scored cohort, that.
        problem: Why it is not the rows that the model was trained on; empty where it is.
        cohort: Date of the scored cohort that was compared with instead; None for the rows trained on, and where there
            was nothing to compare with.
        absent: Features that conf wants judged and that are not there, with the reason.
    """

    title: str
    problem: str = ""
    cohort: date | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_training(self) -> bool:
        """Whether it is the rows that the model was trained on."""
        return bool(self.title) and not self.problem


def find_training_set(model: LoadedModel) -> tuple[str, int]:
    """Return the table that ``model`` was trained on, with its Delta version, as recorded when it was registered.

    Raises:
        TableError: If the version has no such record.
    """
    recorded = model.tags.get("table_versions", "")
    for text in recorded.split(","):
        table, _, version = text.strip().partition("@")
        if is_table(table, TRAINING_SET) and version.isdecimal():
            return table, int(version)
    raise TableError(
        f"{model.name} version {model.version}: its tag table_versions names no version of {TRAINING_SET} "
        f"(found: {recorded or 'nothing'})."
    )


def read_reference(
    model: LoadedModel,
    tables: TableVersions,
    *,
    options: DriftOptions,
    columns: Sequence[str],
    time: str,
    keys: Sequence[str],
) -> tuple[str, pa.Table]:
    """Return the newest cohorts of the rows that ``model`` was fitted on, and the name of where they are from.

    Training may have written other rows to the same table since: it is read at the version on record.

    Args:
        model: The version that scored.
        tables: Reader of the past.
        options: How many cohorts, and at most how many rows.
        columns: What is read of them.
        time: Column that dates a row.
        keys: Columns that identify a row.

    Raises:
        TableError: If no version is on record, or it can no longer be read.
    """
    table, version = find_training_set(model)
    try:
        rows = tables.read(table, version)
        fitted = rows.where(F.col("split") != F.lit(TEST))
        first, _, last = model.tags.get("training_window", "").partition("/")
        if last:
            fitted = fitted.where(F.col(time).between(F.lit(first).cast("date"), F.lit(last).cast("date")))
        newest = newest_cohorts(fitted, options.reference_cohorts, time=time)
        entity = [name for name in keys if name != time]
        return f"{table}@{version}", take_columns(newest, options, columns=columns, keys=keys, entity=entity)
    except PySparkException as error:
        # Where tables go by name only the read itself finds that files are gone.
        raise TableError(f"{table}@{version} cannot be read ({type(error).__name__}).") from error


def take_columns(
    rows: DataFrame, options: DriftOptions, *, columns: Sequence[str], keys: Sequence[str], entity: Sequence[str]
) -> pa.Table:
    """Return those of ``columns`` that are there and a hash of the entity, thinned to the rows that options allow.

    Args:
        rows: With ``keys``.
        options: How many rows at most.
        columns: What is taken.
        keys: Columns that identify a row.
        entity: Those of them that identify its entity.
    """
    thinned = thin_rows(rows, options.max_rows, keys=keys, rows=rows.count())
    present = [name for name in columns if name in rows.columns]
    return thinned.select(*present, F.xxhash64(*entity).alias(ENTITY)).toArrow()


def describe_replacement(window: ScoredWindow, error: TableError) -> Baseline:
    """Return what is compared with where the rows trained on cannot be read: the cohort scored before, or nothing."""
    cohort = window.previous
    title = f"the cohort of {cohort} that it scored before" if cohort else ""
    return Baseline(title=title, problem=str(error), cohort=cohort)


def describe_reference(baseline: Baseline | None, version: str) -> str:
    """Return what the features are compared with, in a sentence; empty where none was compared."""
    if baseline is None or not baseline.title:
        return ""
    if baseline.is_training:
        return f"Compared with the newest rows that version {version} was trained on, {baseline.title}."
    return f"Compared with {baseline.title}: the rows that version {version} was trained on cannot be read."
