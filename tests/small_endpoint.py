"""A small endpoint: a boosted model of a stored view and an on-demand feature, served in this process."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from boathouse.core.endpoints import EndpointConfig
from boathouse.core.scoring import FeatureSpec, ModelFiles, Scorer, ScorerSpec, load_scorer, write_scorer
from boathouse.core.scoring.calibration import Calibration
from boathouse.core.scoring.feature_spec import SpecOnDemand, SpecView
from boathouse.core.scoring.on_demand import OnDemandFeature, RequestField
from boathouse.online_store import OnlineStore
from boathouse.online_store.serving import online_views
from boathouse.serving.access import Access
from boathouse.serving.access_log import AccessLog
from boathouse.serving.app import App
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.scoring import ScoringThreads
from boathouse.serving.served_model import ServedModel, load_model
from boathouse.serving.service import Service
from boathouse.serving.tokens import TokenFile

NAME = "test.models.late"
FEATURES = ("bill", "credit", "lateness", "used_after")
STORED = ("bill", "credit", "lateness")
# Microseconds since 1970 of the stored values: 2020-01-01.
OBSERVED = 1_577_836_800_000_000
Row = dict[str, Any]


def use_after(bill: np.ndarray, credit: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return (bill + amount) / credit


ON_DEMAND = (
    OnDemandFeature(
        name="used_after",
        description="Share of the limit that is used once the amount is spent.",
        unit="share",
        reason="How much is used",
        stored=("bill", "credit"),
        request=(RequestField(name="amount", description="Amount to be spent.", unit="NT$", default=0.0),),
        compute=use_after,
    ),
)
SPEC = FeatureSpec(
    views=(
        SpecView(
            name="accounts",
            version=1,
            digest="0123456789abcdef",
            keys=(("account", "bigint"),),
            time_column="observed_on",
            features=STORED,
            max_age_days=None,
        ),
    ),
    on_demand=tuple(
        SpecOnDemand(name=each.name, digest=each.digest, stored=each.stored, request=each.request_names)
        for each in ON_DEMAND
    ),
)


def make_files(seed: int = 0, *, threshold: float = 0.5) -> ModelFiles:
    """Return a boosted model; another seed is another version."""
    random = np.random.default_rng(seed)
    matrix = random.random((400, len(FEATURES))).astype(np.float32)
    label = (matrix[:, 0] + matrix[:, 3] + random.normal(0, 0.2, 400) > 1).astype(int)
    options = {"objective": "binary:logistic", "max_depth": 3, "seed": seed, "nthread": 1}
    booster = xgboost.train(options, xgboost.DMatrix(matrix, label), num_boost_round=20)
    spec = ScorerSpec(
        algorithm="xgboost",
        features=FEATURES,
        label="late",
        calibration=Calibration("platt", (1.1, 0.05)),
        threshold=threshold,
        reason_texts={name: f"The {name}" for name in FEATURES},
    )
    return write_scorer(spec, bytes(booster.save_raw("json")), SPEC)


def make_rows(count: int, seed: int = 7) -> np.ndarray:
    """Return features with some unknown ones; the last column follows from the others, as on demand."""
    random = np.random.default_rng(seed)
    matrix = random.random((count, len(FEATURES)))
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    matrix[:, 3] = use_after(matrix[:, 0], matrix[:, 1], np.zeros(count))
    return matrix


def as_records(matrix: np.ndarray, names: tuple[str, ...] = FEATURES) -> list[Row]:
    """Return the rows as records of JSON, null for NaN."""
    return [
        {name: None if np.isnan(value) else float(value) for name, value in zip(names, row, strict=True)}
        for row in matrix
    ]


def make_document(**block: Any) -> dict[str, Any]:
    """Return an endpoint with a champion that gets all requests, a challenger that gets none."""
    entities = [{"name": name, "entity_name": NAME, "entity_version": None} for name in ("champion", "challenger")]
    routes = [{"served_entity_name": "champion", "traffic_percentage": 100}]
    follow = {"champion": "champion", "challenger": "challenger"}
    return {
        "config": {"served_entities": entities, "traffic_config": {"routes": routes}},
        "boathouse": {"follow": follow, **block},
    }


def make_config(**block: Any) -> EndpointConfig:
    """Return the configuration of :func:`make_document`."""
    return EndpointConfig.from_document("late", make_document(**block))


def fill_store(url: str, matrix: np.ndarray) -> OnlineStore:
    """Return a store in which account n has the stored features of row n."""
    store = OnlineStore(url)
    rows = [
        (account, OBSERVED, *(None if np.isnan(value) else float(value) for value in row[:3]))
        for account, row in enumerate(matrix)
    ]
    for view in online_views(SPEC):
        store.publish_full(view, rows, source_version=1)
    return store


@dataclass
class SmallEndpoint:
    """An application with one endpoint, and what stands behind it."""

    app: App
    service: Service
    endpoint: Endpoint
    files: ModelFiles
    log: io.BytesIO

    @property
    def scorer(self) -> Scorer:
        """The same model, loaded apart from the endpoint."""
        return load_scorer(self.files)

    @classmethod
    def build(cls, folder: Path, store: Any = None, *, token_required: bool = False, **block: Any) -> SmallEndpoint:
        """Return an endpoint that serves version 1 as champion."""
        config = make_config(**block)
        look_up = None if store is None else FeatureLookUp(store, config.look_up)
        endpoint, files, log = Endpoint(config, ScoringThreads(), look_up), make_files(), io.BytesIO()
        endpoint.serve(serve_version(files, config=config))
        service = Service(
            endpoints={"late": endpoint},
            access=Access(TokenFile(folder / "tokens.json"), token_required),
            mlflow_version="3.0",
            access_log=AccessLog(log),
        )
        return cls(App(service), service, endpoint, files, log)


def serve_version(
    files: ModelFiles, version: str = "1", entity: str = "champion", config: EndpointConfig | None = None
) -> ServedModel:
    """Return the loaded version."""
    ranges = {} if config is None else config.input.ranges
    return load_model(entity, NAME, version, files, on_demand=ON_DEMAND, ranges=ranges)
