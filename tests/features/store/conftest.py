"""A lakehouse with the sources of a few boats, and steps that change them."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.environment import Environment
from boathouse.features.refreshing import FeatureRefresher
from tests.fixtures.boats import BOATS, REPAIRS, TRIPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

# Boat and day: cost, parts.
Repairs = dict[tuple[int, date], tuple[float, int]]
# Boat and month: hours late, weight, fuel.
Logbook = dict[tuple[int, int], tuple[int, float, float]]


def month_end(month: int) -> date:
    """Return the last day of a month of 2005."""
    return date(2005, month, calendar.monthrange(2005, month)[1])


@dataclass
class Fleet:
    """One lakehouse; every write of a source makes a new version of it."""

    session: SparkSession
    refresher: FeatureRefresher

    def write(self, logbook: Logbook, capacities: dict[int, float], repairs: Repairs | None = None) -> None:
        """Replace all sources: one trip a month, boats by capacity, repairs if there are any."""
        trips = [(boat, month_end(month), *values) for (boat, month), values in sorted(logbook.items())]
        self._save("clean.trips", trips, TRIPS)
        self._save("clean.boats", [(boat, capacity, "red") for boat, capacity in sorted(capacities.items())], BOATS)
        self._save("clean.repairs", [(*key, *value) for key, value in sorted((repairs or {}).items())], REPAIRS)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return a table's rows, sorted."""
        frame = self.session.read.format("delta").load(self.refresher.location(table).path)
        return sorted(map(tuple, frame.collect()), key=repr)

    def _save(self, table: str, rows: list[tuple[Any, ...]], schema: str) -> None:
        frame = self.session.createDataFrame(rows, schema)
        self.refresher.location(table).save(frame.write.format("delta").mode("overwrite"))


@pytest.fixture
def fleet(spark: SparkSession, lakehouse: Callable[[str], dict[str, str]]) -> Fleet:
    """Return an empty lakehouse."""
    return Fleet(spark, FeatureRefresher(Environment("test", lakehouse("fleet"))))
