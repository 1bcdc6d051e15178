"""Another problem runs through all of the project with nothing but its own use case, conf and extracts.

Two keys, daily dates, no groups, on-demand features, request fields, behaviour tests or simulation, and a label
whose value 1 is good.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from boathouse.serving.look_up import CHECK_S
from tests.fixtures.toy.project import PRODUCTS, SHOPS, ToyProject

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
KEYS = SHOPS * PRODUCTS


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> ToyProject:
    """Return the project after a run of the whole flow."""
    project = ToyProject.build(tmp_path_factory.mktemp("toy") / "project")
    shown = project.run("run", "--env", "test")
    assert "version 1 promoted" in shown
    assert "2024-03-19" in shown
    return project


def test_every_product_of_every_shop_is_scored_on_the_newest_days(toy: ToyProject) -> None:
    rows = toy.rows("inference.predictions")
    assert {str(row["observed_on"]) for row in rows} == {"2024-03-19", "2024-03-20"}
    assert len({identify(row) for row in rows}) == len(rows) == 2 * KEYS


def test_reasons_are_given_for_the_adverse_decision(toy: ToyProject) -> None:
    """To sell well is good, so that a product that will not gets the reasons, which are about what it lacks."""
    rows = toy.rows("inference.predictions")
    assert {decision: any(row["reasons"] for row in rows if row["decision"] == decision) for decision in (0, 1)} == {
        0: True,
        1: False,
    }


def test_windows_of_monitoring_are_days(toy: ToyProject) -> None:
    rows = toy.rows("monitoring.drift_metrics")
    assert {row["granularity"] for row in rows} == {"1 day"}
    assert {(row["window"]["end"] - row["window"]["start"]).days for row in rows} == {1}


def test_scoring_again_changes_nothing(toy: ToyProject) -> None:
    before = toy.rows("inference.predictions")
    toy.run("run", "--env", "test", "--pipelines", "batch_inference")
    assert sorted(toy.rows("inference.predictions"), key=str) == sorted(before, key=str)


def test_days_are_scored_later_by_date(toy: ToyProject) -> None:
    span = "batch_inference.scoring.from_date=2024-03-01,batch_inference.scoring.to_date=2024-03-02"
    toy.run("run", "--env", "test", "--pipelines", "batch_inference", "--params", span)
    days = [str(row["observed_on"]) for row in toy.rows("inference.predictions")]
    assert (days.count("2024-03-01"), days.count("2024-03-02")) == (KEYS, KEYS)


def test_a_stream_answers_requests_that_say_nothing_but_key_and_day(toy: ToyProject) -> None:
    toy.run("run", "--env", "test", "--pipelines", "stream_inference")
    rows = toy.rows("inference.stream_predictions")
    assert len(rows) == KEYS
    in_batch = {identify(row): row["probability"] for row in toy.rows("inference.predictions")}
    assert all(row["probability"] == in_batch[identify(row)] for row in rows)


def identify(row: dict[str, Any]) -> tuple[int, str, str]:
    return row["shop_id"], row["product_code"], str(row["observed_on"])


def test_a_prediction_and_its_model_are_traced(toy: ToyProject) -> None:
    prediction = toy.rows("inference.predictions")[0]["prediction_id"]
    for subject in (prediction, "champion"):
        shown = toy.run("trace", subject, "--env", "test")
        assert "from clean.sales: shop_id, product_code, day, units" in shown


def test_a_command_scores_a_table_of_the_environment(toy: ToyProject) -> None:
    shown = toy.run("infer", "inference.requests", "--to", "inference.answers", "--env", "test")
    assert f"{KEYS} rows scored" in shown


def test_what_is_not_declared_is_said(toy: ToyProject) -> None:
    arguments = ("simulate", "--entities", "1", "--months", "2", "--to", str(toy.folder / "made"))
    assert "This use case declares no simulation of products" in toy.run(*arguments, code=1)


@pytest.fixture(scope="module")
def endpoint(toy: ToyProject) -> Iterator[str]:
    """Return the URL of the toy's server."""
    toy.run("features", "publish", "--env", "test")
    command = [sys.executable, "-m", "boathouse", "serve", "--env", "test", "--port", "0"]
    environment = toy.environment | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=toy.folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split(" on ")[1].strip()
        server.terminate()
        server.communicate(timeout=60)


def ask(url: str, *records: dict[str, Any]) -> tuple[int, Any]:
    """Return status and body of an answer."""
    answer = httpx.post(f"{url}/invocations", json={"dataframe_records": list(records)}, timeout=30)
    return answer.status_code, answer.json()


def test_the_endpoint_looks_up_by_both_keys(toy: ToyProject, endpoint: str) -> None:
    deadline = time.monotonic() + 60
    while (found := ask(endpoint, {"shop_id": 1, "product_code": "P01"}))[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    status, answer = found
    assert status == 200, answer
    in_batch = {identify(row): row["probability"] for row in toy.rows("inference.predictions")}
    assert answer["predictions"][0]["probability"] == in_batch[1, "P01", "2024-03-20"]


def test_a_key_has_one_identity_and_an_unknown_one_is_refused(endpoint: str) -> None:
    status, answer = ask(endpoint, *({"shop_id": each, "product_code": " P01 "} for each in (1, "01", 1.0, " 1 ")))
    assert status == 200, answer
    assert len({row["probability"] for row in answer["predictions"]}) == 1
    for record, expected in (
        ({"shop_id": 99, "product_code": "P01"}, (404, "row(s) 0 (no_feature_row)")),
        ({"shop_id": "1.0", "product_code": "P01"}, (400, "(shop_id_type)")),
        ({"shop_id": 0, "product_code": "P01"}, (400, "(shop_id_in_range)")),
        ({"shop_id": 1, "product_code": "p01"}, (400, "(product_code_pattern)")),
    ):
        status, answer = ask(endpoint, record)
        assert (status, expected[1] in answer["message"]) == (expected[0], True), answer


def test_a_store_that_is_away_is_counted_and_found_again(toy: ToyProject, endpoint: str) -> None:
    def read_failures() -> int:
        text = httpx.get(f"{endpoint}/metrics").text
        return int(re.findall(r"^boathouse_look_up_failures_total (\d+)", text, re.MULTILINE)[0])

    [path] = toy.folder.rglob("online*.db")
    known, before = {"shop_id": 1, "product_code": "P01"}, read_failures()
    path.rename(path.with_suffix(".away"))
    given = dict.fromkeys(("price", "units_sold", "units_sold_7d"), 1.0)
    assert [ask(endpoint, known)[0], ask(endpoint, given)[0]] == [503, 200]
    time.sleep(CHECK_S)
    assert (read_failures(), httpx.get(f"{endpoint}/ready").status_code) == (before + 1, 503)
    path.with_suffix(".away").rename(path)
    assert ask(endpoint, known)[0] == 200
    time.sleep(CHECK_S)
    assert httpx.get(f"{endpoint}/ready").status_code == 200
