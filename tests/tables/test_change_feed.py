"""Delta's change feed: asked for where tables go by name, read between two versions, and left off on local engines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.features.feature_view import contract_of
from boathouse.tables.changes import has_feed
from boathouse.tables.contract import DIGEST_PROPERTY, documentation_digest, documentation_sql
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation
from boathouse.tables.write import DeltaWriter, keeps_feed
from boathouse.tables.write_options import WriteOptions
from tests.conventions import project
from tests.fixtures.toy.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

LOCATION = TableLocation("prod.features.recent_sales", "databricks", "")
CONTRACT = contract_of(USE_CASE.views[1])
SET_FEED = "ALTER TABLE `prod`.`features`.`recent_sales` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')"


class CatalogSession:
    """Stands for a session of the platform; answers what properties the table has."""

    def __init__(self, properties: dict[str, str]) -> None:
        self.sent: list[str] = []
        self._properties = properties

    def sql(self, statement: str) -> SimpleNamespace:
        self.sent.append(statement)
        rows = [{"key": key, "value": value} for key, value in self._properties.items()]
        return SimpleNamespace(collect=lambda: rows)


def session(monkeypatch: pytest.MonkeyPatch, **properties: str) -> CatalogSession:
    made = CatalogSession({name.replace("__", "."): value for name, value in properties.items()})
    monkeypatch.setattr(get_engine("databricks"), "_session", made)
    return made


def writer(**options: Any) -> DeltaWriter:
    return DeltaWriter(LOCATION, WriteOptions(table=LOCATION.table, **options), CONTRACT)


def test_a_table_in_a_catalog_gets_comments_key_and_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(monkeypatch)
    writer(change_feed=True)._document()
    key = (
        "ALTER TABLE `prod`.`features`.`recent_sales` ADD CONSTRAINT `features_recent_sales_pk` "
        "PRIMARY KEY (`shop_id`, `product_code`, `observed_on` TIMESERIES)"
    )
    assert made.sent[1:] == [SET_FEED, *documentation_sql(CONTRACT, LOCATION.sql_name)]
    # A key column that may be null cannot be of a primary key.
    null = [f"ALTER TABLE {LOCATION.sql_name} ALTER COLUMN `{name}` SET NOT NULL" for name in CONTRACT.keys]
    assert all(made.sent.index(each) < made.sent.index(key) for each in null)
    comment = "`units_sold` COMMENT 'Units of the day. Unit: units.'"
    assert any(f"ALTER TABLE {LOCATION.sql_name} ALTER COLUMN" in each and comment in each for each in made.sent)


def test_what_is_there_already_is_not_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = {DIGEST_PROPERTY.replace(".", "__"): documentation_digest(CONTRACT)}
    made = session(monkeypatch, delta__enableChangeDataFeed="true", **digest)
    writer(change_feed=True)._document()
    assert made.sent == [f"SHOW TBLPROPERTIES {LOCATION.sql_name}"]
    made = session(monkeypatch, **digest)
    writer()._document()
    assert made.sent == [f"SHOW TBLPROPERTIES {LOCATION.sql_name}"]


def test_the_catalog_knows_whether_there_is_a_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    session(monkeypatch, delta__enableChangeDataFeed="true")
    assert has_feed(LOCATION)
    session(monkeypatch, delta__enableChangeDataFeed="false")
    assert not has_feed(LOCATION)


def test_local_engines_leave_it_off(spark: SparkSession, lakehouse: Callable[[str], dict[str, str]]) -> None:
    """Sail writes no table that has it, and engines share a lakehouse."""
    location = TableLocation.from_lakehouse("test.features.boats", lakehouse("feed"))
    options = WriteOptions(table=location.table, change_feed=True)
    assert not keeps_feed(location, options)
    assert keeps_feed(LOCATION, options)
    frame = spark.createDataFrame([(1,)], "boat_id bigint")
    DeltaWriter(location, options, None).write(frame)
    assert not has_feed(location)


def test_tables_that_others_follow_ask_for_it() -> None:
    """The store follows features; monitoring follows labels, predictions and the features scored on."""
    catalog = project.catalog()
    views = {name for name in catalog if name.startswith("features.")} - {"features.registry", "features.statistics"}
    assert views
    followed = views | {"inference.features", "inference.predictions", "model_input.labels"}
    assert {name: catalog[name].get("change_feed") for name in followed} == dict.fromkeys(followed, True)
