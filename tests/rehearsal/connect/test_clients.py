"""PySpark's own, unchanged client against the rehearsed catalogs: it is told what a workspace would tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyspark.errors import AnalysisException, PySparkException

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from boathouse.rehearsal.connect import ConnectServer

pytestmark = [pytest.mark.platform, pytest.mark.spark]


def frame(session: SparkSession, *numbers: int) -> Any:
    return session.createDataFrame(pa.table({"a": pa.array(numbers, pa.int64()), "b": [f"b{n}" for n in numbers]}))


def values(rows: Any) -> list[int]:
    return sorted(row["a"] for row in rows.select("a").collect())


def refusal(error: pytest.ExceptionInfo[PySparkException]) -> str:
    return f"{error.value.getCondition()}: {error.value}"


def test_tables_are_written_read_merged_and_travelled_by_three_level_names(maria: SparkSession) -> None:
    frame(maria, 1, 2).write.format("delta").saveAsTable("dev.features.names")
    frame(maria, 3).write.format("delta").mode("append").saveAsTable("`dev`.`features`.`names`")
    assert maria.catalog.tableExists("dev.features.names")
    assert not maria.catalog.tableExists("dev.features.other")
    assert values(maria.read.table("dev.features.names")) == [1, 2, 3]
    assert values(maria.read.format("delta").option("versionAsOf", 0).table("dev.features.names")) == [1, 2]
    assert values(maria.sql("SELECT * FROM dev.features.names VERSION AS OF 0")) == [1, 2]
    frame(maria, 3, 4).createOrReplaceTempView("more")
    maria.sql("MERGE INTO dev.features.names AS t USING more AS s ON t.a = s.a WHEN NOT MATCHED THEN INSERT *")
    assert values(maria.table("dev.features.names")) == [1, 2, 3, 4]
    history = maria.sql("DESCRIBE HISTORY `dev`.`features`.`names`").collect()
    assert [row["operation"] for row in history] == ["MERGE", "WRITE", "CREATE TABLE AS SELECT"]
    condition = "`a` IN (1, 2)"
    writer = frame(maria, 2).write.format("delta").mode("overwrite").option("replaceWhere", condition)
    writer.saveAsTable("dev.features.names")
    assert values(maria.table("dev.features.names")) == [2, 3, 4]
    detail = maria.sql("DESCRIBE DETAIL dev.features.names").collect()[0]
    assert detail["name"] in {"dev.features.names", "`dev`.`features`.`names`"}


def test_the_catalog_lists_what_is_in_a_schema(maria: SparkSession) -> None:
    frame(maria, 1).write.format("delta").saveAsTable("dev.raw.listed")
    assert "listed" in [each.name for each in maria.catalog.listTables("dev.raw")]
    assert "listed" not in [each.name for each in maria.catalog.listTables("dev.clean")]
    assert maria.catalog.databaseExists("dev.raw")
    assert not maria.catalog.databaseExists("dev.other")
    rows = maria.sql("SHOW TABLES IN dev.raw").collect()
    assert {row["namespace"] for row in rows if row["tableName"] == "listed"} == {"dev.raw"}


def test_v2_writes_and_merges_of_frames_are_by_name_too(maria: SparkSession) -> None:
    from pyspark.sql import functions as F

    frame(maria, 1, 2).writeTo("dev.features.second").using("delta").create()
    frame(maria, 3).writeTo("dev.features.second").append()
    source = frame(maria, 3, 4).alias("s")
    merge = source.mergeInto("dev.features.second", F.expr("second.a = s.a"))
    merge.whenNotMatched().insertAll().merge()
    assert values(maria.table("dev.features.second")) == [1, 2, 3, 4]


def test_a_stream_reads_and_writes_tables_by_name(maria: SparkSession, tmp_path: Any) -> None:
    frame(maria, 1, 2).write.format("delta").saveAsTable("dev.raw.events")
    rows = maria.readStream.format("delta").table("dev.raw.events")
    writer = rows.writeStream.option("checkpointLocation", (tmp_path / "c").as_posix()).trigger(availableNow=True)
    writer.toTable("dev.clean.events").awaitTermination()
    assert values(maria.table("dev.clean.events")) == [1, 2]


def test_a_stream_without_end_is_refused_as_on_serverless(maria: SparkSession, tmp_path: Any) -> None:
    frame(maria, 1).write.format("delta").mode("ignore").saveAsTable("dev.raw.endless")
    rows = maria.readStream.format("delta").table("dev.raw.endless")
    writer = rows.writeStream.option("checkpointLocation", (tmp_path / "c").as_posix())
    with pytest.raises(PySparkException) as refused:
        writer.trigger(processingTime="1 second").toTable("dev.clean.endless")
    assert "INFINITE_STREAMING_TRIGGER_NOT_SUPPORTED" in refusal(refused)


def test_a_schema_that_nobody_made_is_refused(maria: SparkSession) -> None:
    with pytest.raises(AnalysisException) as refused:
        frame(maria, 1).write.format("delta").saveAsTable("dev.missing.x")
    assert "SCHEMA_NOT_FOUND: [SCHEMA_NOT_FOUND] The schema `dev`.`missing`" in refusal(refused)
    with pytest.raises(AnalysisException) as refused:
        maria.sql("SELECT * FROM test.features.x").collect()
    assert "NO_SUCH_CATALOG" in refusal(refused)
    assert not maria.catalog.tableExists("dev.missing.x")


def test_errors_speak_of_the_workspace_s_names(maria: SparkSession) -> None:
    with pytest.raises(AnalysisException) as refused:
        maria.read.table("dev.features.nothing").collect()
    assert "`dev`.`features`.`nothing`" in str(refused.value)
    assert "__" not in str(refused.value)


def test_everybody_reads_prod_and_its_own_principal_alone_writes_it(
    maria: SparkSession, deployer: SparkSession
) -> None:
    frame(deployer, 1).write.format("delta").saveAsTable("prod.features.kept")
    assert values(maria.read.table("prod.features.kept")) == [1]
    attempts: list[Callable[[], object]] = [
        lambda: frame(maria, 2).write.format("delta").mode("append").saveAsTable("prod.features.kept"),
        lambda: frame(maria, 2).write.format("delta").saveAsTable("prod.features.new"),
        lambda: maria.sql("DELETE FROM prod.features.kept"),
        lambda: maria.sql(
            "MERGE INTO prod.features.kept t USING dev.raw.listed s ON t.a = s.a WHEN MATCHED THEN DELETE"
        ),
        lambda: maria.sql("ALTER TABLE prod.features.kept ALTER COLUMN `a` SET NOT NULL"),
        lambda: maria.sql("DROP TABLE prod.features.kept"),
        lambda: frame(maria, 2).writeTo("prod.features.kept").append(),
    ]
    for attempt in attempts:
        with pytest.raises(AnalysisException) as refused:
            attempt()
        assert "INSUFFICIENT_PERMISSIONS" in refusal(refused)
        assert "PERMISSION_DENIED: User 'maria@example.com' does not have" in refusal(refused)
    assert values(deployer.read.table("prod.features.kept")) == [1]


def test_a_token_of_nobody_opens_nothing(connect_server: ConnectServer) -> None:
    from pyspark.sql import SparkSession

    with pytest.raises(PySparkException, match="token is missing or unknown"):
        SparkSession.builder.remote(connect_server.url_for("guessed")).create().range(1).collect()


def test_keys_are_checked_against_the_table(maria: SparkSession, connect_server: ConnectServer) -> None:
    rows = pa.table({"a": [1, 2], "day": pa.array([1, 2], pa.date32()), "b": ["x", None]})
    maria.createDataFrame(rows).write.format("delta").saveAsTable("dev.features.keyed")
    add = "ALTER TABLE dev.features.keyed ADD CONSTRAINT `keyed_pk` PRIMARY KEY"
    cases = {
        f"{add} (`a`, `day` TIMESERIES)": "UC_PRIMARY_KEY_NULLABLE_COLUMN",
        "ALTER TABLE dev.features.keyed ALTER COLUMN `c` SET NOT NULL": "UNRESOLVED_COLUMN",
        "ALTER TABLE dev.features.keyed ALTER COLUMN `b` SET NOT NULL": "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
        "ALTER TABLE dev.features.none ALTER COLUMN `b` SET NOT NULL": "TABLE_OR_VIEW_NOT_FOUND",
    }
    for statement, condition in cases.items():
        with pytest.raises(AnalysisException) as refused:
            maria.sql(statement)
        assert condition in refusal(refused), statement
    for column in ("a", "day"):
        maria.sql(f"ALTER TABLE dev.features.keyed ALTER COLUMN `{column}` SET NOT NULL")
    with pytest.raises(AnalysisException) as refused:
        maria.sql(f"{add} (`a` TIMESERIES)")
    assert "UC_TIMESERIES_COLUMN_TYPE" in refusal(refused)
    maria.sql("ALTER TABLE dev.features.keyed DROP PRIMARY KEY IF EXISTS")
    assert maria.sql(f"{add} (`a`, `day` TIMESERIES)").collect() == []
    record = connect_server.catalogs.record("dev.features.keyed")
    assert (record.primary, record.keys["keyed_pk"], record.times) == ("keyed_pk", ("a", "day"), {"day"})
    with pytest.raises(PySparkException) as malformed:
        maria.sql(f"{add} (`a`,)")
    assert "PARSE_SYNTAX_ERROR" in refusal(malformed)


def test_settings_that_serverless_compute_keeps_are_refused(maria: SparkSession) -> None:
    maria.conf.set("spark.sql.session.timeZone", "UTC")
    with pytest.raises(PySparkException, match="CONFIG_NOT_AVAILABLE"):
        maria.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")
    with pytest.raises(PySparkException, match="PERSIST TABLE is not supported"):
        maria.range(1).cache()


def test_requests_are_counted_by_label(connect_as: Callable[..., SparkSession], connect_server: ConnectServer) -> None:
    session = connect_as("token-of-maria", "job-a")
    frame(session, 1).write.format("delta").saveAsTable("dev.audit.counted")
    session.sql("ALTER TABLE dev.audit.counted SET TBLPROPERTIES ('a' = 'b')")
    session.sql("ALTER TABLE dev.audit.counted SET TAGS ('a' = 'b')")
    assert session.table("dev.audit.counted").collect()[0]["a"] == 1
    counts = connect_server.counts["job-a"]
    assert {kind: counts[kind] for kind in ("saveAsTable", "ALTER TABLE", "SET TAGS", "query")} == {
        "saveAsTable": 1, "ALTER TABLE": 1, "SET TAGS": 1, "query": 1,
    }  # fmt: skip
    made = [each for each in connect_server.requests if each.label == "job-a" and each.recorded]
    assert [(each.principal, each.kind, each.tables) for each in made] == [
        ("maria@example.com", "SET TAGS", ("dev.audit.counted",))
    ]
