"""Publishing what changed leaves what publishing everything would; answers are compared with the offline tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.errors import OnlineStoreError, RequestError, TableError
from boathouse.features.consistency import LookUpLog, measure_consistency
from boathouse.features.online.look_up import serve_features
from boathouse.features.online.store import OnlineStore
from boathouse.features.publishing import publish_view
from boathouse.scoring.feature_spec import FeatureSpec
from tests.fixtures.boats import CARGO, IDENTITY, ON_DEMAND, VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.features.store.conftest import Fleet, Logbook

LOGBOOK: Logbook = {(boat, month): (0, 100.0 * month, 50.0) for boat in (1, 2, 3) for month in (4, 5, 6)}
CAPACITIES = {1: 1000.0, 2: 2000.0, 3: 3000.0}
KEYS = [(number,) for number in range(1, 5)]
NOW = datetime(2005, 7, 15, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OnlineStore]:
    """Return an empty store."""
    opened = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    yield opened
    opened.close()


def bring_online(fleet: Fleet, store: OnlineStore, logbook: Logbook, mode: str = "auto") -> str:
    """Write, refresh and publish cargo; return what was said."""
    fleet.write(logbook, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    return publish_view(store, CARGO, fleet.refresher.location(CARGO.table), mode=mode)


def answers(store: OnlineStore) -> tuple[bytes, bytes]:
    found = store.look_up(KEYS, [CARGO.spec])
    return (found.matrix + 0.0).tobytes(), found.times.tobytes()


def test_changes_leave_what_a_full_publish_would(fleet: Fleet, store: OnlineStore, tmp_path: Path) -> None:
    assert "3 keys of version 0" in bring_online(fleet, store, LOGBOOK)
    # One corrected, one whose newest month is gone, one gone altogether, one new.
    logbook = {**LOGBOOK, (1, 6): (1, 9.0, 1.0), (4, 6): (0, 7.0, 7.0)}
    logbook = {key: value for key, value in logbook.items() if key != (2, 6) and key[0] != 3}
    fleet.write(logbook, {**CAPACITIES, 4: 400.0})
    fleet.refresher.refresh(CARGO)
    location = fleet.refresher.location(CARGO.table)
    assert "4 changed keys of version 1 (3 rows)" in publish_view(store, CARGO, location, mode="incremental")
    other = OnlineStore(f"sqlite:///{tmp_path}/other.db")
    publish_view(other, CARGO, location, mode="full")
    assert answers(store) == answers(other)
    other.close()
    assert publish_view(store, CARGO, location, mode="incremental") == "cargo: version 1 is live already"


def test_changes_need_something_to_go_on_from(fleet: Fleet, store: OnlineStore) -> None:
    with pytest.raises(TableError, match=r"features\.cargo"):
        publish_view(store, CARGO, fleet.refresher.location(CARGO.table))
    with pytest.raises(OnlineStoreError, match="'cargo' cannot be published incrementally: nothing is live"):
        bring_online(fleet, store, LOGBOOK, mode="incremental")


def serve(store: OnlineStore, names: list[str], **request: Any) -> Any:
    spec = FeatureSpec.describe(names, VIEWS, ON_DEMAND)
    fields = {name: np.array(values, dtype=float) for name, values in request.items()}
    return serve_features(store, spec, names, KEYS, request=fields, on_demand=ON_DEMAND, now=NOW)


def test_features_are_served_with_those_of_the_request(fleet: Fleet, store: OnlineStore) -> None:
    bring_online(fleet, store, LOGBOOK)
    fleet.refresher.refresh(IDENTITY)
    publish_view(store, IDENTITY, fleet.refresher.location(IDENTITY.table))
    names = ["load_after", "weight"]
    found = serve(store, names, extra=[400, 0, np.nan, 1])
    np.testing.assert_array_equal(found.matrix, [[1.0, 600.0], [0.3, 600.0], [0.2, 600.0], [np.nan, np.nan]])
    assert found.rows.found.tolist() == [[True, True]] * 3 + [[False, False]]
    assert not found.stale.any()
    with pytest.raises(RequestError, match="Unknown field"):
        serve(store, names, amount=[1, 2, 3, 4])


def test_a_stale_value_is_unknown_as_it_is_in_training(fleet: Fleet, store: OnlineStore) -> None:
    short = replace(CARGO, max_age_days=14)
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(short)
    publish_view(store, short, fleet.refresher.location(short.table))
    spec = FeatureSpec.describe(["weight"], [short], [])
    for day, stale in ((13, False), (16, True)):
        now = datetime(2005, 7, day, tzinfo=UTC)
        found = serve_features(store, spec, ["weight"], KEYS[:1], request={}, on_demand=[], now=now)
        assert (bool(found.stale[0, 0]), bool(np.isnan(found.matrix[0, 0]))) == (stale, stale)


def measure(fleet: Fleet, **changes: Any) -> tuple[int, int, int, int]:
    location = fleet.refresher.location
    found = measure_consistency(
        replace(CARGO, **changes), location(CARGO.table), location("inference.feature_look_ups")
    )
    return found.look_ups, found.equal, found.older_online, found.other_definition


def test_logged_answers_are_compared_with_what_was_known_offline_then(fleet: Fleet, store: OnlineStore) -> None:
    log = LookUpLog(fleet.refresher.location("inference.feature_look_ups"), batch=100)
    with pytest.raises(TableError, match="features look-up KEY --log --env test"):
        measure(fleet)
    bring_online(fleet, store, LOGBOOK)
    view = CARGO.spec
    log.record(KEYS, store.look_up(KEYS, [view]), asked_at=NOW)
    assert log.flush() == 4
    assert measure(fleet) == (4, 4, 0, 0)
    # July's trip of one boat is known offline, but not published: an answer of 1 August is late.
    fleet.write({**LOGBOOK, (1, 7): (0, 1.0, 1.0)}, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    log.record(KEYS, store.look_up(KEYS, [view]), asked_at=datetime(2005, 8, 1, tzinfo=UTC))
    log.flush()
    assert measure(fleet) == (8, 7, 1, 0)
    # A correction of the past differs without being late.
    fleet.write({**LOGBOOK, (2, 6): (0, 1.0, 1.0), (1, 7): (0, 1.0, 1.0)}, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    assert measure(fleet) == (8, 5, 1, 0)
    assert measure(fleet, max_age_days=90) == (0, 0, 0, 8)
    assert log.flush() == 0


def test_a_full_batch_is_written_at_once(fleet: Fleet, store: OnlineStore) -> None:
    bring_online(fleet, store, LOGBOOK)
    log = LookUpLog(fleet.refresher.location("inference.feature_look_ups"), batch=4)
    log.record(KEYS, store.look_up(KEYS, [CARGO.spec]), asked_at=NOW)
    assert len(fleet.rows("inference.feature_look_ups")) == 4
    assert date(2005, 6, 30) in {row[5].date() for row in fleet.rows("inference.feature_look_ups") if row[5]}
