"""Rows are told where they are known, never counted for the display."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from boathouse.hooks.progress_display import add_rows, count_rows


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pd.DataFrame({"a": [1, 2, 3]}), 3),
        (pa.table({"a": [1, 2]}), 2),
        (np.zeros((4, 2)), 4),
        ("text", None),
        ({"a": 1}, None),
        (None, None),
    ],
)
def test_frames_in_memory_are_measured(data: object, expected: int | None) -> None:
    assert count_rows(object(), data, written=False) == expected


def test_a_table_knows_by_its_last_read_or_write() -> None:
    table = SimpleNamespace(last_read=SimpleNamespace(rows=10), last_written=SimpleNamespace(rows=None))
    assert count_rows(table, object(), written=False) == 10
    assert count_rows(table, object(), written=True) is None


@pytest.mark.parametrize(("counts", "expected"), [([1, None, 2], 3), ([None], None), ([], None), ([0], 0)])
def test_the_sum_is_of_what_is_known(counts: list[int | None], expected: int | None) -> None:
    assert add_rows(counts) == expected
