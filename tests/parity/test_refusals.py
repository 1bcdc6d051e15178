"""A key or value gets one verdict, under one name, in batch, in a stream and at the endpoint."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from boathouse.endpoints.config import EndpointConfig
from boathouse.environment import Environment
from boathouse.features.online.store import OnlineStore
from boathouse.features.online.tables import check_view
from boathouse.inference.inputs import open_input
from boathouse.inference.models import RoleModel
from boathouse.inference.rows import plan_requests
from boathouse.inference.scoring_run import ScoringRun
from boathouse.modelling.result import LoadedModel
from boathouse.scoring.feature_spec import FeatureSpec
from boathouse.scoring.on_demand import OnDemandFeature, RequestField
from boathouse.serving.access import Access, AccessLog
from boathouse.serving.app import App
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.scoring import ScoringThreads
from boathouse.serving.served_model import load_model
from boathouse.serving.service import Service
from boathouse.serving.tokens import TokenFile
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.request_stream import DAY, make_event
from tests.fixtures.small_endpoint import make_document
from tests.fixtures.small_models import make_rate_table
from tests.fixtures.toy.use_case import USE_CASE as TOY
from tests.inference.test_rows import FeatureLakehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pyspark.sql import SparkSession

    from boathouse.inference.stream import StreamPlan

NAME = "test.models.sells_well"
FIELD = RequestField(
    name="requested_units", description="Units asked for.", unit="units", default=0.0, minimum=0, maximum=100
)


def add_request(units_sold: np.ndarray, requested: np.ndarray) -> np.ndarray:
    total: np.ndarray = units_sold + requested
    return total


WANTED = OnDemandFeature(
    name="wanted",
    description="Units sold and asked for.",
    unit="units",
    reason="What is asked for",
    stored=("units_sold",),
    request=(FIELD,),
    compute=add_request,
)
USE_CASE = replace(TOY, on_demand=(WANTED,), request_fields=(FIELD.given_column(),))
SPEC = FeatureSpec.describe(USE_CASE.feature_names, USE_CASE.current_views, USE_CASE.on_demand)


def make_model() -> LoadedModel:
    """Return a rule on the units asked for and sold: 5 %, 40 % and 70 % for 0, 1 and 2 units."""
    names = USE_CASE.feature_names
    reasons = {name: name for name in names}
    files = make_rate_table(names, (0.05, 0.4, 0.7), by="wanted", label="sells_well", reasons=reasons, looked_up=SPEC)
    return LoadedModel(name=NAME, version="3", files=files)


class Lakehouse(FeatureLakehouse):
    """Feature tables, requests, and the model on them."""

    def plan(self) -> StreamPlan:
        return plan_requests(RoleModel(make_model(), "champion"), self.use_case, self.stream_options())


class Ways:
    """The three ways over the same features: shops 1 to 3 of product P01."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lakehouse = Lakehouse(folder, "sail", use_case=USE_CASE)
        self.lakehouse.fill()
        store = OnlineStore(f"sqlite:///{folder}/online.db")
        time = int(datetime(2024, 3, 19, tzinfo=UTC).timestamp() * 1_000_000)
        values = {"prices": (1.0,), "recent_sales": (0.0, 0.0)}
        for view in SPEC.views:
            rows = [(shop, "P01", time, *values[view.name]) for shop in (1, 2, 3)]
            store.publish_full(check_view(view), rows, source_version=1)
        config = EndpointConfig.from_document("late", make_document())
        endpoint = Endpoint(config, ScoringThreads(), FeatureLookUp(store, config.look_up), keys=USE_CASE.entity.keys)
        model = make_model()
        endpoint.serve(
            load_model(
                "champion",
                NAME,
                "3",
                model.files,
                on_demand=USE_CASE.on_demand,
                given=USE_CASE.given_columns,
                ranges={},
            )
        )
        access = Access(TokenFile(folder / "tokens.json"), required=False)
        service = Service({"late": endpoint}, access, mlflow_version="3", access_log=AccessLog(io.BytesIO()))
        self.client = AsgiClient(App(service))

    def ask_endpoint(self, record: Mapping[str, Any]) -> set[str]:
        """Return the rules that an answer names; none if it scores."""
        body = json.dumps({"dataframe_records": [record]})
        answer = self.client.post("/invocations", content=body, headers={"content-type": "application/json"})
        if answer.status_code == 200:
            assert answer.json()["predictions"][0]["probability"] is not None
            return set()
        assert answer.status_code in {400, 404}
        return set(re.findall(r"\((\w+)\)", answer.json()["message"]))

    def run_batch(self, path: Path) -> list[set[str]]:
        """Return the rules that each row breaks; each has a day of its own."""
        environment = Environment("test", self.lakehouse.lakehouse)
        model = RoleModel(make_model(), "champion")
        run = ScoringRun(use_case=USE_CASE, model=model, environment=environment, reason_count=0)
        done = run.score(open_input(str(path), environment))
        days = {row["observed_on"]: set[str]() for row in done.predictions.to_pylist()}
        days |= {row["observed_on"]: set(row["broken_rules"]) for row in done.quarantined.to_pylist()}
        return [days[day] for day in sorted(days)]

    def run_stream(self, records: list[dict[str, Any]]) -> list[set[str]]:
        """Return the rules that each request breaks."""
        self.lakehouse.send(*[make_event(place + 100, **record) for place, record in enumerate(records)])
        self.lakehouse.run()
        broken = {row["request_id"]: set[str]() for row in self.lakehouse.rows("inference.stream_predictions")}
        broken |= {row["request_id"]: set(row["broken_rules"]) for row in self.lakehouse.rows("inference.dead_letters")}
        return [broken[f"e{place + 100}"] for place in range(len(records))]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Iterator[Ways]:
    """Return the three ways."""
    opened = Ways(tmp_path_factory.mktemp("ways"))
    yield opened
    opened.client.close()


KNOWN: dict[str, Any] = {"shop_id": 1, "product_code": "P01"}
SCORED = ""
# Values of a column as text, and the rule each breaks.
TEXTS: dict[str, dict[str, str]] = {
    "shop_id": {
        **dict.fromkeys(("1", "01", "+1", " 1 ", "0000000000000000000000002"), SCORED),
        **dict.fromkeys(("1.0", "1e0", "1_0", "0x1", "true", "\uff11", "\u0661", "x", "1 0", "--1"), "shop_id_type"),
        **dict.fromkeys(("9223372036854775808", "-9223372036854775809"), "shop_id_type"),
        **dict.fromkeys(("0", "-1", "-0", "-9223372036854775808"), "shop_id_in_range"),
        "4": "no_feature_row",
        "9223372036854775807": "no_feature_row",
        "": "shop_id_not_null",
    },
    "product_code": {
        **dict.fromkeys(("P01", " P01 "), SCORED),
        **dict.fromkeys(("p01", "P1", "P\uff10\uff11", "P01x", "17"), "product_code_pattern"),
        "P99": "no_feature_row",
        "P01\x01": "product_code_type",
        "": "product_code_not_null",
    },
    "requested_units": {
        **dict.fromkeys(("1", "1.5", "+1", "1e1", ".5", "0", "100"), SCORED),
        **dict.fromkeys(("1_0", "much", "0x1", "\uff11", "true"), "requested_units_type"),
        "-1": "requested_units_in_range",
        "100.5": "requested_units_in_range",
        "1e39": "requested_units_not_finite",
    },
}
# The same of typed values: of JSON, of Parquet files and of events.
NAN = float("nan")
FLOATS = {
    "shop_id": {
        **dict.fromkeys((1.5, 2.0**53, 1e300), "shop_id_type"),
        1.0: SCORED,
        -1.0: "shop_id_in_range",
        4.0: "no_feature_row",
    },
    "requested_units": {
        **dict.fromkeys((1.0, 100.0, NAN), SCORED),
        **dict.fromkeys((-1.0, 100.5), "requested_units_in_range"),
        **dict.fromkeys((1e39, float("inf"), float("-inf")), "requested_units_not_finite"),
    },
}
TYPED: list[tuple[dict[str, Any], str]] = [
    ({}, SCORED),
    ({"shop_id": 0}, "shop_id_in_range"),
    ({"shop_id": 4}, "no_feature_row"),
    ({"shop_id": None}, "shop_id_not_null"),
    *(({"product_code": text}, rule) for text, rule in TEXTS["product_code"].items()),
    ({"product_code": None}, "product_code_not_null"),
    *(({"requested_units": value}, rule) for value, rule in FLOATS["requested_units"].items()),
]


def require(seen: set[str], rule: str, record: object) -> None:
    """Check that a row is scored, or refused under this name among others."""
    assert (rule in seen) if rule else not seen, record


def day_of(place: int) -> date:
    """Return a day of its own for each row, by which batch names it."""
    return DAY + timedelta(days=place)


@pytest.mark.parametrize("column", TEXTS)
def test_text_is_judged_alike_in_a_file_and_in_a_request(ways: Ways, column: str, tmp_path: Path) -> None:
    cases = TEXTS[column]
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ["shop_id", "product_code", "observed_on", "requested_units"])
        rows.writeheader()
        rows.writerows({**KNOWN, "observed_on": day_of(place), column: text} for place, text in enumerate(cases))
    for text, seen in zip(cases, ways.run_batch(path), strict=True):
        require(seen, cases[text], (column, text, "batch"))
        require(ways.ask_endpoint({**KNOWN, column: text}), cases[text], (column, text, "endpoint"))


def test_typed_values_are_judged_alike_in_a_file_a_stream_and_a_request(ways: Ways, tmp_path: Path) -> None:
    records = [{**KNOWN, "requested_units": None, **changes} for changes, _ in TYPED]
    table = pa.Table.from_pylist([{**record, "observed_on": day_of(place)} for place, record in enumerate(records)])
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    batch, stream = ways.run_batch(tmp_path / "rows.parquet"), ways.run_stream(records)
    for (changes, rule), in_batch, in_stream in zip(TYPED, batch, stream, strict=True):
        require(in_batch, rule, (changes, "batch"))
        require(in_stream, rule, (changes, "stream"))
        require(ways.ask_endpoint({**KNOWN, **changes}), rule, (changes, "endpoint"))


def test_a_key_that_is_a_float_is_judged_alike_in_a_file_and_a_request(ways: Ways, tmp_path: Path) -> None:
    cases = FLOATS["shop_id"]
    rows = [
        {**KNOWN, "shop_id": value, "observed_on": day_of(place), "requested_units": 1.0}
        for place, value in enumerate(cases)
    ]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    for value, seen in zip(cases, ways.run_batch(tmp_path / "rows.parquet"), strict=True):
        require(seen, cases[value], (value, "batch"))
        require(ways.ask_endpoint({**KNOWN, "shop_id": value}), cases[value], (value, "endpoint"))


def test_two_spellings_of_a_key_on_a_day_are_the_same_row_of_a_file(ways: Ways, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"shop_id,product_code,observed_on\n1,P01,{DAY}\n01, P01,{DAY}\n", encoding="utf-8")
    assert ways.run_batch(path) == [{"keys_unique"}]
    both = {"dataframe_records": [KNOWN, {**KNOWN, "shop_id": "01"}]}
    first, second = ways.client.post("/invocations", json=both).json()["predictions"]
    assert first == second
