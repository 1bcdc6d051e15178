"""Every version of a table can be read, also those from before a checkpoint."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import TableError
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

VERSIONS = 13


def write_versions(location: TableLocation, *, partitioned: bool) -> None:
    """Write versions in which row counts and, from the seventh on, columns differ; each tenth makes a checkpoint."""
    for number in range(VERSIONS):
        rows = [(number, date(2005, 4, 1 + key), f"region {key} %") for key in range(number % 4)]
        frame = location.session().createDataFrame(rows, "n int, day date, region string")
        if number > 6:
            frame = frame.withColumn("more", frame["n"] * 1.5)
        writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        location.save(writer.partitionBy("day", "region") if partitioned else writer)


@pytest.mark.parametrize("partitioned", [False, True])
def test_every_version_can_be_read(
    spark: SparkSession, lakehouse: Callable[[str], dict[str, str]], *, partitioned: bool
) -> None:
    del spark
    location = TableLocation.from_lakehouse("test.raw.versions", lakehouse("old"))
    write_versions(location, partitioned=partitioned)
    for version in range(VERSIONS):
        found = location.read(version)
        columns = ["n", "day", "region", "more"][: 4 if version > 6 else 3]
        assert set(found.columns) == set(columns)
        more = [(version * 1.5,) if version > 6 else ()]
        expected = [(version, date(2005, 4, 1 + key), f"region {key} %", *more[0]) for key in range(version % 4)]
        assert sorted(map(tuple, found.select(*columns).collect())) == expected


def test_a_version_whose_files_are_gone_is_named(
    spark: SparkSession, lakehouse: Callable[[str], dict[str, str]]
) -> None:
    del spark
    location = TableLocation.from_lakehouse("test.raw.versions", lakehouse("old"))
    if location.engine != "sail":
        pytest.skip("the engine reads older versions by itself")
    write_versions(location, partitioned=False)
    for file in Path(str(location.path)).glob("*.parquet"):
        file.unlink()
    with pytest.raises(TableError, match="Version 3 of the table .* 1 of its files are gone"):
        location.read(3)
