"""An endpoint in this process, with a store of features behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.endpoints.options import LogOptions
from boathouse.serving.inference_log import InferenceLog
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.small_endpoint import SmallEndpoint, fill_store, make_rows

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.features.online.store import OnlineStore

Start = Callable[..., tuple[AsgiClient, SmallEndpoint]]


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """Return the features of 60 accounts."""
    return make_rows(60)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Iterator[OnlineStore]:
    """Return a store with these accounts."""
    opened = fill_store(f"sqlite:///{tmp_path_factory.mktemp('online')}/online.db", rows)
    yield opened
    opened.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what builds an endpoint and a client of it."""
    opened: list[AsgiClient] = []

    def build(store: Any = None, **options: Any) -> tuple[AsgiClient, SmallEndpoint]:
        small = SmallEndpoint.build(tmp_path, store, **options)
        client = AsgiClient(small.app)
        opened.append(client)
        return client, small

    yield build
    for client in opened:
        client.close()


@pytest.fixture
def client(start: Start, store: OnlineStore) -> AsgiClient:
    """Return a client of an endpoint with the store."""
    return start(store)[0]


@pytest.fixture
def make_log(tmp_path: Path) -> Iterator[Callable[..., InferenceLog]]:
    logs: list[InferenceLog] = []

    def make(
        *,
        commit_seconds: float = 0.05,
        on_disk: Any = None,
        start: bool = True,
        always_hidden: tuple[str, ...] = (),
        **options: Any,
    ) -> InferenceLog:
        log = InferenceLog(
            tmp_path / "table",
            tmp_path / "journal",
            LogOptions(**{"flush_seconds": 0.02, **options}),
            commit_seconds=commit_seconds,
            on_disk=on_disk,
            always_hidden=always_hidden,
        )
        logs.append(log)
        if start:
            log.start()
        return log

    yield make
    for log in logs:
        log.close()
