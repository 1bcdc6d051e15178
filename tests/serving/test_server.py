"""``boathouse serve`` as processes, asked by the clients people use, while versions and workers change."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import mlflow
import pytest

from boathouse.cli.serve import WORKER
from boathouse.registry.dataset import ModelVersionDataset
from tests.fixtures.decided import decide, open_cycle
from tests.fixtures.model_store import empty_store, make_model
from tests.fixtures.running_server import ENDPOINT, MODEL, ROW, Server
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["empty_store"]

LATE = {"dataframe_records": [ROW]}
_CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=a -addext subjectAltName=IP:127.0.0.1"
JSON = {"content-type": "application/json"}


def register(folder: Path, risk: float) -> str:
    """Register a version and make it champion."""
    dataset = ModelVersionDataset(name=MODEL)
    dataset.save(make_model(risk))
    version = str(dataset.last_saved_version)
    decide(folder / "lakehouse", MODEL, version)
    return version


@pytest.fixture(scope="module")
def data(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a data folder with a registry that has a champion."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("late", artifact_location=f"file://{folder}/runs")
    mlflow.set_experiment(experiment_id=experiment)
    register(folder, 0.7)
    yield folder
    mlflow.end_run()
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    """Return a server of two workers."""
    running = Server(data, "--workers", "2")
    running.wait(running.is_ready)
    yield running
    running.stop()


@contextmanager
def steady_requests(url: str) -> Iterator[list[tuple[int, str, float]]]:
    """Ask without pause; give status, version and probability of each answer."""
    answers: list[tuple[int, str, float]] = []
    ended = threading.Event()

    def go_on() -> None:
        with httpx.Client(base_url=url, headers=JSON) as client:
            while not ended.is_set():
                answer = client.post("/invocations", content=json.dumps(LATE))
                version = answer.headers.get("served-model-version", "")
                answers.append((answer.status_code, version, answer.json()["predictions"][0]["probability"]))

    thread = threading.Thread(target=go_on)
    thread.start()
    yield answers
    ended.set()
    thread.join()


@pytest.mark.programs("curl")
def test_curl_is_answered_as_the_manual_says(server: Server) -> None:
    command = ["curl", "-sS", "-H", "Content-Type: application/json", "-d", json.dumps(LATE)]
    done = subprocess.run([*command, f"{server.url}/invocations"], capture_output=True, text=True, check=True)
    assert done.stdout == '{"predictions": [{"probability": 0.7, "decision": 1, "reasons": "[]"}]}'


def test_mlflows_client_is_answered(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, port = server.url.removeprefix("http://").split(":")
    client = ScoringServerClient(host, int(port))
    client.wait_server_ready(timeout=10, scoring_server_proc=server.process)
    frame = pd.DataFrame([[0.0, 1.0], [float("nan"), 2.0], [1.0, None]], columns=list(ROW))
    predictions = client.invoke(frame, params={"explain": True}).get_predictions()
    assert [round(value, 4) for value in predictions["probability"]] == [0.05, 0.0474, 0.7]


def test_mlflows_deployments_client_is_answered(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.deployments import get_deploy_client

    monkeypatch.setenv("DATABRICKS_HOST", server.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "none")
    client = get_deploy_client("databricks")
    answer = client.predict(endpoint=ENDPOINT, inputs=LATE)
    assert answer["predictions"][0]["decision"] == 1


def test_the_platforms_sdk_is_answered(server: Server) -> None:
    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient(host=server.url, token="none", auth_type="pat")  # noqa: S106 - no secret
    answer = client.serving_endpoints.query(ENDPOINT, dataframe_records=LATE["dataframe_records"])
    assert answer.predictions == [{"probability": 0.7, "decision": 1, "reasons": "[]"}]


def test_a_new_champion_is_served_within_seconds_and_no_request_is_lost(server: Server, data: Path) -> None:
    before = server.champion()["version"]
    with steady_requests(server.url) as answers:
        version = register(data, 0.9)
        server.wait(lambda: answers and answers[-1][1] == version)
        time.sleep(0.5)
    assert {status for status, _, _ in answers} == {200}
    assert {(each, round(probability, 6)) for _, each, probability in answers} == {(before, 0.7), (version, 0.9)}


@pytest.mark.programs("pgrep")
def test_a_version_that_cannot_be_loaded_keeps_the_old_one_serving(server: Server, data: Path) -> None:
    before = server.champion()["version"]
    dataset = ModelVersionDataset(name=MODEL)
    dataset.save(make_model(0.3))
    broken = str(dataset.last_saved_version)
    mlflow.MlflowClient().set_model_version_tag(MODEL, broken, "model_digest", "0" * 64)
    decide(data / "lakehouse", MODEL, broken)
    server.wait(lambda: server.champion()["problem"])
    champion = server.champion()
    assert f"version {broken}: Model '{MODEL}' was registered with digest 0000" in champion["problem"]
    # Also by a worker that starts now.
    kill_a_worker(server)
    answers = [httpx.post(f"{server.url}/invocations", json=LATE) for _ in range(20)]
    assert {(each.status_code, each.headers["served-model-version"]) for each in answers} == {(200, before)}
    decide(data / "lakehouse", MODEL, before)
    server.wait(lambda: server.champion()["problem"] is None and server.champion()["version"] == before)


def test_an_alias_moved_by_hand_goes_on_with_the_version_that_was_decided(server: Server, data: Path) -> None:
    before = server.champion()["version"]
    dataset = ModelVersionDataset(name=MODEL)
    dataset.save(make_model(0.2))
    client, other = mlflow.MlflowClient(), str(dataset.last_saved_version)
    client.set_registered_model_alias(MODEL, "champion", other)
    server.wait(lambda: server.champion()["problem"])
    assert f"Alias 'champion' of {MODEL} is version {other} in the registry" in server.champion()["problem"]
    answer = httpx.post(f"{server.url}/invocations", json=LATE)
    assert (answer.status_code, answer.headers["served-model-version"]) == (200, before)
    (alarm,) = server.wait(lambda: server.events("registry_differs"))
    assert alarm["model"] == MODEL
    cycle = open_cycle(data / "lakehouse", MODEL)
    server.wait(lambda: [each.kind for each in cycle.ledger.read()][-1] == "differed")
    cycle.sync()
    server.wait(lambda: server.champion()["problem"] is None)
    assert server.champion()["version"] == before


@pytest.mark.programs("pgrep")
def test_a_killed_worker_is_replaced_and_counts_go_on(server: Server) -> None:
    kill_a_worker(server)
    assert server.events("worker_ended")[-1]["exit_code"] == -9
    assert all(httpx.post(f"{server.url}/invocations", json=LATE).status_code == 200 for _ in range(20))


def kill_a_worker(server: Server) -> None:
    """Kill a worker and wait until its successor has a model."""
    children = subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-f", WORKER], capture_output=True, check=True
    ).stdout.split()
    assert len(children) == 2
    ended, before = len(server.events("worker_ended")), len(server.events("serving"))
    os.kill(int(children[0]), signal.SIGKILL)
    server.wait(lambda: len(server.events("worker_ended")) > ended)
    server.wait(lambda: len(server.events("serving")) > before)


def test_stopping_finishes_the_requests_at_work(data: Path) -> None:
    running = Server(data, "--require-token")
    running.wait(running.is_ready)
    refused = httpx.post(f"{running.url}/invocations", json=LATE)
    assert refused.status_code == 401
    token = tokens(data, "create", "slow-job")
    headers = {**JSON, "authorization": f"Bearer {token}"}
    started, statuses = threading.Event(), []

    def pieces() -> Iterator[bytes]:
        content = json.dumps(LATE).encode()
        yield content[:10]
        started.set()
        time.sleep(1.0)
        yield content[10:]

    def ask() -> None:
        statuses.append(httpx.post(f"{running.url}/invocations", content=pieces(), headers=headers).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    started.wait(5)
    time.sleep(0.2)
    running.stop()
    thread.join()
    assert statuses == [200]
    assert running.process.returncode == 0


def tokens(data: Path, *messages: str) -> str:
    """Return what the command about tokens says."""
    command = [sys.executable, "-m", "boathouse", "tokens", *messages, "--env", "test", "--conf-source", str(CONF)]
    environment = {**os.environ, "BOATHOUSE_DATA": str(data)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


@pytest.mark.programs("openssl")
def test_tls_and_tokens_where_others_can_reach_the_server(data: Path, tmp_path: Path) -> None:
    subprocess.run(
        f"{_CERTIFICATE} -keyout key.pem -out cert.pem".split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    tls = ["--ssl-certfile", str(tmp_path / "cert.pem"), "--ssl-keyfile", str(tmp_path / "key.pem")]
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    running = Server(data, "--host", "0.0.0.0", *tls)  # noqa: S104 - what is shown
    running.wait(lambda: running.is_ready(verify=context))
    assert httpx.post(f"{running.url}/invocations", json=LATE, verify=context).status_code == 401
    running.stop()
