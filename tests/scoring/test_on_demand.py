"""On-demand features: one function, whoever asks; what a request leaves out or gets wrong is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.errors import FeatureError, RequestError, UntrustedModelError
from boathouse.scoring.batch import add_on_demand
from boathouse.scoring.feature_spec import FeatureSpec
from boathouse.scoring.on_demand import OnDemandFeature, RequestField, assemble, select_on_demand
from tests.fixtures.boats import ON_DEMAND, VIEWS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def compute_load(crew: np.ndarray, cargo: np.ndarray, wind: np.ndarray) -> np.ndarray:
    return crew + cargo * wind


CARGO = RequestField(name="cargo", description="Cargo.", unit="t", default=2.0)
WIND = RequestField(name="wind", description="Wind.", unit="kn")
LOAD = OnDemandFeature(
    name="load",
    description="Load.",
    unit="t",
    reason="Load",
    stored=("crew",),
    request=(CARGO, WIND),
    compute=compute_load,
)
STORED = {"crew": np.array([1.0, np.nan, 3.0]), "age": np.array([9.0, 8.0, 7.0])}


def test_columns_come_in_the_order_asked_for_with_defaults_and_unknown_values() -> None:
    request = {"wind": np.array([1, 1, 5]), "cargo": np.array([np.nan, 1.0, 10.0])}
    found = assemble(["load", "age"], STORED, request, [LOAD])
    np.testing.assert_array_equal(found, [[3.0, 9.0], [np.nan, 8.0], [53.0, 7.0]])
    without_cargo = assemble(["load"], STORED, {"wind": np.ones(3)}, [LOAD])
    np.testing.assert_array_equal(without_cargo[:, 0], [3.0, np.nan, 5.0])


@pytest.mark.parametrize(
    ("features", "request_", "named"),
    [
        (["load"], {"wind": np.ones(3), "weight": np.ones(3)}, r"Unknown field\(s\) weight. Known: cargo, wind"),
        (["age"], {"wind": np.ones(3)}, r"Unknown field\(s\) wind. Known: none"),
        (["load"], {}, "'wind' is missing"),
        (["load"], {"wind": np.array([1.0, np.nan, 2.0])}, "'wind' is missing"),
        (["load"], {"wind": np.array(["1", "2", "3"])}, "'wind' is of type"),
        (["load"], {"wind": np.ones(2)}, r"2 value\(s\) for 3 row\(s\)"),
        (["age", "height"], {}, "computes height"),
    ],
)
def test_a_request_that_cannot_be_used_is_named(features: list[str], request_: dict[str, Any], named: str) -> None:
    with pytest.raises(RequestError, match=named):
        assemble(features, STORED, request_, [LOAD])
    with pytest.raises(RequestError, match="computes crew"):
        assemble(["load"], {"age": STORED["age"]}, {"wind": np.ones(3)}, [LOAD])


def test_a_frame_gets_what_a_request_without_fields_would(spark: SparkSession) -> None:
    calm = replace(LOAD, request=(CARGO, replace(WIND, default=0.5)))
    frame = spark.createDataFrame([(1, 4.0), (2, None)], "boat_id bigint, crew double")
    found = add_on_demand(frame, [calm])
    assert found.dtypes == [*frame.dtypes, ("load", "double")]
    assert sorted(map(tuple, found.collect())) == [(1, 4.0, 5.0), (2, None, None)]
    assert add_on_demand(frame, []) is frame
    with pytest.raises(FeatureError, match="crew"):
        add_on_demand(frame.drop("crew"), [calm])


def test_a_spec_holds_what_the_features_need_and_survives_json() -> None:
    spec = FeatureSpec.describe(["load_after"], VIEWS, ON_DEMAND)
    # The weight is stored with the cargo, the capacity with the identity.
    assert [view.name for view in spec.views] == ["identity", "cargo"]
    assert [each.name for each in spec.on_demand] == ["load_after"]
    assert FeatureSpec.from_json(spec.to_json()) == spec
    alone = FeatureSpec.describe(["delay"], VIEWS, ON_DEMAND)
    assert ([view.name for view in alone.views], alone.on_demand) == (["delays"], ())
    assert alone.digest != spec.digest
    with pytest.raises(UntrustedModelError, match=r"feature_spec\.json"):
        FeatureSpec.from_json(b'{"views": [{"name": "x"}]}')


def test_declarations_are_found_by_their_digest_or_refused() -> None:
    spec = FeatureSpec.describe(["load_after"], VIEWS, ON_DEMAND)
    assert select_on_demand(spec, ON_DEMAND) == ON_DEMAND
    with pytest.raises(RequestError, match="load_after"):
        select_on_demand(spec, [])
    with pytest.raises(RequestError, match="has the definition"):
        select_on_demand(spec, [replace(ON_DEMAND[0], stored=("weight", "delay"))])
