"""The catalog's own dataset on tables by name: counts, documentation and messages are those of folders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from boathouse.environment import Environment
from boathouse.errors import TableError
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import AuditLedger
from boathouse.lifecycle.ledger_tables import CatalogTable
from boathouse.lineage.evaluation_metrics import Metric, read_metrics
from boathouse.serving.log_table import compact_by_name
from boathouse.tables.contract import Column, TableContract
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.delta_log import open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation
from boathouse.tables.queries import QueryTables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from boathouse.rehearsal.connect import ConnectServer

pytestmark = [pytest.mark.platform, pytest.mark.spark]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTRACT = TableContract(
    name="clean.boats",
    description="Boats.",
    grain="one row per boat",
    columns=(
        Column(name="boat_id", dtype="bigint", description="The boat.", nullable=False),
        Column(name="length_m", dtype="double", description="Its length.", unit="m", nullable=True),
    ),
    keys=("boat_id",),
)


def boats(*ids: int, length: float = 7.5) -> pa.Table:
    return pa.table({"boat_id": pa.array(ids, pa.int64()), "length_m": pa.array([length] * len(ids), pa.float64())})


def open_table(lakehouse: dict[str, str], name: str, **options: Any) -> DeltaTableDataset:
    return DeltaTableDataset(table=f"prod.clean.{name}", lakehouse=lakehouse, contract=CONTRACT, **options)


def test_rows_are_counted_in_each_mode(platform: dict[str, str]) -> None:
    merged = open_table(platform, "merged", mode="merge", keys=["boat_id"])
    found = []
    for rows in (boats(1, 2), boats(2, 3), boats(2, 3), boats(3, length=9.0)):
        merged.save(rows)
        assert merged.last_written is not None
        found.append((merged.rows_written, merged.last_written.rows))
    assert found == [(2, 2), (1, 3), (0, 3), (1, 3)]
    whole = open_table(platform, "whole")
    whole.save(boats(1, 2))
    whole.save(boats(1, 2, 3, 4))
    assert (whole.rows_written, whole.last_written and whole.last_written.rows) == (4, 4)
    assert whole.load().count() == 4
    assert whole.last_read is not None
    assert whole.last_read.rows == 4


def test_the_newest_version_costs_one_statement(connect_server: ConnectServer, platform: dict[str, str]) -> None:
    """And none of a table, or of a whole schema, that is not there is an error of the engine."""
    table = open_table(platform, "asked")
    table.save(boats(1))
    before = len(connect_server.requests)
    assert table.location.newest_version() is not None
    kinds = [each.kind for each in connect_server.requests[before:] if each.text]
    assert kinds == ["DESCRIBE HISTORY"]
    for missing in ("prod.clean.never_made", "prod.no_such_schema.boats"):
        location = TableLocation.from_lakehouse(missing, platform)
        assert location.newest_version() is None
        with pytest.raises(TableError, match=f"Table '{missing}' does not exist"):
            location.require_version()


def test_documentation_is_written_once_and_survives_overwriting(
    platform: dict[str, str], connect_server: ConnectServer
) -> None:
    table = open_table(platform, "documented")
    table.save(boats(1))

    def count() -> int:
        return sum("prod.clean.documented" in each.tables and each.kind != "query" for each in made())

    def made() -> Any:
        return [each for each in connect_server.requests if each.kind.startswith(("ALTER", "COMMENT", "ADD", "SET"))]

    first = count()
    assert first > 0
    table.save(boats(1, 2))
    assert count() == first
    record = connect_server.catalogs.record("prod.clean.documented")
    assert record.keys == {"clean_boats_pk": ("boat_id",)}
    described = {row["col_name"]: row["comment"] for row in _describe(table)}
    assert described["length_m"] == "Its length. Unit: m."


def _describe(table: DeltaTableDataset) -> list[Any]:
    rows: list[Any] = table.location.session().sql(f"DESCRIBE TABLE {table.location.sql_name}").collect()
    return rows


def test_a_missing_schema_is_named_with_what_makes_it(platform: dict[str, str]) -> None:
    table = DeltaTableDataset(table="prod.missing.boats", lakehouse=platform, contract=CONTRACT)
    with pytest.raises(Exception, match="schema 'prod.missing' does not exist") as found:
        table.save(boats(1))
    assert isinstance(found.value.__cause__, TableError)
    assert "databricks bundle deploy --target" in str(found.value)


def test_a_catalog_of_others_is_read_and_not_written(platform: dict[str, str]) -> None:
    table = DeltaTableDataset(table="dev.clean.boats", lakehouse=platform, contract=CONTRACT)
    with pytest.raises(Exception, match="is not for this identity: User 'sp-prod' does not have") as found:
        table.save(boats(1))
    assert "Each environment writes its own catalog alone" in str(found.value)


def test_queries_take_names_of_two_parts_from_their_environment(platform: dict[str, str]) -> None:
    open_table(platform, "asked").save(boats(1, 2))
    tables = QueryTables("prod", "databricks", platform["root"])
    names, rows = tables.fetch("SELECT count(*) AS boats FROM clean.asked AS asked WHERE asked.boat_id > 1", limit=5)
    assert (names, rows) == (["boats"], [(1,)])


def test_tables_beside_one_are_listed(platform: dict[str, str]) -> None:
    table = open_table(platform, "beside")
    table.save(boats(1))
    assert "prod.clean.beside" in [each.table for each in table.location.list_beside()]
    assert table.location.list_columns() == {"boat_id", "length_m"}
    assert open_log(table.location).table_id()


def test_a_ledger_by_name_is_one_chain_whoever_writes(platform: dict[str, str]) -> None:
    place = TableLocation("prod.audit.promotions", "databricks", platform["root"])
    names = [f"event-{number}" for number in range(4)]

    def append(name: str) -> None:
        event = AuditEvent(event_id=name, kind="requested", subject="m", actor="vera", occurred_at=NOW)
        AuditLedger(CatalogTable(place), name=place.table).append([event])

    append(names[0])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(append, names[1:]))
    ledger = AuditLedger(CatalogTable(place), name=place.table)
    records = ledger.read()
    assert sorted(record.event_id for record in records) == names
    assert [record.sequence for record in records] == [1, 2, 3, 4]
    assert ledger.verify() == []


def test_who_may_not_write_the_ledger_hears_what_is_missing(
    platform: dict[str, str], maria: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = TableLocation("prod.audit.promotions_of_others", "databricks", platform["root"])
    event = AuditEvent(event_id="first", kind="requested", subject="m", actor="vera", occurred_at=NOW)
    AuditLedger(CatalogTable(place), name=place.table).append([event])
    monkeypatch.setattr(get_engine("databricks"), "_session", maria)
    with pytest.raises(TableError, match="is not for this identity: .*does not have MODIFY on Table"):
        AuditLedger(CatalogTable(place), name=place.table).append([replace(event, event_id="second")])
    assert len(AuditLedger(CatalogTable(place), name=place.table).read()) == 1


def test_metrics_of_versions_are_read_by_name(platform: dict[str, str]) -> None:
    environment = Environment("prod", platform)
    place = environment.table("audit.evaluations")
    assert read_metrics(environment, "prod.models.m") == {}
    texts = ("model_name", "model_version", "role", "slice_key", "metric")
    columns = ", ".join([*(f"{name} string" for name in texts), "value double", "low double", "high double"])
    rows = [
        ("prod.models.m", "1", "candidate", ":all", "roc_auc", 0.8, 0.7, 0.9),
        ("prod.models.m", "1", "candidate", "sex=1", "roc_auc", 0.1, None, None),
        ("prod.models.m", "1", "champion", ":all", "roc_auc", 0.2, None, None),
        ("prod.models.n", "1", "candidate", ":all", "roc_auc", 0.3, None, None),
        ("prod.models.m", "1", "candidate", ":all", "pr_auc", None, None, None),
    ]
    place.save(place.session().createDataFrame(rows, columns).write.format("delta"))
    assert read_metrics(environment, "prod.models.m") == {"1": (Metric(name="roc_auc", value=0.8, low=0.7, high=0.9),)}


def test_a_log_by_name_is_compacted(platform: dict[str, str]) -> None:
    location = Environment("prod", platform).endpoint_log
    for number in range(3):
        rows = location.session().createDataFrame(pa.table({"a": [number]}))
        location.save(rows.write.format("delta").mode("append"))
    done = compact_by_name(location)
    assert (done["numFilesRemoved"], done["numFilesAdded"]) == (3, 1)
