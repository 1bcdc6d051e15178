"""Looked-up features in the log: as the store had them, hidden where they are personal, bounded in size."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from boathouse.endpoints.log_contract import LookedUpValues
from boathouse.features.online.look_up import FeatureRows
from boathouse.serving.log_masking import MASK
from boathouse.serving.logged_features import describe_features, encode_features


def make_part(rows: int = 2, places: list[int] | None = None) -> LookedUpValues:
    values = np.arange(rows * 2, dtype=np.float64).reshape(rows, 2)
    values[0, 1] = np.nan
    times = np.tile(np.array([[5, 7]], dtype=np.int64), (rows, 1))
    return LookedUpValues(features=("age", "sails"), values=values, times=times, rows=places, total=rows)


def encode(*parts: LookedUpValues, hidden: frozenset[str] = frozenset(), limit: int = 10_000) -> Any:
    text, codes = encode_features(parts, hidden=hidden, hide=lambda _: MASK, limit=limit)
    return (None if text is None else json.loads(text)), codes


def test_values_are_kept_with_the_time_of_the_newest_and_their_places() -> None:
    found, codes = encode(make_part(), make_part(1, [4]))
    assert found == [
        {"columns": ["age", "sails"], "data": [[0.0, None], [2.0, 3.0]], "times": [7, 7]},
        {"columns": ["age", "sails"], "data": [[0.0, None]], "times": [7], "rows": [4]},
    ]
    assert codes == []


def test_personal_columns_are_hidden_and_null_stays_null() -> None:
    [part], _ = encode(make_part(), hidden=frozenset({"sails"}))
    assert part["data"] == [[0.0, None], [2.0, MASK]]


@pytest.mark.parametrize("limit", [60, 400, 1_000])
def test_only_whole_rows_that_fit_are_kept(limit: int) -> None:
    text, codes = encode_features([make_part(200)], hidden=(), hide=lambda _: MASK, limit=limit)
    assert text is not None
    assert len(text) <= limit
    assert codes == ["MAX_FEATURES_SIZE_EXCEEDED"]
    data = json.loads(text)[0]["data"]
    assert data == [[row * 2.0, row * 2 + 1.0 if row else None] for row in range(len(data))]


def test_nothing_is_kept_where_not_even_the_names_fit() -> None:
    assert encode(make_part(), limit=10) == (None, ["MAX_FEATURES_SIZE_EXCEEDED"])


def test_more_rows_than_can_fit_do_not_wait_in_memory() -> None:
    matrix = np.zeros((1_000, 2))
    found = FeatureRows(("age", "sails"), matrix, np.ones((1_000, 1), bool), np.ones((1_000, 1), np.int64), ())
    [part] = describe_features([(None, found)], 40)
    assert (len(part.values), part.total) == (10, 1_000)
    assert part.values.base is None
    assert encode(part, limit=1_000)[1] == ["MAX_FEATURES_SIZE_EXCEEDED"]
