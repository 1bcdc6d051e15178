"""Delta's change feed: asked for where tables go by name, read between two versions, and left off on local engines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.features.feature_view import contract_of
from boathouse.tables.changes import has_feed
from boathouse.tables.contract import DIGEST_PROPERTY, documentation_digest, documentation_statements
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_modes import keeps_feed
from boathouse.tables.write_options import WriteOptions
from boathouse.use_case import USE_CASE
from tests.conventions import project

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

PLACE = TableLocation("prod.features.spending", "databricks", "")
CONTRACT = contract_of(USE_CASE.views[2])
SET_FEED = "ALTER TABLE `prod`.`features`.`spending` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')"


class CatalogSession:
    """Stands for a session of the platform; answers what properties the table has."""

    def __init__(self, properties: dict[str, str]) -> None:
        self.statements: list[str] = []
        self._properties = properties

    def sql(self, statement: str) -> SimpleNamespace:
        self.statements.append(statement)
        rows = [{"key": key, "value": value} for key, value in self._properties.items()]
        return SimpleNamespace(collect=lambda: rows)


def session(monkeypatch: pytest.MonkeyPatch, **properties: str) -> CatalogSession:
    made = CatalogSession({name.replace("__", "."): value for name, value in properties.items()})
    monkeypatch.setattr(get_engine("databricks"), "_session", made)
    return made


def writer(**options: Any) -> DeltaWriter:
    return DeltaWriter(PLACE, WriteOptions(table=PLACE.table, **options), CONTRACT)


def test_a_table_in_a_catalog_gets_comments_key_and_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(monkeypatch)
    writer(change_feed=True)._document()
    key = (
        "ALTER TABLE `prod`.`features`.`spending` ADD CONSTRAINT `features_spending_pk` "
        "PRIMARY KEY (`customer_id`, `observed_on` TIMESERIES)"
    )
    assert made.statements[1:] == [SET_FEED, *documentation_statements(CONTRACT, PLACE.sql_name)]
    # A key column that may be null cannot be of a primary key.
    null = [f"ALTER TABLE {PLACE.sql_name} ALTER COLUMN `{name}` SET NOT NULL" for name in CONTRACT.keys]
    assert all(made.statements.index(each) < made.statements.index(key) for each in null)
    comment = "ALTER TABLE `prod`.`features`.`spending` ALTER COLUMN `bill_amt` COMMENT 'Newest bill. Unit: NT$.'"
    assert comment in made.statements


def test_what_is_there_already_is_not_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = {DIGEST_PROPERTY.replace(".", "__"): documentation_digest(CONTRACT)}
    made = session(monkeypatch, delta__enableChangeDataFeed="true", **digest)
    writer(change_feed=True)._document()
    assert made.statements == [f"SHOW TBLPROPERTIES {PLACE.sql_name}"]
    made = session(monkeypatch, **digest)
    writer()._document()
    assert made.statements == [f"SHOW TBLPROPERTIES {PLACE.sql_name}"]


def test_the_catalog_tells_whether_there_is_a_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    session(monkeypatch, delta__enableChangeDataFeed="true")
    assert has_feed(PLACE)
    session(monkeypatch, delta__enableChangeDataFeed="false")
    assert not has_feed(PLACE)


def test_local_engines_leave_it_off(spark: SparkSession, lakehouse: Callable[[str], dict[str, str]]) -> None:
    """Sail writes no table that has it, and engines share a lakehouse."""
    place = TableLocation.from_lakehouse("test.features.boats", lakehouse("feed"))
    options = WriteOptions(table=place.table, change_feed=True)
    assert not keeps_feed(place, options)
    assert keeps_feed(PLACE, options)
    frame = spark.createDataFrame([(1,)], "boat_id bigint")
    DeltaWriter(place, options, None).write(frame)
    assert not has_feed(place)


@pytest.mark.parametrize(
    "table", [*(view.table for view in USE_CASE.views), "inference.predictions", "inference.features"]
)
def test_tables_that_others_follow_ask_for_it(table: str) -> None:
    """The store follows features, monitoring follows predictions."""
    assert project.catalog()[table]["change_feed"] is True
