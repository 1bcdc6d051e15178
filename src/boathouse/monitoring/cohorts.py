"""Scored rows with everything that explains their performance: answer, label, entity, features and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.samples import number_entities
from boathouse.modelling.task import BINARY, ScoredRows, Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class CohortRows:
    """Rows of one date and one model version, or of several dates together.

    Attributes:
        cohort: Date on which the rows were observed; of several, the newest.
        model_version: Registered version that scored them.
        labels_known_on: Date on which all their labels are known, or None if not foreseen.
        answer: What the model answered, one number a row, by name of the column.
        label: Label known by the cutoff; NaN where unknown.
        entities: Number of each row's entity.
        features: What the rows were scored on, by name, as far as it is watched; NaN for missing.
        groups: Values by which fairness is judged, by name; ``unknown`` for missing.
        values: What else is summed up over rows, by name; NaN for a row without.
        contradicting: Rows whose label was given twice with different values, and counts as unknown.
    """

    cohort: date
    model_version: str
    labels_known_on: date | None
    answer: Mapping[str, np.ndarray]
    label: np.ndarray
    entities: np.ndarray
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    contradicting: int = 0

    @property
    def known(self) -> np.ndarray:
        """Which rows have a label."""
        return np.asarray(np.isfinite(self.label))

    def is_mature(self, as_of: date) -> bool:
        """Return whether all labels that will come are there: those that arrive first are no fair sample."""
        return bool(self.known.any()) and (self.labels_known_on is None or self.labels_known_on <= as_of)

    def take(self, rows: np.ndarray) -> CohortRows:
        """Return the rows that ``rows`` selects."""
        answer, features, groups, values = (
            {name: each[rows] for name, each in columns.items()}
            for columns in (self.answer, self.features, self.groups, self.values)
        )
        return replace(
            self,
            answer=answer,
            label=self.label[rows],
            entities=self.entities[rows],
            features=features,
            groups=groups,
            values=values,
        )

    def pair(self, task: Task = BINARY, adverse: int = 1) -> ScoredRows:
        """Return the labelled rows in the task's own form, with their entities."""
        rows = self.take(self.known)
        paired: ScoredRows = task.gather(task.pair(rows.label, rows.answer, adverse), rows.entities)
        return paired


def join_cohorts(cohorts: Sequence[CohortRows]) -> CohortRows:
    """Return the rows of all ``cohorts`` (at least one) under the date of the last."""
    return replace(
        cohorts[-1],
        answer=_join([each.answer for each in cohorts]),
        label=np.concatenate([each.label for each in cohorts]),
        entities=np.concatenate([each.entities for each in cohorts]),
        features=_join([each.features for each in cohorts]),
        groups=_join([each.groups for each in cohorts]),
        values=_join([each.values for each in cohorts]),
        contradicting=sum(each.contradicting for each in cohorts),
    )


def _join(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[-1]}


def keep_one_each(rows: pa.Table, keys: Sequence[str]) -> tuple[pa.Table, int]:
    """Return one row for each of ``keys``, in their order, and how many had labels that contradict each other.

    A label that was delivered twice counts once; of labels that contradict each other neither counts.
    """
    import pyarrow as pa

    rows = rows.sort_by([(name, "ascending") for name in keys])
    if rows.num_rows < 2:
        return rows, 0
    columns = [rows[name].to_numpy(zero_copy_only=False) for name in keys]
    starts = np.append(True, np.logical_or.reduce([column[1:] != column[:-1] for column in columns]))
    if starts.all():
        return rows, 0
    label = np.asarray(rows["label"].cast("double").to_numpy(), dtype=np.float64)
    first = np.flatnonzero(starts)
    known = np.where(np.isfinite(label), label, np.inf), np.where(np.isfinite(label), label, -np.inf)
    least, most = np.minimum.reduceat(known[0], first), np.maximum.reduceat(known[1], first)
    contradicting = (least != most) & np.isfinite(least)
    merged = np.where(contradicting | ~np.isfinite(least), np.nan, least)
    kept = rows.take(pa.array(first))
    column = pa.array(merged, mask=np.isnan(merged))
    return kept.set_column(kept.column_names.index("label"), "label", column), int(contradicting.sum())


@dataclass(frozen=True, kw_only=True)
class CohortColumns:
    """Which columns of a table become what of a cohort.

    Attributes:
        keys: Columns that identify a row within its date: those of its entity.
        answer: Columns of the answer.
        features: Features.
        groups: Groups.
        values: What is summed up over labelled rows.
    """

    keys: Sequence[str]
    answer: Sequence[str]
    features: Sequence[str] = ()
    groups: Sequence[str] = ()
    values: Sequence[str] = ()

    def read(self, rows: pa.Table, cohort: date, version: str, known_on: date | None) -> CohortRows:
        """Return the cohort of ``rows``, which also have a column ``label``."""
        from pyarrow import compute

        rows, contradicting = keep_one_each(rows, self.keys)
        label = read_numbers(rows, "label")
        return CohortRows(
            cohort=cohort,
            model_version=version,
            labels_known_on=known_on,
            answer={name: read_numbers(rows, name) for name in self.answer},
            label=label,
            entities=number_entities(rows.select(list(self.keys)).to_pandas(), self.keys),
            features={name: read_numbers(rows, name) for name in self.features},
            groups={name: np.asarray(compute.fill_null(rows[name], "unknown"), dtype=str) for name in self.groups},
            values={name: np.where(np.isfinite(label), read_numbers(rows, name), np.nan) for name in self.values},
            contradicting=contradicting,
        )


def collect_cohorts(
    joined: pa.Table, columns: CohortColumns, *, time: str, version: str, known_on: Callable[[date], date]
) -> list[CohortRows]:
    """Return one cohort per date, oldest first, of the rows that ``version`` scored.

    Args:
        joined: What ``columns`` name, ``time`` and ``label``.
        columns: Which columns become what.
        time: Column that dates a row.
        version: Registered version of the model.
        known_on: Gives the day on which all labels of a cohort are known.
    """
    from pyarrow import compute

    return [
        columns.read(joined.filter(compute.equal(joined[time], day)), day, version, known_on(day))
        for day in sorted(compute.unique(joined[time]).to_pylist())
    ]


def read_numbers(rows: pa.Table, name: str) -> np.ndarray:
    """Return a column as float64, NaN for null; of a column that holds no numbers, the number of each value."""
    import pyarrow as pa

    column = rows[name]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        # Categories get the same number in any cohort, whatever others stand beside them.
        texts = column.to_pylist()
        return np.array([np.nan if text is None else _number_text(text) for text in texts], dtype=np.float64)
    if pa.types.is_boolean(column.type):
        column = column.cast("int8")
    return np.asarray(column.cast("double").to_numpy(), dtype=np.float64)


def _number_text(text: str) -> float:
    import hashlib

    return float(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big"))
