"""A view says what it is, refuses what could not be found, and has a digest of declaration and logic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.core.errors import FeatureError
from boathouse.core.features import Feature, FeatureView
from boathouse.core.features.feature_view import contract_of
from boathouse.core.features.registry import REGISTRY, describe_views
from boathouse.use_case.features import FEATURE_VIEWS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FACTOR = 2


def double(value: float) -> float:
    return value * FACTOR


def compute(rows: float) -> float:
    return double(rows)


def compute_otherwise(rows: float) -> float:
    return double(rows) + 1


VIEW = FeatureView(
    name="boats",
    keys=(("boat_id", "bigint"),),
    time_column="seen_on",
    owner="club",
    description="Boats.",
    sources=("clean.boats",),
    features=(Feature(name="age", description="Age.", unit="years", reason="Age"),),
    compute=compute,
)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"keys": ()}, "boats"),
        ({"time_column": "boat_id"}, "boat_id"),
        ({"features": VIEW.features * 2}, "age"),
        ({"features": (replace(VIEW.features[0], name="seen_on"),)}, "seen_on"),
        ({"compute": len}, "builtin_function"),
    ],
)
def test_a_view_that_could_not_be_used_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(FeatureError, match=named):
        replace(VIEW, **changes)


def test_the_contract_has_keys_time_and_nullable_features() -> None:
    contract = contract_of(VIEW)
    assert (contract.name, contract.keys) == ("features.boats", ("boat_id", "seen_on"))
    assert [(column.name, column.dtype, column.nullable) for column in contract.columns] == [
        ("boat_id", "bigint", False),
        ("seen_on", "date", False),
        ("age", "double", True),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"compute": compute_otherwise},
        {"sources": ("clean.ships",)},
        {"max_age_days": 30},
        {"keys": (("boat_id", "string"),)},
        {"features": (replace(VIEW.features[0], unit="months"),)},
    ],
)
def test_the_digest_changes_with_declaration_and_logic(changes: dict[str, Any]) -> None:
    assert replace(VIEW, **changes).digest != VIEW.digest


def test_the_digest_changes_with_what_the_function_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    before = VIEW.digest
    monkeypatch.setitem(compute.__globals__, "FACTOR", 3)
    assert VIEW.digest != before


def test_the_digest_does_not_change_by_itself() -> None:
    assert replace(VIEW).digest == VIEW.digest
    assert len(VIEW.digest) == 16


def test_the_registry_has_a_row_for_each_feature(spark: SparkSession) -> None:
    rows = describe_views(FEATURE_VIEWS, spark).collect()
    assert {(row["view"], row["feature"]) for row in rows} == {
        (view.name, name) for view in FEATURE_VIEWS for name in view.feature_names
    }
    assert {row["digest"] for row in rows} == {view.digest for view in FEATURE_VIEWS}
    assert set(rows[0].asDict()) == {column.name for column in REGISTRY.columns}
    assert all(row["description"] and row["unit"] and row["owner"] for row in rows)
