"""Windows of time that monitoring compares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from pyspark.sql import functions as F

from boathouse.errors import BoathouseError
from boathouse.modelling.task import BINARY, Task
from boathouse.monitoring.cohorts import keep_one_each
from boathouse.monitoring.effects import ENTITY
from boathouse.monitoring.performance import ScoredCohort
from boathouse.problem.scored_tables import CHAMPION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame


Period = Literal["day", "month"]
# How the platform names the length of a window.
GRANULARITIES: dict[Period, str] = {"day": "1 day", "month": "1 month"}


@dataclass(frozen=True)
class Window:
    """A span of days; ``start`` inclusive, ``end`` exclusive."""

    start: date
    end: date

    def as_timestamps(self) -> tuple[datetime, datetime]:
        """Return both ends as midnights in UTC."""
        return tuple(datetime.combine(day, time(), tzinfo=UTC) for day in (self.start, self.end))  # type: ignore[return-value]


def window_of(day: date, period: Period) -> Window:
    """Return the day itself, or the calendar month that contains it."""
    if period == "day":
        return Window(day, day + timedelta(days=1))
    start = day.replace(day=1)
    end = start.replace(year=start.year + 1, month=1) if start.month == 12 else start.replace(month=start.month + 1)
    return Window(start, end)


@dataclass(frozen=True, kw_only=True)
class ComparedWindows:
    """What a set of drifts compares.

    Attributes:
        current: Window judged.
        period: Length of a window.
        before: Window compared with, or None when the reference is the training window (BASELINE).
    """

    current: Window
    period: Period
    before: Window | None = None

    @classmethod
    def against_baseline(cls, cohort: date, period: Period) -> ComparedWindows:
        """Return the window of ``cohort`` compared with the training window."""
        return cls(current=window_of(cohort, period), period=period)

    @classmethod
    def consecutive(cls, before: date, cohort: date, period: Period) -> ComparedWindows:
        """Return the window of ``cohort`` compared with that of ``before``."""
        return cls(current=window_of(cohort, period), period=period, before=window_of(before, period))

    @property
    def drift_type(self) -> str:
        """The platform's name: ``BASELINE`` or ``CONSECUTIVE``."""
        return "CONSECUTIVE" if self.before else "BASELINE"


@dataclass(frozen=True, kw_only=True)
class ScoredWindow:
    """The newest cohort scored, and what it can be compared with.

    Attributes:
        newest: Date of the newest cohort.
        previous: Date of the newest earlier cohort scored by the same version, or None.
        model_name: Registered model that scored the newest cohort last.
        model_version: Its version.
    """

    newest: date
    previous: date | None
    model_name: str
    model_version: str


def find_window(predictions: DataFrame, as_of: date, *, time: str, environment: str) -> ScoredWindow:
    """Return the newest cohort up to ``as_of`` (inclusive) and the version that scored it last.

    Raises:
        BoathouseError: If nothing is scored up to then.
    """
    scored = (
        predictions.where(F.col(time) <= F.lit(as_of))
        .groupBy(time, "model_name", "model_version")
        .agg(F.max("scored_at").alias("scored_at"))
        .collect()
    )
    if not scored:
        message = (
            f"No predictions are dated up to {as_of} in environment '{environment}'. "
            f"Make them with: kedro run --pipeline batch_inference --env {environment}"
        )
        raise BoathouseError(message)
    last = max(scored, key=lambda row: (row[time], row["scored_at"], row["model_version"]))
    same = {row[time] for row in scored if row["model_version"] == last["model_version"]}
    return ScoredWindow(
        newest=last[time],
        previous=max(same - {last[time]}, default=None),
        model_name=last["model_name"],
        model_version=last["model_version"],
    )


def champion_rows(predictions: DataFrame) -> DataFrame:
    """Return the predictions that decided; what others scored beside them, for comparison, is not monitored."""
    return predictions.where(F.col("role") == CHAMPION)


def newest_cohorts(frame: DataFrame, count: int, *, time: str) -> DataFrame:
    """Return the rows of the ``count`` newest dates of ``frame``."""
    newest = frame.select(time).distinct().orderBy(F.col(time).desc()).limit(count)
    return frame.join(newest, time, "left_semi")


def thin_rows(frame: DataFrame, limit: int, *, keys: Sequence[str], rows: int) -> DataFrame:
    """Return about ``limit`` of the ``rows`` of ``frame``, chosen by a hash of ``keys``; all if they are no more.

    The same keys are chosen on every engine and in every run.
    """
    if rows <= limit:
        return frame
    share = F.pmod(F.xxhash64(*keys), F.lit(1_000_000)) < F.lit(int(1_000_000 * limit / rows))
    return frame.where(share)


def join_labels(predictions: DataFrame, labels: DataFrame, as_of: date, *, keys: Sequence[str]) -> DataFrame:
    """Return all predictions with the label known by ``as_of`` (``label_known_on`` inclusive), else null.

    A label that was known before the row was observed is none of it, and counts as unknown.

    Args:
        predictions: With ``keys``.
        labels: ``keys``, ``label`` and ``label_known_on``.
        as_of: What is known.
        keys: Columns that identify a row on both sides, its date the last.
    """
    after = F.col("label_known_on") >= F.col(keys[-1])
    known = labels.where((F.col("label_known_on") <= F.lit(as_of)) & after).select(*keys, "label")
    return predictions.join(known, list(keys), "left")


def split_cohorts(
    joined: pa.Table, *, keys: Sequence[str], time: str, known_on: Callable[[date], date], task: Task = BINARY
) -> list[ScoredCohort]:
    """Return one cohort per date and model version, oldest first, its rows in the order of their keys.

    The order makes resampling repeatable: an engine gives rows in any order.

    Args:
        joined: ``keys``, ``time``, ``model_version``, the columns of the task's answer and ``label`` (null where
            unknown); a hash of the entity may stand beside them.
        keys: Columns that identify a row within its date.
        time: Column that dates a row.
        known_on: Gives the day on which all labels of a cohort are known.
        task: What the model answers.
    """
    from pyarrow import compute

    pairs = joined.select([time, "model_version"]).group_by([time, "model_version"]).aggregate([]).to_pylist()
    cohorts = []
    for pair in sorted(pairs, key=lambda each: (each[time], each["model_version"])):
        day, version = pair[time], pair["model_version"]
        chosen = compute.and_(compute.equal(joined[time], day), compute.equal(joined["model_version"], version))
        rows, _ = keep_one_each(joined.filter(chosen), keys)
        cohorts.append(_make_cohort(rows, day, version, known_on(day), task))
    return cohorts


def _make_cohort(rows: pa.Table, day: date, version: str, known_on: date, task: Task) -> ScoredCohort:
    names = [column.name for column in task.outputs.columns]
    values = {name: np.asarray(rows[name].cast("double").to_numpy(), dtype=np.float64) for name in (*names, "label")}
    return ScoredCohort(
        cohort=day,
        model_version=version,
        answer={name: values[name] for name in names},
        label=values["label"],
        labels_known_on=known_on,
        entity=np.asarray(rows[ENTITY].to_numpy()) if ENTITY in rows.column_names else None,
    )
