"""The cohorts of a batch run: scored one by one, so that a run that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Finished = Collection[tuple[date, str, str]]


def list_cohorts(spine: DataFrame, *, time: str) -> dict[date, int]:
    """Return the number of rows of each date, oldest first; one action."""
    rows = spine.groupBy(time).count().collect()
    return {row[time]: int(row["count"]) for row in sorted(rows, key=lambda row: row[time])}


def find_finished(
    before: tuple[DataFrame | None, DataFrame | None],
    *,
    time: str,
    cohorts: dict[date, int],
    data_versions: Collection[str],
) -> Finished:
    """Return date, version and role of the cohorts that were scored whole from the very same table versions.

    Args:
        before: Predictions and quarantined rows so far; None where there are none.
        time: Column of the date.
        cohorts: Rows of each date that a whole cohort has.
        data_versions: Tables and versions as the predictions state them.
    """
    predictions, quarantine = before
    if predictions is None or quarantine is None:
        return frozenset()
    slices = [time, "model_version", "role"]
    same = F.concat_ws(",", "data_versions") == F.lit(",".join(data_versions))
    found = {tuple(row[:3]): int(row[3]) for row in predictions.where(same).groupBy(*slices).count().collect()}
    for row in quarantine.groupBy(*slices).count().collect():
        if tuple(row[:3]) in found:
            found[tuple(row[:3])] += int(row[3])
    return frozenset(key for key, rows in found.items() if cohorts.get(key[0]) == rows)
