"""SQL reads tables by name on every engine, and nothing but reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import TableError
from boathouse.tables.location import TableLocation
from boathouse.tables.queries import QueryTables

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

BOATS = "boat_id bigint, harbour string, tons double"


@pytest.fixture
def tables(lakehouse: Callable[[str], dict[str, str]], spark: SparkSession) -> QueryTables:
    """Return two environments: dev with boats and trips, prod with other boats."""
    where = lakehouse("lakehouse")
    rows: dict[str, tuple[list[tuple[Any, ...]], str]] = {
        "dev.clean.boats": ([(1, "dev.clean.trips", 3.0), (2, "south", 5.0)], BOATS),
        "dev.clean.trips": ([(1, 10), (1, 20)], "boat_id bigint, day int"),
        "prod.clean.boats": ([(7, "west", 9.0)], BOATS),
    }
    for name, (values, schema) in rows.items():
        location = TableLocation.from_lakehouse(name, where)
        location.save(spark.createDataFrame(values, schema).write.format("delta"))
    return QueryTables("dev", where["engine"], where["root"])


def ask(tables: QueryTables, query: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in tables.run(query).collect())


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT boat_id FROM dev.clean.boats", [(1,), (2,)]),
        ("select boat_id from clean.boats;", [(1,), (2,)]),
        ("SELECT boat_id FROM `dev`.`clean`.`boats` WHERE tons > 4", [(2,)]),
        ("SELECT dev.clean.boats.boat_id FROM dev.clean.boats", [(1,), (2,)]),
        (
            "SELECT b.boat_id, day FROM clean.boats b JOIN dev . clean . trips t ON b.boat_id = t.boat_id",
            [(1, 10), (1, 20)],
        ),
        ("WITH far AS (SELECT max(day) AS day FROM clean.trips) SELECT day FROM far", [(20,)]),
        ("SELECT boat_id FROM dev.clean.boats UNION ALL SELECT boat_id FROM prod.clean.boats", [(1,), (2,), (7,)]),
        # The name of a table in a text or a comment is none.
        ("SELECT boat_id FROM clean.boats WHERE harbour = 'dev.clean.trips' -- dev.clean.nothing", [(1,)]),
        ("SELECT /* dev.clean.nothing; drop */ count(*) FROM clean.boats", [(2,)]),
        # A word that changes something, as the name of a column.
        ("SELECT boat_id AS `delete` FROM clean.trips WHERE day = 10", [(1,)]),
        ("(SELECT 1)", [(1,)]),
    ],
)
def test_a_query_finds_its_tables_by_name(tables: QueryTables, query: str, rows: list[tuple[Any, ...]]) -> None:
    assert ask(tables, query) == rows


def test_the_newest_version_is_read(tables: QueryTables, spark: SparkSession) -> None:
    assert ask(tables, "SELECT count(*) FROM clean.boats") == [(2,)]
    location = TableLocation("dev.clean.boats", tables.engine, tables.root)
    location.save(spark.createDataFrame([(3, "north", 1.0)], BOATS).write.format("delta").mode("append"))
    assert ask(tables, "SELECT count(*) FROM clean.boats") == [(3,)]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("DELETE FROM dev.clean.boats", "delete"),
        ("WITH x AS (SELECT 1) INSERT INTO dev.clean.boats SELECT * FROM x", "insert"),
        ("SELECT 1; DROP TABLE dev.clean.boats", ";"),
        ("FROM dev.clean.boats INSERT INTO dev.clean.trips SELECT *", "insert"),
        ("CREATE TABLE dev.clean.x AS SELECT 1", "create"),
        ("EXPLAIN SELECT 1", "explain"),
        ("-- nothing", "nothing"),
        ("", "nothing"),
    ],
)
def test_what_is_no_query_is_refused_before_it_runs(tables: QueryTables, query: str, word: str) -> None:
    with pytest.raises(TableError, match=f"Expected one query that reads .* found '{word}'. Nothing was run"):
        tables.run(query)
    assert ask(tables, "SELECT count(*) FROM dev.clean.boats") == [(2,)]


def test_a_table_that_is_not_there_is_named_with_those_that_are(tables: QueryTables) -> None:
    expected = r"found 'dev\.clean\.boat', .* In dev\.clean there are: dev\.clean\.boats, dev\.clean\.trips\."
    with pytest.raises(TableError, match=expected):
        tables.run("SELECT * FROM dev.clean.boat")
    with pytest.raises(TableError, match=r"In prod\.clean there are: prod\.clean\.boats\. .*boathouse sql --env prod"):
        tables.run("SELECT * FROM prod.clean.trips")


def test_the_tables_of_an_environment_are_listed(tables: QueryTables) -> None:
    assert [each.table for each in tables.list_tables()] == ["dev.clean.boats", "dev.clean.trips"]
    assert QueryTables("staging", tables.engine, tables.root).list_tables() == []
