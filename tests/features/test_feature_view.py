"""A view says what it is, refuses what could not be found, and has a digest of declaration and logic."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import FeatureError
from boathouse.features.feature_view import FeatureView, Source, check_views, contract_of, current_views
from boathouse.features.registry import REGISTRY, describe_views
from boathouse.features.usage import ModelUse, check_removed, find_outdated, select_views, users_of
from boathouse.scoring.definition import DIGEST_FORM
from boathouse.scoring.feature_spec import Feature, FeatureSpec
from boathouse.tables.contract import Column
from tests.fixtures.boats import CARGO, VIEWS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FACTOR = 2


def double(value: float) -> float:
    return value * FACTOR


def compute(rows: float) -> float:
    return double(rows)


UNRECORDED = object()


def compute_with_object(rows: float) -> object:
    return rows, UNRECORDED


def compute_by(rows: float, *, factor: int) -> float:
    return rows * factor


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


def test_a_feature_reads_columns_of_its_view_s_sources_alone() -> None:
    sources = (Source(table="clean.boats", columns=("boat_id", "built", "seen_on"), time_column="seen_on"),)
    view = replace(VIEW, sources=sources, reads={"age": ("clean.boats.built",), "of_another_view": ("clean.x.y",)})
    assert view.columns_of("age") == {"clean.boats": ("boat_id", "built", "seen_on")}
    assert replace(view, reads={"age": ()}).columns_of("age") == {"clean.boats": ("boat_id", "seen_on")}
    assert replace(view, reads={}).columns_of("age") == {"clean.boats": ("boat_id", "built", "seen_on")}
    assert view.digest == replace(view, reads={}).digest
    with pytest.raises(FeatureError, match=r"'age' is said to read clean.boats.colour.*clean.boats.boat_id"):
        replace(view, reads={"age": ("clean.boats.colour",)})


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
    assert replace(VIEW).digest != before


def test_the_digest_does_not_change_by_itself() -> None:
    assert replace(VIEW).digest == VIEW.digest
    assert len(VIEW.digest.removeprefix(DIGEST_FORM)) == 16


def test_the_registry_has_a_row_for_each_feature(spark: SparkSession) -> None:
    rows = describe_views(VIEWS, spark, registered_at=datetime(2026, 1, 2, tzinfo=UTC)).collect()
    assert {(row["view"], row["feature"]) for row in rows} == {
        (view.name, name) for view in VIEWS for name in view.feature_names
    }
    assert {row["digest"] for row in rows} == {view.digest for view in VIEWS}
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


def test_a_partial_and_what_it_binds_are_part_of_the_definition() -> None:
    one, other = (replace(VIEW, compute=partial(compute_by, factor=factor)) for factor in (1, 2))
    assert one.digest != other.digest


def test_what_cannot_be_recorded_is_refused_when_the_view_is_declared() -> None:
    with pytest.raises(FeatureError, match=r"Feature view 'boats' uses compute_with_object > UNRECORDED, a .*object"):
        replace(VIEW, compute=compute_with_object)


def test_texts_about_a_feature_are_no_change_of_its_definition() -> None:
    told = replace(VIEW.features[0], description="Years since it was built.", reason="The boat's age")
    assert replace(VIEW, features=(told,)).digest == VIEW.digest


def test_the_kind_of_a_feature_decides_its_columns() -> None:
    feature = VIEW.features[0]
    assert feature.column() == Column(name="age", dtype="double", description="Age.", unit="years", nullable=True)
    assert VIEW.spec.feature_kinds == ("number",)


def extended_view() -> FeatureView:
    """Return the view with one more feature, computed otherwise."""
    return replace(VIEW, features=(replace(VIEW.features[0], name="length"), *VIEW.features), compute=compute_otherwise)


def test_a_model_takes_a_view_that_was_only_extended_where_that_is_allowed(caplog: pytest.LogCaptureFixture) -> None:
    spec, extended = FeatureSpec(views=(VIEW.spec,)), extended_view()
    with pytest.raises(FeatureError, match=rf"sinking 7 was trained on boats version 1 \({VIEW.digest}\)"):
        select_views(spec, [extended], model="sinking 7")
    assert select_views(spec, [extended], model="sinking 7", extended=True) == (extended,)
    assert "features were added since" in caplog.text
    assert select_views(spec, [extended, VIEW], model="sinking 7", extended=True) == (VIEW,)


@pytest.mark.parametrize(
    "changes", [{"version": 2}, {"max_age_days": 3}, {"time_column": "built_on"}, {"features": ()}, {"name": "ships"}]
)
def test_what_is_more_than_an_extension_is_refused_in_dev_too(changes: dict[str, Any]) -> None:
    with pytest.raises(FeatureError, match="sinking 7 was trained on boats"):
        select_views(
            FeatureSpec(views=(VIEW.spec,)), [replace(extended_view(), **changes)], model="sinking 7", extended=True
        )


def test_a_digest_of_the_older_form_is_named_with_what_to_do() -> None:
    older = replace(VIEW.spec, digest="0123456789abcdef")
    with pytest.raises(
        FeatureError, match=r"0123456789abcdef.*older form.*Train again: kedro run --pipelines training"
    ):
        select_views(FeatureSpec(views=(older,)), [VIEW], model="sinking 7")
    uses = [ModelUse(model="m", version="7", aliases=("champion",), views="boats@1=0123456789abcdef"), use(VIEW)]
    check_removed([VIEW], uses)
    assert "m version 7 (champion): the digests" in find_outdated(uses)
    assert find_outdated([use(VIEW)]) == ""


def test_a_spec_written_before_kinds_is_read_as_numbers() -> None:
    raw = json.loads(FeatureSpec(views=(VIEW.spec,)).to_json())
    del raw["views"][0]["kinds"]
    spec = FeatureSpec.from_json(json.dumps(raw).encode())
    assert spec.views[0].feature_kinds == ("number",)
    assert spec.kinds_of(["age", "weather"]) == {"age": "number", "weather": "number"}


def test_a_model_takes_the_definitions_it_was_trained_on() -> None:
    spec = FeatureSpec.describe(["load", "delay", "capacity", "repairs"], VIEWS, [])
    assert select_views(spec, VIEWS, model="m 1") == select_views(None, VIEWS, model="m 1") == VIEWS
    changed = replace(CARGO, max_age_days=31)
    others = [view for view in VIEWS if view is not CARGO]
    with pytest.raises(FeatureError, match=rf"m 1 was trained on cargo version 1 \({CARGO.digest}\)"):
        select_views(spec, [*others, changed], model="m 1")
    # The old definition beside the new one: the model gets the old.
    both = [*VIEWS, replace(changed, version=2)]
    assert select_views(spec, both, model="m 1")[2] is CARGO
    assert select_views(None, both, model="m 1")[-1].version == 2
