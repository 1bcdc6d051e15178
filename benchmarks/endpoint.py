"""Measure ``boathouse serve`` beside ``mlflow models serve``: same machine, same model, same client.

Usage: ``python benchmarks/endpoint.py [--seconds 5]``. Builds a registry with a boosted model of 21 features, starts
each server with one process, and asks with wrk: one row, 1,000 rows, one key. Budgets: ten times the requests per
second of MLflow's server at one row; at half load p50 2 ms and p99 10 ms; 1,000 rows in 25 ms; by key p50 3 ms;
ready 4 s after the start. Validation, routing, the inference log and the server's own log are on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


MODEL = "test.models.missed_payment"
# A script for wrk: a POST of the file named in the environment, from as many requests a second as wanted.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open(os.getenv("BODY"), "rb"); wrk.body = file:read("*a"); file:close()
local pause = tonumber(os.getenv("PAUSE_MS") or "0")
function delay() return pause end
"""
BUDGETS = {"ratio": 10.0, "p50": 2.0, "p99": 10.0, "rows": 25.0, "key": 3.0, "ready": 4.0}


@dataclass(frozen=True)
class Measured:
    """What wrk says: requests per second, latencies in milliseconds, answers that were no success.

    Beside it the processor time that the server took for a request, in milliseconds: a busy machine changes it little.
    """

    per_second: float
    p50: float
    p99: float
    failed: int
    cpu_ms: float


def build_workspace(folder: Path) -> None:
    """Leave a registry with a champion, an online store, and the bodies of the requests in ``folder``."""
    import mlflow

    from boathouse.features.online.store import OnlineStore
    from boathouse.modelling.result import TrainedModel
    from boathouse.registry.dataset import ModelVersionDataset
    from boathouse.scoring.feature_spec import FeatureSpec
    from boathouse.scoring.scorer import write_scorer
    from boathouse.scoring.spec import Calibration, ScorerSpec
    from boathouse.use_case import USE_CASE
    from tests.fixtures.decided import decide

    random = np.random.default_rng(1)
    matrix = random.random((2000, len(USE_CASE.feature_names))).astype(np.float32)
    spec = ScorerSpec(
        algorithm="xgboost",
        features=tuple(USE_CASE.feature_names),
        label="late",
        calibration=Calibration("platt", (1.0, 0.0)),
        threshold=0.5,
        reason_texts=dict.fromkeys(USE_CASE.feature_names, "A reason"),
    )
    feature_spec = FeatureSpec.describe(USE_CASE.feature_names, USE_CASE.current_views, USE_CASE.on_demand)
    files = write_scorer(spec, _train(matrix), feature_spec)
    example = dict.fromkeys(USE_CASE.feature_names, 0.5)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    runs = mlflow.create_experiment("bench", artifact_location=f"file://{folder}/runs")
    mlflow.set_experiment(experiment_id=runs)
    window = (np.datetime64("2005-04-30").item(), np.datetime64("2005-06-30").item())
    model = TrainedModel(
        files=files, algorithm="xgboost", parameters={}, metrics={}, training_window=window, input_example=example
    )
    ModelVersionDataset(name=MODEL).save(model)
    decide(folder / "lakehouse", MODEL, "1")
    mlflow.end_run()
    store = OnlineStore(f"sqlite:///{folder}/online_test.db")
    for view in USE_CASE.current_views:
        rows = [(key, 1, *random.random(len(view.feature_names)).tolist()) for key in range(10_000)]
        store.publish_full(view.spec, rows, source_version=1)
    store.close()
    _write_bodies(folder, list(USE_CASE.feature_names), matrix)


def _train(matrix: np.ndarray) -> bytes:
    import xgboost

    label = (matrix[:, 0] + matrix[:, 1] > 1).astype(int)
    options = {"objective": "binary:logistic", "max_depth": 5, "nthread": 1}
    return bytes(xgboost.train(options, xgboost.DMatrix(matrix, label), num_boost_round=150).save_raw("json"))


def _write_bodies(folder: Path, names: list[str], matrix: np.ndarray) -> None:
    from benchmarks.disturbed_workspace import make_legal

    rows = [[round(float(value), 6) for value in row] for row in make_legal(matrix[:1000])]
    bodies = {
        "one": {"dataframe_records": [dict(zip(names, rows[0], strict=True))]},
        "thousand": {"dataframe_split": {"columns": names, "data": rows}},
        "key": {"dataframe_records": [{"customer_id": 17}]},
    }
    for name, body in bodies.items():
        (folder / f"{name}.json").write_text(json.dumps(body), encoding="utf-8")
    (folder / "post.lua").write_text(SCRIPT, encoding="utf-8")


@contextmanager
def running(command: list[str], folder: Path, url: str | None) -> Iterator[tuple[str, float, int]]:
    """Give URL, seconds until ready and process of a server; without ``url`` the server prints it."""
    environment = {**os.environ, "BOATHOUSE_DATA": str(folder), "PYTHONUNBUFFERED": "1"}
    environment |= {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "PYTHONPATH": str(ROOT / "src")}
    # MLflow starts uvicorn by its name.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    log, started = folder / "server.log", time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    try:
        while True:
            text = log.read_text(encoding="utf-8")
            if process.poll() is not None:
                raise RuntimeError(text)
            found = re.search(r"http://127\.0\.0\.1:\d+", text)
            where = url or (found[0] if found else None)
            if where and _answers(f"{where}/ready" if url is None else f"{where}/ping"):
                break
            time.sleep(0.02)
        yield where, time.perf_counter() - started, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def read_cpu_s(pid: int) -> float:
    """Return the processor time of a process and those it started, in seconds."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(read_cpu_s(int(child)) for child in children)


def ask(  # noqa: PLR0913 - whom, what, how
    url: str, folder: Path, body: str, *, pid: int, seconds: int, connections: int = 2, pause_ms: float = 0
) -> Measured:
    """Return what wrk measures with ``connections`` callers, each waiting ``pause_ms`` between two requests."""
    before = read_cpu_s(pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(folder / "post.lua")]
    environment = {**os.environ, "BODY": str(folder / f"{body}.json"), "PAUSE_MS": str(pause_ms)}
    done = subprocess.run([*command, f"{url}/invocations"], env=environment, capture_output=True, text=True, check=True)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if per_second is None:
        raise RuntimeError(done.stdout)
    p50, p99 = (_milliseconds(done.stdout, percent) for percent in (50, 99))
    requests = re.search(r"(\d+) requests in", done.stdout)
    cpu_ms = (read_cpu_s(pid) - before) * 1000 / max(1, int(requests[1]) if requests else 1)
    return Measured(float(per_second[1]), p50, p99, int(failed[1]) if failed else 0, cpu_ms)


def _milliseconds(text: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)\b", text)
    if found is None:
        raise RuntimeError(text)
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def show(name: str, found: Measured, note: str = "") -> None:
    """Print a line."""
    failures = f", {found.failed:,} NOT ANSWERED" if found.failed else ""
    print(
        f"{name:<28} {found.per_second:8,.0f} requests/s, p50 {found.p50:6.2f} ms, p99 {found.p99:7.2f} ms, "
        f"processor {found.cpu_ms:6.2f} ms a request"
        f"{failures}   {note}",
        flush=True,
    )


def main() -> None:
    """Measure both servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    seconds = parser.parse_args().seconds
    if shutil.which("wrk") is None:
        sys.exit("This needs the program wrk (Debian package wrk).")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_workspace(folder)
        serve = [sys.executable, "-m", "boathouse", "serve", "--env", "test", "--port", "0"]
        with running([*serve, "--conf-source", str(ROOT / "conf")], folder, None) as (url, ready, pid):
            print(f"{'boathouse, ready after':<28} {ready:8.2f} s   budget {BUDGETS['ready']:g} s")
            ask(url, folder, "one", pid=pid, seconds=1)
            full = ask(url, folder, "one", pid=pid, seconds=seconds)
            show("boathouse, one row", full)
            # One caller that waits as long as a request takes: half of what one connection can have.
            half = ask(url, folder, "one", pid=pid, seconds=seconds, connections=1, pause_ms=max(1.0, 2 * full.p50))
            show("boathouse, at half load", half, f"budget p50 {BUDGETS['p50']:g}, p99 {BUDGETS['p99']:g} ms")
            show(
                "boathouse, 1,000 rows",
                ask(url, folder, "thousand", pid=pid, seconds=seconds, connections=1),
                f"budget {BUDGETS['rows']:g} ms",
            )
            show(
                "boathouse, one key",
                ask(url, folder, "key", pid=pid, seconds=seconds, connections=1),
                f"budget p50 {BUDGETS['key']:g} ms",
            )
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", "5987"]
        with running([*command, "-m", f"models:/{MODEL}/1"], folder, "http://127.0.0.1:5987") as (url, ready, pid):
            print(f"{'mlflow, ready after':<28} {ready:8.2f} s")
            ask(url, folder, "one", pid=pid, seconds=1)
            theirs = ask(url, folder, "one", pid=pid, seconds=seconds)
            show("mlflow, one row", theirs)
            show("mlflow, 1,000 rows", ask(url, folder, "thousand", pid=pid, seconds=seconds, connections=1))
        ratio, cpu = full.per_second / theirs.per_second, theirs.cpu_ms / full.cpu_ms
        print(f"{'requests/s over mlflow':<28} {ratio:8.1f} x   budget {BUDGETS['ratio']:g} x")
        print(f"{'processor time under mlflow':<28} {cpu:8.1f} x")


if __name__ == "__main__":
    main()
