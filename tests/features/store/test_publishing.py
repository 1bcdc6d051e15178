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
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.features.store.conftest import Book, Shop

PROFILE, _, SPENDING, _ = USE_CASE.views
BOOK: Book = {(customer, month): (0, 100.0 * month, 50.0) for customer in (1, 2, 3) for month in (4, 5, 6)}
LIMITS = {1: 1000.0, 2: 2000.0, 3: 3000.0}
KEYS = [(number,) for number in range(1, 5)]
NOW = datetime(2005, 7, 15, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OnlineStore]:
    """Return an empty store."""
    opened = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    yield opened
    opened.close()


def bring_online(shop: Shop, store: OnlineStore, book: Book, mode: str = "auto") -> str:
    """Write, refresh and publish spending; return what was said."""
    shop.write(book, LIMITS)
    shop.refresher.refresh(SPENDING)
    return publish_view(store, SPENDING, shop.refresher.location(SPENDING.table), mode=mode)


def answers(store: OnlineStore) -> tuple[bytes, bytes]:
    found = store.look_up(KEYS, [SPENDING.spec])
    return (found.matrix + 0.0).tobytes(), found.times.tobytes()


def test_changes_leave_what_a_full_publish_would(shop: Shop, store: OnlineStore, tmp_path: Path) -> None:
    assert "3 keys of version 0" in bring_online(shop, store, BOOK)
    # One corrected, one whose newest month is gone, one gone altogether, one new.
    book = {**BOOK, (1, 6): (1, 9.0, 1.0), (4, 6): (0, 7.0, 7.0)}
    book = {key: value for key, value in book.items() if key != (2, 6) and key[0] != 3}
    shop.write(book, {**LIMITS, 4: 400.0})
    shop.refresher.refresh(SPENDING)
    place = shop.refresher.location(SPENDING.table)
    assert "4 changed keys of version 1 (3 rows)" in publish_view(store, SPENDING, place, mode="incremental")
    other = OnlineStore(f"sqlite:///{tmp_path}/other.db")
    publish_view(other, SPENDING, place, mode="full")
    assert answers(store) == answers(other)
    other.close()
    assert publish_view(store, SPENDING, place, mode="incremental") == "spending: version 1 is live already"


def test_changes_need_something_to_go_on_from(shop: Shop, store: OnlineStore) -> None:
    with pytest.raises(TableError, match=r"features\.spending"):
        publish_view(store, SPENDING, shop.refresher.location(SPENDING.table))
    with pytest.raises(OnlineStoreError, match="'spending' cannot be published incrementally: nothing is live"):
        bring_online(shop, store, BOOK, mode="incremental")


def serve(store: OnlineStore, names: list[str], **request: Any) -> Any:
    spec = FeatureSpec.describe(names, USE_CASE.views, USE_CASE.on_demand)
    fields = {name: np.array(values, dtype=float) for name, values in request.items()}
    return serve_features(store, spec, names, KEYS, request=fields, on_demand=USE_CASE.on_demand, now=NOW)


def test_features_are_served_with_those_of_the_request(shop: Shop, store: OnlineStore) -> None:
    bring_online(shop, store, BOOK)
    shop.refresher.refresh(PROFILE)
    publish_view(store, PROFILE, shop.refresher.location(PROFILE.table))
    names = ["utilisation_after_request", "bill_amt"]
    found = serve(store, names, requested_amount=[400, 0, np.nan, 1])
    np.testing.assert_array_equal(found.matrix, [[1.0, 600.0], [0.3, 600.0], [0.2, 600.0], [np.nan, np.nan]])
    assert found.rows.found.tolist() == [[True, True]] * 3 + [[False, False]]
    assert not found.stale.any()
    with pytest.raises(RequestError, match="Unknown field"):
        serve(store, names, amount=[1, 2, 3, 4])


def test_a_stale_value_is_unknown_as_it_is_in_training(shop: Shop, store: OnlineStore) -> None:
    short = replace(SPENDING, max_age_days=14)
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(short)
    publish_view(store, short, shop.refresher.location(short.table))
    spec = FeatureSpec.describe(["bill_amt"], [short], [])
    for day, stale in ((13, False), (16, True)):
        now = datetime(2005, 7, day, tzinfo=UTC)
        found = serve_features(store, spec, ["bill_amt"], KEYS[:1], request={}, on_demand=[], now=now)
        assert (bool(found.stale[0, 0]), bool(np.isnan(found.matrix[0, 0]))) == (stale, stale)


def measure(shop: Shop, **changes: Any) -> tuple[int, int, int, int]:
    place = shop.refresher.place
    found = measure_consistency(
        replace(SPENDING, **changes), place(SPENDING.table), place("inference.feature_look_ups")
    )
    return found.look_ups, found.equal, found.older_online, found.other_definition


def test_logged_answers_are_compared_with_what_was_known_offline_then(shop: Shop, store: OnlineStore) -> None:
    log = LookUpLog(shop.refresher.location("inference.feature_look_ups"), batch=100)
    with pytest.raises(TableError, match="look-up --log"):
        measure(shop)
    bring_online(shop, store, BOOK)
    view = SPENDING.spec
    log.record(KEYS, store.look_up(KEYS, [view]), asked_at=NOW)
    assert log.flush() == 4
    assert measure(shop) == (4, 4, 0, 0)
    # July's statement of one customer is known offline, but not published: an answer of 1 August is late.
    shop.write({**BOOK, (1, 7): (0, 1.0, 1.0)}, LIMITS)
    shop.refresher.refresh(SPENDING)
    log.record(KEYS, store.look_up(KEYS, [view]), asked_at=datetime(2005, 8, 1, tzinfo=UTC))
    log.flush()
    assert measure(shop) == (8, 7, 1, 0)
    # A correction of the past differs without being late.
    shop.write({**BOOK, (2, 6): (0, 1.0, 1.0), (1, 7): (0, 1.0, 1.0)}, LIMITS)
    shop.refresher.refresh(SPENDING)
    assert measure(shop) == (8, 5, 1, 0)
    assert measure(shop, max_age_days=90) == (0, 0, 0, 8)
    assert log.flush() == 0


def test_a_full_batch_is_written_at_once(shop: Shop, store: OnlineStore) -> None:
    bring_online(shop, store, BOOK)
    log = LookUpLog(shop.refresher.location("inference.feature_look_ups"), batch=4)
    log.record(KEYS, store.look_up(KEYS, [SPENDING.spec]), asked_at=NOW)
    assert len(shop.rows("inference.feature_look_ups")) == 4
    assert date(2005, 6, 30) in {row[5].date() for row in shop.rows("inference.feature_look_ups") if row[5]}
