"""Batch predictions in the online store: the newest of each key, by one model."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import TableError
from boathouse.features.online.store import OnlineStore
from boathouse.features.online.tables import prediction_view
from boathouse.features.publishing import publish_predictions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.features.store.conftest import Fleet

MODEL = "test.models.late"
KEYS = (("boat_id", "bigint"),)
SCHEMA = (
    "boat_id bigint, seen_on date, probability double, decision int, model_name string, model_version string, "
    "scored_at timestamp"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OnlineStore]:
    opened = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    yield opened
    opened.close()


def row(boat: int, month: int, probability: float, version: str = "1", hour: int = 0, model: str = MODEL) -> Any:
    day = date(2005, month, 28)
    return (boat, day, probability, int(probability > 0.5), model, version, datetime(2005, 12, 1, hour, tzinfo=UTC))


def publish(fleet: Fleet, store: OnlineStore, version: str | None = None) -> str:
    location = fleet.refresher.location("inference.predictions")
    return publish_predictions(store, location, MODEL, keys=KEYS, time_column="seen_on", version=version)


def look_up(store: OnlineStore, *boats: int) -> list[tuple[float, ...]]:
    rows = store.look_up([(each,) for each in boats], [prediction_view(MODEL, KEYS)])
    return [tuple(values) for values in rows.matrix.tolist()]


def test_the_latest_date_counts_then_what_was_scored_last(fleet: Fleet, store: OnlineStore) -> None:
    with pytest.raises(TableError):
        publish(fleet, store)
    rows = [
        row(1, 8, 0.9),
        row(1, 9, 0.1),
        row(2, 9, 0.2, "2", hour=1),
        row(2, 9, 0.8, "10", hour=5),
        row(2, 9, 0.3, "9", hour=2),
        row(3, 9, 0.7, model="test.models.other"),
    ]
    fleet._save("inference.predictions", rows, SCHEMA)
    assert "2 keys of version 0" in publish(fleet, store)
    assert look_up(store, 1, 2) == [(0.1, 0.0, 1.0), (0.8, 1.0, 10.0)]
    assert not store.look_up([(3,)], [prediction_view(MODEL, KEYS)]).found.any()
    publish(fleet, store, version="9")
    assert look_up(store, 2) == [(0.3, 0.0, 9.0)]


def test_only_what_decides_is_published_where_roles_are_told(fleet: Fleet, store: OnlineStore) -> None:
    rows = [(*row(1, 9, 0.1), "champion"), (*row(1, 9, 0.9, "2", hour=3), "challenger")]
    fleet._save("inference.predictions", rows, f"{SCHEMA}, role string")
    publish(fleet, store)
    assert look_up(store, 1) == [(0.1, 0.0, 1.0)]
