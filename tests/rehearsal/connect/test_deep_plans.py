"""Plans nested deeper than protobuf reads in Python: names in them are mapped, and Spark gets them whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import DecodeError
from pyspark.sql import functions as F
from pyspark.sql.connect.proto import base_pb2, relations_pb2

from boathouse.rehearsal.connect.deep_plans import read_plan, visit_detached, write_plan

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from pyspark.sql import SparkSession


def nest(levels: int) -> base_pb2.ExecutePlanRequest:
    """Return a request for a table below ``levels`` limits, each with a filter whose condition is as deep."""
    request = base_pb2.ExecutePlanRequest(session_id="s")
    relation: Any = request.plan.root
    for level in range(levels):
        relation.common.plan_id = level
        relation = relation.limit.input
    condition: Any = relation.filter.condition
    for _ in range(levels):
        condition.unresolved_function.function_name = "not"
        condition = condition.unresolved_function.arguments.add()
    condition.literal.boolean = True
    relation.filter.input.read.named_table.unparsed_identifier = "a.b.c"
    return request


def rename(message: Any) -> None:
    """Rename the table, wherever it is."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        visit_detached(message, rename)
    elif message.DESCRIPTOR.full_name.endswith("NamedTable"):
        message.unparsed_identifier = "d.e.f"
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for each in value if descriptor.is_repeated else [value]:
                rename(each)


@pytest.mark.parametrize("levels", [0, 10, 29, 30, 31, 61, 100, 150])
def test_a_plan_of_any_depth_is_read_and_written(levels: int) -> None:
    content = nest(levels).SerializeToString()
    read = read_plan(base_pb2.ExecutePlanRequest)(content)
    assert write_plan(read) == content
    rename(read)
    assert write_plan(read) == content.replace(b"a.b.c", b"d.e.f")


def test_protobuf_alone_refuses_such_a_plan() -> None:
    with pytest.raises(DecodeError):
        base_pb2.ExecutePlanRequest.FromString(nest(100).SerializeToString())


def test_extensions_of_others_stay_as_they_are() -> None:
    relation = relations_pb2.Relation()
    relation.extension.type_url, relation.extension.value = "type.googleapis.com/delta.Relation", b"\x0a\x00"
    seen: list[Message] = []
    visit_detached(relation.extension, seen.append)
    assert not seen
    assert write_plan(relation) == relation.SerializeToString()


@pytest.mark.platform
@pytest.mark.spark
def test_spark_answers_a_deep_query_on_a_table_by_name(deployer: SparkSession) -> None:
    deployer.sql("CREATE TABLE prod.clean.deep (a INT) USING delta").collect()
    try:
        deployer.sql("INSERT INTO prod.clean.deep VALUES (1), (2)").collect()
        rows = deployer.read.table("prod.clean.deep")
        for _ in range(80):
            rows = rows.where(F.col("a") > 1)
        assert rows.columns == ["a"]
        assert [row["a"] for row in rows.collect()] == [2]
    finally:
        deployer.sql("DROP TABLE prod.clean.deep").collect()
