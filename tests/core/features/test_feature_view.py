"""A view says what it is, refuses what could not be found, and has a digest of declaration and logic."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.core.errors import FeatureError
from boathouse.core.features import Feature, FeatureView, Source
from boathouse.core.features.feature_view import check_views, contract_of, current_views
from boathouse.core.features.registry import REGISTRY, describe_views
from boathouse.core.features.usage import ModelUse, check_removed, users_of
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
    sources=(Source(table="clean.boats", columns=("boat_id",)),),
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
        {"sources": (Source(table="clean.ships", columns=("boat_id",)),)},
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
    rows = describe_views(FEATURE_VIEWS, spark, registered_at=datetime(2026, 1, 2, tzinfo=UTC)).collect()
    assert {(row["view"], row["feature"]) for row in rows} == {
        (view.name, name) for view in FEATURE_VIEWS for name in view.feature_names
    }
    assert {row["digest"] for row in rows} == {view.digest for view in FEATURE_VIEWS}
    assert set(rows[0].asDict()) == {column.name for column in REGISTRY.columns}
    assert all(row["description"] and row["unit"] and row["owner"] for row in rows)


def two_views() -> tuple[FeatureView, FeatureView]:
    """Return the view and a second version of it with another meaning."""
    return VIEW, replace(VIEW, version=2, compute=compute_otherwise)


def test_a_second_version_has_a_table_of_its_own_and_is_what_new_models_take() -> None:
    first, second = two_views()
    assert [each.table for each in (first, second)] == ["features.boats", "features.boats_v2"]
    check_views([first, second])
    assert current_views([first, second]) == (second,)


def derived(name: str, source: str) -> FeatureView:
    """Return a view made from another table, its feature named after it."""
    feature = replace(VIEW.features[0], name=f"age_{name}")
    return replace(VIEW, name=name, features=(feature,), sources=(Source(table=source, columns=("boat_id",)),))


@pytest.mark.parametrize(
    ("views", "named"),
    [
        ([VIEW, VIEW], "more than once: boats"),
        ([VIEW, replace(VIEW, name="ships")], "age in boats, ships"),
        ([derived("one", "features.two"), derived("two", "features.one")], "circle: features.one, features.two"),
        ([derived("one", "features.one")], "circle: features.one"),
        ([derived("one", "features.none")], "features.none, which no view declares"),
    ],
)
def test_views_that_cannot_stand_together_are_refused(views: list[FeatureView], named: str) -> None:
    with pytest.raises(FeatureError, match=named):
        check_views(views)


def test_views_may_be_made_from_views() -> None:
    chain = [derived("two", "features.boats"), VIEW, derived("three", "features.two")]
    check_views(chain)
    with pytest.raises(FeatureError, match="features.boats, which no view declares"):
        check_views([view for view in chain if view is not VIEW])


def test_a_source_without_the_keys_is_refused() -> None:
    with pytest.raises(FeatureError, match="'boats' reads clean.ships without boat_id"):
        replace(VIEW, sources=(Source(table="clean.ships", columns=("ship_id",)),))


def use(*views: FeatureView) -> ModelUse:
    """Return a champion that looks these views up."""
    text = ",".join(f"{view.name}@{view.version}={view.digest}" for view in views)
    return ModelUse(model="prod.models.sinking", version="7", aliases=("champion",), views=text)


def test_a_definition_in_use_must_stay_declared() -> None:
    first, second = two_views()
    check_removed([first, second], [use(first)])
    check_removed([second], [use(second), use()])
    with pytest.raises(FeatureError, match=rf"boats.*{first.digest}.*prod.models.sinking version 7 \(champion\)"):
        check_removed([second], [use(second), use(first)])
    assert users_of(first, [use(first), use(second)]) == [use(first)]


def test_logic_is_compared_whatever_it_is_called() -> None:
    renamed = replace(VIEW, name="ships", description="Ships.", features=(replace(VIEW.features[0], name="years"),))
    assert renamed.logic_digest == VIEW.logic_digest
    assert two_views()[1].logic_digest != VIEW.logic_digest
