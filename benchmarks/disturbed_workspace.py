"""What ``endpoint_disturbed.py`` serves: two versions of known scores, and an online store that can be restarted."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.endpoint import MODEL, ROOT
from benchmarks.open_load import Probe

_ROWS, _AWAY_S = 64, 0.5


@dataclass(frozen=True)
class Workspace:
    """What was built: the requests, the folder of the log's table and that of its journals."""

    probes: list[Probe]
    log: Path
    journal: Path


@dataclass(frozen=True)
class RunningStore:
    """An online store, and how to take it away for a moment."""

    url: str
    kind: str
    restart: Callable[[], None]


@contextmanager
def running_store(folder: Path) -> Iterator[RunningStore]:
    """Give a PostgreSQL server of its own where its programs are installed, else a file."""
    from tests.fixtures.needs import POSTGRES_FOLDERS
    from tests.fixtures.postgres_server import PostgresServer

    if not Path(POSTGRES_FOLDERS).is_dir():
        file = folder / "online_test.db"
        yield RunningStore(f"sqlite:///{file}", "SQLite; its file is moved away for a moment", lambda: _hide(file))
        return
    server = PostgresServer()
    try:
        server.start()
        yield RunningStore(server.make_database(), "PostgreSQL, killed and started again", lambda: _restart(server))
    finally:
        server.remove()


def _hide(file: Path) -> None:
    away = file.rename(file.with_suffix(".away"))
    time.sleep(_AWAY_S)
    away.rename(file)


def _restart(server: object) -> None:
    server.kill()  # type: ignore[attr-defined]
    time.sleep(_AWAY_S)
    server.start()  # type: ignore[attr-defined]


def build_workspace(folder: Path, store_url: str) -> Workspace:
    """Register two versions, the first as champion, and publish the features of 64 keys."""
    from boathouse.environment import open_environment
    from boathouse.use_case import USE_CASE

    os.environ |= {"BOATHOUSE_DATA": str(folder), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    random = np.random.default_rng(1)
    matrix = make_legal(random.random((2000, len(USE_CASE.feature_names)))).astype(np.float32)
    label = (matrix[:, 0] + matrix[:, 1] > 1).astype(int)
    boosters = {"1": _train(matrix, label), "2": _train(matrix, 1 - label)}
    _register(folder, boosters)
    stored = matrix[_ROWS : 2 * _ROWS].astype(np.float64)
    _publish(store_url, stored)
    probes = _make_probes(matrix[:_ROWS], _complete(stored), boosters)
    environment = open_environment("test", ROOT / "conf")
    return Workspace(probes, Path(environment.endpoint_log.path or ""), environment.endpoint_log_folder)


def _train(matrix: np.ndarray, label: np.ndarray) -> bytes:
    import xgboost

    options = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1}
    return bytes(xgboost.train(options, xgboost.DMatrix(matrix, label), num_boost_round=100).save_raw("json"))


def _register(folder: Path, boosters: dict[str, bytes]) -> None:
    import mlflow

    from boathouse.modelling.result import TrainedModel
    from boathouse.registry.dataset import ModelVersionDataset
    from boathouse.scoring.feature_spec import FeatureSpec
    from boathouse.scoring.scorer import write_scorer
    from boathouse.scoring.spec import Calibration, ScorerSpec
    from boathouse.use_case import USE_CASE
    from tests.fixtures.decided import decide

    spec = ScorerSpec(
        algorithm="xgboost",
        features=tuple(USE_CASE.feature_names),
        label="late",
        calibration=Calibration("platt", (1.0, 0.0)),
        threshold=0.5,
        reason_texts=dict.fromkeys(USE_CASE.feature_names, "A reason"),
    )
    feature_spec = FeatureSpec.describe(USE_CASE.feature_names, USE_CASE.current_views, USE_CASE.on_demand)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    runs = mlflow.create_experiment("disturbed", artifact_location=f"file://{folder}/runs")
    mlflow.set_experiment(experiment_id=runs)
    window = (np.datetime64("2005-04-30").item(), np.datetime64("2005-06-30").item())
    for booster in boosters.values():
        model = TrainedModel(
            files=write_scorer(spec, booster, feature_spec),
            algorithm="xgboost",
            parameters={},
            metrics={},
            training_window=window,
            input_example=dict.fromkeys(USE_CASE.feature_names, 0.5),
        )
        ModelVersionDataset(name=MODEL).save(model)
    mlflow.end_run()
    decide(folder / "lakehouse", MODEL, "1")


def make_legal(shares: np.ndarray) -> np.ndarray:
    """Return values that a request may bring of each feature of a model: ``shares``, 0 to 1, of its legal values.

    Of wide ranges the lowest ten are taken.
    """
    from boathouse.use_case import USE_CASE

    legal = shares.copy()
    for place, name in enumerate(USE_CASE.feature_names):
        column = USE_CASE.given_columns[name]
        if column.allowed is not None:
            steps = np.minimum(shares[:, place] * len(column.allowed), len(column.allowed) - 1)
            legal[:, place] = np.array(column.allowed)[steps.astype(int)]
        elif column.minimum is not None and column.maximum is not None:
            legal[:, place] = column.minimum + shares[:, place] * min(column.maximum - column.minimum, 10)
    return legal


def _publish(store_url: str, stored: np.ndarray) -> None:
    """Publish the features of keys 1 to 64, all from now."""
    from boathouse.features.online.store import OnlineStore
    from boathouse.use_case import USE_CASE

    places = {name: place for place, name in enumerate(USE_CASE.feature_names)}
    now_us = time.time_ns() // 1000
    store = OnlineStore(store_url, environment="test")
    for view in USE_CASE.current_views:
        columns = [stored[:, places[name]] if name in places else np.zeros(_ROWS) for name in view.feature_names]
        values = np.column_stack(columns).tolist()
        rows = [(key, now_us, *row) for key, row in enumerate(values, 1)]
        store.publish_full(view.spec, rows, source_version=1)
    store.close()


def _complete(stored: np.ndarray) -> np.ndarray:
    """Return the features of the keys as a request without an amount sees them: what is used now over the limit."""
    from boathouse.use_case import USE_CASE

    names = list(USE_CASE.feature_names)
    complete = stored.copy()
    if "utilisation_after_request" in names:
        bill, limit = (stored[:, names.index(name)] for name in ("bill_amt", "limit_bal"))
        complete[:, names.index("utilisation_after_request")] = bill / limit
    return complete.astype(np.float32)


def _make_probes(given: np.ndarray, of_keys: np.ndarray, boosters: dict[str, bytes]) -> list[Probe]:
    """Return requests by features and by key in turn, with the scores that the bare estimators give."""
    import xgboost

    from boathouse.use_case import USE_CASE

    scores = {}
    for version, raw in boosters.items():
        booster = xgboost.Booster(model_file=bytearray(raw))
        scores[version] = [booster.predict(xgboost.DMatrix(matrix)).tolist() for matrix in (given, of_keys)]
    probes = []
    for row in range(_ROWS):
        records = [dict(zip(USE_CASE.feature_names, given[row].tolist(), strict=True)), {"customer_id": row + 1}]
        for kind, record in enumerate(records):
            body = json.dumps({"dataframe_records": [record]}).encode()
            probes.append(Probe(body, {version: found[kind][row] for version, found in scores.items()}))
    # A score that both versions share would show nothing.
    return [probe for probe in probes if abs(probe.expected["1"] - probe.expected["2"]) > 0.01]
