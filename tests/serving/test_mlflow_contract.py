"""The same requests to MLflow's own server and to ours: the same status and body, but for differences listed here."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from boathouse.registry.checks import LOADER
from boathouse.registry.model_files import list_requirements, make_signature
from boathouse.scoring.files import write_folder
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.small_endpoint import FEATURES, SmallEndpoint, as_records, make_files, make_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
ROWS = as_records(make_rows(5))
ROW = {name: 0.5 + place / 8 for place, name in enumerate(FEATURES)}
LESS = {name: value for name, value in ROW.items() if name != "bill"}
MATRIX = [[row[name] for name in FEATURES] for row in ROWS]
COLUMNS = {name: [row[name] for row in ROWS] for name in FEATURES}


def split(data: Any = None, **more: Any) -> dict[str, Any]:
    return {"dataframe_split": {"columns": list(FEATURES), "data": MATRIX if data is None else data, **more}}


def records(*rows: Any, **more: Any) -> dict[str, Any]:
    return {"dataframe_records": list(rows), **more}


def changed(value: Any) -> dict[str, Any]:
    return records(ROW, {**ROW, "bill": value})


def csv(*lines: str) -> bytes:
    return "\n".join([",".join(FEATURES), *lines, ""]).encode()


def parquet(change: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame) -> bytes:
    buffer = io.BytesIO()
    change(pd.DataFrame(ROWS)).to_parquet(buffer)
    return buffer.getvalue()


# Name, body (anything but bytes is written as JSON), content type.
SAME: list[tuple[str, Any, str]] = [
    ("records", records(*ROWS), JSON),
    ("one record", records(ROW), JSON),
    ("no record", records(), JSON),
    ("records with params", records(*ROWS, params={"explain": True}), JSON),
    ("unknown param", records(ROW, params={"colour": "red"}), JSON),
    ("params null", records(ROW, params=None), JSON),
    ("param of another type", records(ROW, params={"explain": "yes"}), JSON),
    ("param a number", records(ROW, params={"explain": 1}), JSON),
    ("params a list", records(ROW, params=[1]), JSON),
    ("more columns", records({**ROW, "shoe": 1, "hat": "x"}), JSON),
    ("more keys", records(ROW, client_request_id="mine"), JSON),
    ("missing column", records(LESS), JSON),
    ("column missing in one row", records(ROW, LESS), JSON),
    ("a whole number", changed(3), JSON),
    ("null", changed(None), JSON),
    ("NaN", changed(float("nan")), JSON),
    ("true", changed(True), JSON),
    ("a number as text", changed("1.5"), JSON),
    ("text", changed("abc"), JSON),
    ("empty text", changed(""), JSON),
    ("a list as value", changed([1]), JSON),
    ("a dictionary as value", changed({"a": 1}), JSON),
    ("a number beyond double", changed(10**400), JSON),
    ("records as dictionary", {"dataframe_records": {"a": 1}}, JSON),
    ("records as lists", {"dataframe_records": MATRIX[:1]}, JSON),
    ("records of two kinds", records(ROW, 3), JSON),
    ("split", split(), JSON),
    ("split with index", split(index=[9, 8, 7, 6, 5]), JSON),
    ("split with a short index", split(index=[1]), JSON),
    ("split without rows", split([]), JSON),
    ("split with long rows", split([[1.0] * (len(FEATURES) + 1)]), JSON),
    ("split with a key too many", split(more=1), JSON),
    ("split without data", {"dataframe_split": {"columns": list(FEATURES)}}, JSON),
    ("split without columns", {"dataframe_split": {"data": MATRIX}}, JSON),
    ("split with a column twice", {"dataframe_split": {"columns": ["bill", *FEATURES], "data": [[1.0] * 5]}}, JSON),
    ("split as list", {"dataframe_split": [1]}, JSON),
    (
        "columns in another order",
        {"dataframe_split": {"columns": list(FEATURES)[::-1], "data": [row[::-1] for row in MATRIX]}},
        JSON,
    ),
    ("instances", {"instances": ROWS}, JSON),
    ("instances as columns", {"instances": COLUMNS}, JSON),
    ("instances of uneven records", {"instances": [ROW, LESS]}, JSON),
    ("instances as matrix", {"instances": MATRIX}, JSON),
    ("inputs as columns", {"inputs": COLUMNS}, JSON),
    ("inputs as records", {"inputs": ROWS}, JSON),
    ("inputs as one row", {"inputs": ROW}, JSON),
    ("inputs as uneven columns", {"inputs": {**COLUMNS, "bill": [1.0]}}, JSON),
    ("inputs as matrix", {"inputs": MATRIX}, JSON),
    ("inputs a number", {"inputs": 3}, JSON),
    ("inputs empty", {"inputs": {}}, JSON),
    ("two forms", {"dataframe_records": ROWS, "inputs": ROWS}, JSON),
    ("no form", {}, JSON),
    ("split without its key", {"columns": list(FEATURES), "data": MATRIX}, JSON),
    ("a list", [1], JSON),
    ("a number", 3, JSON),
    ("text alone", "x", JSON),
    ("null alone", None, JSON),
    ("broken off", b'{"dataframe_records": [', JSON),
    ("nothing", b"", JSON),
    ("not UTF-8", b"\xff\xfe", JSON),
    ("another type", b"x", "text/html"),
    ("type with charset", records(ROW), "application/json; charset=UTF-8"),
    ("another charset", records(ROW), "application/json; charset=latin-1"),
    ("type in capitals", records(ROW), "Application/JSON"),
    ("CSV", csv("0.1,0.2,0.3,0.4", "1,,NA,4"), CSV),
    ("CSV with CRLF", csv("0.1,0.2,0.3,0.4").replace(b"\n", b"\r\n"), CSV),
    ("CSV without rows", csv(), CSV),
    ("CSV with text", csv("a,b,c,d"), CSV),
    ("CSV empty", b"", CSV),
    ("CSV not UTF-8", b"\xff", CSV),
    ("Parquet", parquet(), PARQUET),
    ("Parquet of a filtered frame", parquet(lambda frame: frame[frame.bill > 0]), PARQUET),
    ("Parquet with a named index", parquet(lambda frame: frame.assign(row=range(5)).set_index("row")), PARQUET),
    ("Parquet with a feature as index", parquet(lambda frame: frame.set_index("bill")), PARQUET),
    ("Parquet with several indexes", parquet(lambda frame: frame.assign(a=1, b=2).set_index(["a", "b"])), PARQUET),
    ("Parquet with a list beside", parquet(lambda frame: frame.assign(hats=[[1]] * 5)), PARQUET),
    (
        "Parquet with a time beside",
        parquet(lambda frame: frame.assign(at=pd.Timestamp("2020-01-01", tz="UTC"))),
        PARQUET,
    ),
    ("Parquet of categories", parquet(lambda frame: frame.assign(hat=pd.Categorical(list("abcab")))), PARQUET),
    ("CSV with the index", pd.DataFrame(ROWS).to_csv().encode(), CSV),
    ("CSV with a quote never closed", csv('0.1,0.2,0.3,"0.4'), CSV),
    ("large records", records(*ROWS * 900), JSON),
    ("large split", split(MATRIX * 900), JSON),
    ("large columns", {"inputs": {name: values * 900 for name, values in COLUMNS.items()}}, JSON),
    ("large records with NaN", records(*ROWS * 900, {**ROW, "bill": float("nan")}), JSON),
    ("large and broken off", json.dumps(records(*ROWS * 900)).encode()[:-2], JSON),
    ("not Parquet", b"x", PARQUET),
]
# Where MLflow's answer is a defect. Name, body, content type, its status and ours.
DIFFERENT: list[tuple[str, Any, str | None, int, int]] = [
    ("no content type", records(ROW), None, 500, 400),
    ("lists in lists", b'{"inputs":' + b"[" * 5000 + b"]" * 5000 + b"}", JSON, 500, 400),
    # Not JSON, and no amount of money.
    ("infinity", changed(float("inf")), JSON, 200, 400),
    # Nothing is known of the row: batch and stream quarantine it.
    ("all unknown", records(dict.fromkeys(FEATURES)), JSON, 200, 400),
    # Scored with what is missing taken as unknown, whatever column it was of.
    ("a short row", split([[1.0] * len(FEATURES), [1.0]]), JSON, 200, 400),
    ("a short line", csv("1,2"), CSV, 200, 400),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AsgiClient, AsgiClient]]:
    """Return clients of MLflow's server and of ours, with one model."""
    import mlflow
    from mlflow.pyfunc import scoring_server

    folder = tmp_path_factory.mktemp("model")
    write_folder(make_files(), folder / "data")
    mlflow.pyfunc.save_model(
        path=folder / "saved",
        loader_module=LOADER,
        data_path=(folder / "data").as_posix(),
        signature=make_signature(dict.fromkeys(FEATURES, "number")),
        pip_requirements=list_requirements("xgboost"),
        input_example=pd.DataFrame([ROW]),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")
        theirs = AsgiClient(scoring_server.init(mlflow.pyfunc.load_model((folder / "saved").as_posix())))
        ours = AsgiClient(SmallEndpoint.build(folder).app)
        yield theirs, ours
        theirs.close()
        ours.close()


def send(client: AsgiClient, body: Any, kind: str | None) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/invocations", content=content, headers={} if kind is None else {"content-type": kind})


@pytest.mark.parametrize(("name", "body", "kind"), SAME, ids=[each[0] for each in SAME])
def test_both_servers_answer_alike(both: tuple[AsgiClient, AsgiClient], name: str, body: Any, kind: str) -> None:
    theirs, ours = (send(client, body, kind) for client in both)
    assert ours.status_code == theirs.status_code, theirs.text
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    if theirs.status_code == 400:
        assert ours.json()["error_code"] == theirs.json()["error_code"], theirs.text
    elif theirs.status_code == 415:
        assert ours.text == theirs.text
    else:
        assert ours.content == theirs.content


@pytest.mark.parametrize(("name", "body", "kind", "mlflows", "own"), DIFFERENT, ids=[each[0] for each in DIFFERENT])
def test_differences_are_as_listed(
    both: tuple[AsgiClient, AsgiClient], name: str, body: Any, kind: str | None, mlflows: int, own: int
) -> None:
    theirs, ours = (send(client, body, kind) for client in both)
    assert (theirs.status_code, ours.status_code) == (mlflows, own)
    assert set(ours.json()) == {"error_code", "message"}


def test_both_say_that_they_live_and_which_mlflow_they_follow(both: tuple[AsgiClient, AsgiClient]) -> None:
    theirs, ours = both
    assert ours.get("/ping").content == theirs.get("/ping").content == b"\n"
    assert [client.get("/health").status_code for client in both] == [200, 200]
    assert [client.get("/version").headers["content-type"] for client in both] == [JSON, JSON]


def test_no_error_of_ours_echoes_a_value(both: tuple[AsgiClient, AsgiClient]) -> None:
    secret = "s3cr3t-4711"  # noqa: S105 - a value to look for
    bodies = [
        changed(secret),
        {"inputs": secret},
        {"dataframe_records": secret},
        {"dataframe_split": {"columns": ["bill"], "data": [[secret]], "index": secret}},
        [secret],
        secret,
        {"instances": [[secret]]},
        records(ROW, params={"explain": secret}),
        f'{{"inputs": "{secret}'.encode(),
    ]
    answers = [send(both[1], body, JSON) for body in bodies]
    answers += [send(both[1], csv(f"{secret},1,1,1"), CSV), send(both[1], secret.encode(), PARQUET)]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert [answer.text for answer in answers if secret in answer.text] == []
    assert secret in send(both[0], bodies[0], JSON).text


def test_digits_are_those_of_pythons_writer(both: tuple[AsgiClient, AsgiClient]) -> None:
    many = as_records(np.random.default_rng(3).normal(0.5, 0.5, (500, len(FEATURES))))
    theirs, ours = (send(client, {"dataframe_records": many}, JSON) for client in both)
    assert ours.content == theirs.content
    assert re.fullmatch(
        r'\{"predictions": \[(\{"probability": \S+, "decision": [01], "reasons": "\[\]"\}(, )?)+\]\}', ours.text
    )
