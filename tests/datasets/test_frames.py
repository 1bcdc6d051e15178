"""Arrow types of Spark's type names."""

from __future__ import annotations

import pyarrow as pa
import pytest

from boathouse.datasets.frames import arrow_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bigint", pa.int64()),
        ("date", pa.date32()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("decimal(10,2)", pa.decimal128(10, 2)),
        ("array<array<string>>", pa.list_(pa.list_(pa.string()))),
        ("struct<a:int>", None),
        ("array<struct<a:int>>", None),
    ],
)
def test_spark_types_have_arrow_types(name: str, expected: pa.DataType | None) -> None:
    """Structs are left as the frame has them."""
    assert arrow_type(name) == expected
