"""The endpoint of conf, in this process, with any model behind it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.endpoints.config import EndpointConfig
from boathouse.serving.access import Access, AccessLog
from boathouse.serving.app import App
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.served_model import load_model
from boathouse.serving.service import Service
from boathouse.serving.threads import ScoringThreads
from boathouse.serving.tokens import TokenFile
from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from boathouse.use_case import USE_CASE
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.features.online.store import OnlineStore
    from boathouse.modelling.result import LoadedModel

NAME = "missed_payment"


# Rows a request: of as many keys a look-up stays far below its time-out, on a busy machine too.
ROWS = 2_000


class ServedMonth:
    """Asks for any number of rows, in requests of some."""

    def __init__(self, model: LoadedModel, folder: Path, store: OnlineStore | None = None) -> None:
        loader = CONFIG_LOADER_CLASS(conf_source=str(CONF), env="test", **CONFIG_LOADER_ARGS)
        document = dict(loader["endpoints"])[NAME]
        config = EndpointConfig.from_document(NAME, document)
        # What is compared is what is answered, not how soon: the machine may have other work.
        options = replace(config.look_up, timeout_ms=30_000)
        look_up = None if store is None else FeatureLookUp(store, options)
        endpoint = Endpoint(config, ScoringThreads(), look_up)
        ranges = config.input.ranges
        files = model.files
        endpoint.serve(
            load_model("champion", model.name, model.version, files, on_demand=USE_CASE.on_demand, ranges=ranges)
        )
        access = Access(TokenFile(folder / "tokens.json"), required=False)
        log = AccessLog(io.BytesIO())
        self._client = AsgiClient(
            App(Service(endpoints={NAME: endpoint}, access=access, mlflow_version="3", access_log=log))
        )

    def ask(self, columns: tuple[str, ...], data: list[list[Any]], **params: Any) -> list[dict[str, Any]]:
        """Return the predictions of all rows, in their order."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(data), ROWS):
            part = data[start : start + ROWS]
            document = {"dataframe_split": {"columns": list(columns), "data": part}, "params": params}
            answer = self._client.post("/invocations", json=document)
            assert answer.status_code == 200, answer.text[:500]
            found += answer.json()["predictions"]
        return found

    def close(self) -> None:
        self._client.close()


def as_lists(matrix: np.ndarray) -> list[list[float | None]]:
    """Return the rows as JSON can hold them: null for NaN."""
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]
