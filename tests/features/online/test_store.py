"""Publishing and looking up: all or nothing, the newest wins, one round trip."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from boathouse.errors import OnlineStoreError
from boathouse.features.online.look_up import online_views
from boathouse.features.online.store import OnlineStore
from boathouse.scoring.feature_spec import FeatureSpec, ViewSpec
from tests.fixtures.boats import VIEWS

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400 * 1_000_000
PEOPLE = ViewSpec(
    name="people", digest="a" * 16, keys=(("boat_id", "bigint"),), features=("age", "income"), max_age_days=1
)
CARDS = ViewSpec(name="cards", digest="b" * 16, keys=(("boat_id", "bigint"), ("card", "string")), features=("used",))
ONE = [(1, DAY, 30.0, 1.0)]


def ages(store: OnlineStore, *boats: int) -> list[float | None]:
    found = store.look_up([(each,) for each in boats], [PEOPLE]).matrix[:, 0].tolist()
    return [None if np.isnan(each) else each for each in found]


def test_keys_come_back_in_their_order_with_unknown_ones_as_nan(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, [(1, DAY, 30.0, None), (2, 2 * DAY, 40.0, 5.5)], source_version=3)
    found = store.look_up([(2,), (9,), (1,), (2,)], [PEOPLE])
    np.testing.assert_array_equal(found.matrix, [[40, 5.5], [np.nan, np.nan], [30, np.nan], [40, 5.5]])
    assert found.features == ("age", "income")
    assert found.found[:, 0].tolist() == [True, False, True, True]
    assert found.times[:, 0].tolist() == [2 * DAY, 0, DAY, 2 * DAY]


def test_several_views_with_keys_of_their_own_are_one_look_up(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, ONE, source_version=1)
    store.publish_full(CARDS, [(1, "gold'; --", DAY, 0.5), (2, "blue", DAY, 0.25)], source_version=1)
    found = store.look_up([(1, "gold'; --"), (2, "blue"), (1, "blue")], [PEOPLE, CARDS])
    np.testing.assert_array_equal(found.matrix, [[30, 1, 0.5], [np.nan, np.nan, 0.25], [30, 1, np.nan]])
    assert found.found.tolist() == [[True, True], [False, True], [True, False]]


def test_no_keys_are_no_rows(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, [], source_version=1)
    assert store.look_up([], [PEOPLE]).matrix.shape == (0, 2)
    assert ages(store, 1) == [None]


@pytest.mark.parametrize("value", [0.1 + 0.2, 0.0, 5e-324, 1.7976931348623157e308])
def test_doubles_survive_bit_for_bit(store: OnlineStore, value: float) -> None:
    store.publish_full(PEOPLE, [(1, DAY, value, value)], source_version=1)
    assert store.look_up([(1,)], [PEOPLE]).matrix.tobytes() == np.array([[value, value]]).tobytes()


def test_a_full_publish_replaces_what_was_there(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, ONE, source_version=1)
    assert store.publish_full(PEOPLE, [(2, DAY, 40.0, 1.0)], source_version=2).rows == 1
    assert ages(store, 1, 2) == [None, 40.0]
    assert store.source_versions() == {"people": (PEOPLE.digest, 2)}


def test_an_older_run_changes_nothing(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, ONE, source_version=5)
    skipped = store.publish_full(PEOPLE, [(1, DAY, 1.0, 1.0)], source_version=4).skipped
    assert "version 5 of the source is live" in skipped
    assert ages(store, 1) == [30.0]


def test_the_same_publish_again_leaves_the_same(store: OnlineStore) -> None:
    for _ in range(2):
        store.publish_full(PEOPLE, ONE, source_version=1)
        store.publish_changes(PEOPLE, ONE, source_version=1)
    assert ages(store, 1) == [30.0]


def test_changes_add_and_update_and_a_newer_value_stays(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, [(1, 5 * DAY, 30.0, 1.0), (2, DAY, 40.0, 1.0)], source_version=3)
    offered = [(1, 4 * DAY, 1.0, 1.0), (2, 2 * DAY, 41.0, 1.0), (3, DAY, 50.0, 1.0)]
    store.publish_changes(PEOPLE, offered, source_version=4)
    assert ages(store, 1, 2, 3) == [30.0, 41.0, 50.0]
    # Of equal times the higher version of the source wins, whoever comes last.
    store.publish_changes(PEOPLE, [(2, 2 * DAY, 7.0, 1.0)], source_version=3)
    assert ages(store, 2) == [41.0]
    store.publish_changes(PEOPLE, [(2, 2 * DAY, 42.0, 1.0)], source_version=5)
    assert ages(store, 2) == [42.0]


def test_of_a_key_offered_twice_the_newest_counts(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, [], source_version=1)
    store.publish_changes(PEOPLE, [(1, 2 * DAY, 2.0, 1.0), (1, DAY, 1.0, 1.0)], source_version=1)
    assert ages(store, 1) == [2.0]


def test_any_order_of_runs_ends_with_the_newest(url: str) -> None:
    """Ten runs, five at once, each with a version of its own."""
    store = OnlineStore(url)
    store.publish_full(PEOPLE, [(1, 0, 0.0, 0.0)], source_version=0)

    def run(version: int) -> None:
        own = OnlineStore(url, timeout_s=30)
        own.publish_changes(PEOPLE, [(1, version * DAY, float(version), 0.0)], source_version=version)
        own.close()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(run, [4, 9, 2, 7, 10, 1, 8, 3, 6, 5]))
    assert ages(store, 1) == [10.0]
    assert store.source_versions()["people"][1] == 10
    store.close()


def test_a_reader_never_sees_half_a_publish(url: str) -> None:
    writer, reader = OnlineStore(url, timeout_s=30), OnlineStore(url, timeout_s=30)
    keys = [(number,) for number in range(200)]
    done = threading.Event()

    def publish(version: int) -> None:
        writer.publish_full(PEOPLE, [(*key, DAY, float(version), 0.0) for key in keys], source_version=version)

    def write() -> None:
        for version in range(1, 25):
            publish(version)
        done.set()

    publish(0)
    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        assert len(set(reader.look_up(keys, [PEOPLE]).matrix[:, 0].tolist())) == 1
    thread.join()
    assert set(reader.look_up(keys, [PEOPLE]).matrix[:, 0].tolist()) == {24.0}
    writer.close()
    reader.close()


def test_a_publish_that_fails_half_way_leaves_what_was_live(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, ONE, source_version=1)
    for publish in (store.publish_full, store.publish_changes):
        broken = ((number, DAY, 1 / (2 - number), 1.0) for number in range(1, 4))
        with pytest.raises(ZeroDivisionError):
            publish(PEOPLE, broken, source_version=2)
    assert ages(store, 1, 2) == [30.0, None]
    assert store.publish_full(PEOPLE, [(2, DAY, 40.0, 1.0)], source_version=2).rows == 1


@pytest.mark.parametrize("rows", [[(77, DAY, 1.0, 1.0)] * 2, [(None, DAY, 1.0, 1.0)], [(77, None, 1.0, 1.0)]])
def test_a_repeated_or_missing_key_is_refused_without_its_value(
    store: OnlineStore, rows: list[tuple[float | None, ...]]
) -> None:
    with pytest.raises(OnlineStoreError, match="was not published: a key comes twice, or") as error:
        store.publish_full(PEOPLE, rows, source_version=1)
    assert "77" not in str(error.value)
    with pytest.raises(OnlineStoreError, match="has no view 'people'"):
        ages(store, 1)


def test_stale_values_are_told_by_the_view_s_maximum_age(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, [(1, 3 * DAY, 30.0, 1.0), (2, DAY, 40.0, 1.0)], source_version=1)
    now = datetime.fromtimestamp(3.5 * 86_400, tz=UTC)
    assert store.look_up([(1,), (2,), (3,)], [PEOPLE]).stale(now)[:, 0].tolist() == [False, True, False]
    assert store.purge(PEOPLE, now_us=int(3.5 * DAY)) == 1
    assert ages(store, 1, 2) == [30.0, None]


def test_another_version_than_the_live_one_is_refused(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, ONE, source_version=1)
    other = replace(PEOPLE, digest="c" * 16)
    with pytest.raises(OnlineStoreError, match="cccccccccccccccc.*aaaaaaaaaaaaaaaa"):
        store.look_up([(1,)], [other])
    with pytest.raises(OnlineStoreError, match="cccccccccccccccc"):
        store.publish_changes(other, [], source_version=2)
    assert store.publish_full(other, ONE, source_version=1).rows == 1
    with pytest.raises(OnlineStoreError, match="aaaaaaaaaaaaaaaa"):
        ages(store, 1)


def test_a_view_that_was_not_published_is_named(store: OnlineStore) -> None:
    with pytest.raises(OnlineStoreError, match="has no view 'people'"):
        ages(store, 1)
    with pytest.raises(OnlineStoreError, match="has no view 'people'"):
        store.publish_changes(PEOPLE, [], source_version=1)


def test_all_missing_views_are_named_with_one_command_that_publishes_them(tmp_path: Path) -> None:
    opened = OnlineStore(f"sqlite:///{tmp_path}/online.db", environment="prod")
    boats = replace(PEOPLE, name="boats", features=("length",))
    yards = replace(PEOPLE, name="yards", features=("berths",))
    every = "boathouse features publish --view people --view boats --view yards --env prod"
    with pytest.raises(OnlineStoreError, match=every):
        opened.look_up([(1,)], [PEOPLE, boats, yards])
    opened.publish_full(PEOPLE, ONE, source_version=1)
    # The first view is there now: advice that named the first one would lead in a circle.
    with pytest.raises(OnlineStoreError) as caught:
        opened.look_up([(1,)], [PEOPLE, boats, yards])
    opened.close()
    assert "no view 'boats', 'yards'. " in str(caught.value)
    assert str(caught.value).endswith(": boathouse features publish --view boats --view yards --env prod")


def test_a_key_of_the_wrong_width_is_refused(store: OnlineStore) -> None:
    with pytest.raises(OnlineStoreError, match=r"2 value\(s\).*boat_id"):
        store.look_up([(1, 2)], [PEOPLE])


@pytest.mark.parametrize(
    "changes", [{"name": "People"}, {"features": ("a; drop",)}, {"keys": (("x", "double"),)}, {"keys": ()}]
)
def test_what_the_store_cannot_hold_is_refused(store: OnlineStore, changes: dict[str, object]) -> None:
    odd = replace(PEOPLE, **changes)  # type: ignore[arg-type]
    for act in (
        lambda: store.publish_full(odd, [], source_version=1),
        lambda: store.publish_changes(odd, [], source_version=1),
        lambda: store.look_up([(1,)], [odd]),
        lambda: store.purge(odd, now_us=0),
        lambda: online_views(FeatureSpec(views=(odd,))),
    ):
        with pytest.raises(OnlineStoreError, match=r"online store (cannot use|needs keys)"):
            act()


def test_every_declared_view_can_be_online() -> None:
    for view in VIEWS:
        online = view.spec
        assert (online.name, online.digest, online.features) == (view.name, view.digest, view.feature_names)


def test_a_folder_that_is_not_there_and_an_unknown_database(tmp_path: Path) -> None:
    with pytest.raises(OnlineStoreError, match="is not a folder"):
        OnlineStore(f"sqlite:///{tmp_path}/none/online.db").publish_full(PEOPLE, [], source_version=1)
    with pytest.raises(OnlineStoreError, match="not supported") as error:
        OnlineStore("mysql://somebody:secret@host/db")
    assert "secret" not in str(error.value)


def test_a_store_is_one_environment_s_and_refuses_every_other(url: str) -> None:
    prod, dev = (OnlineStore(url, environment=name) for name in ("prod", "dev"))
    assert prod.publish_full(PEOPLE, ONE, source_version=1).rows == 1
    changed = [(1, 2 * DAY, 99.0, 1.0)]
    attempts = (
        lambda: dev.publish_full(PEOPLE, changed, source_version=9),
        lambda: dev.publish_changes(PEOPLE, changed, source_version=9),
        lambda: dev.purge(PEOPLE, now_us=99 * DAY),
        lambda: dev.look_up([(1,)], [PEOPLE]),
        dev.live_views,
    )
    for attempt in attempts:
        with pytest.raises(OnlineStoreError, match="is that of environment 'prod'; 'dev' neither reads nor writes"):
            attempt()
    assert ages(prod, 1) == [30.0]
    assert prod.source_versions() == {"people": (PEOPLE.digest, 1)}
    for each in (prod, dev):
        each.close()


def test_a_new_store_is_nobody_s_until_something_is_published(url: str) -> None:
    dev = OnlineStore(url, environment="dev")
    assert dev.live_views() == {}
    with pytest.raises(OnlineStoreError, match="has no view 'people'"):
        ages(dev, 1)
    prod = OnlineStore(url, environment="prod")
    prod.publish_full(PEOPLE, ONE, source_version=1)
    prod.close()
    with pytest.raises(OnlineStoreError, match="environment 'prod'"):
        ages(dev, 1)
    dev.close()


def test_versions_of_another_table_in_its_place_say_nothing(store: OnlineStore) -> None:
    store.publish_full(PEOPLE, ONE, source_version=5, table_id="first")
    assert store.publish_full(PEOPLE, ONE, source_version=4, table_id="first").skipped
    assert store.publish_full(PEOPLE, [(1, DAY, 31.0, 1.0)], source_version=0, table_id="second").rows == 1
    assert ages(store, 1) == [31.0]
    assert store.live_views()["people"].table_id == "second"


def test_a_view_that_was_only_extended_answers_those_who_know_the_earlier_definition(store: OnlineStore) -> None:
    extended = replace(PEOPLE, digest="b" * 16, features=("rank", *PEOPLE.features))
    store.publish_full(extended, [(1, DAY, 7.0, 30.0, None)], source_version=1)
    with pytest.raises(OnlineStoreError, match=f"asked for in version {'a' * 16}, the online store has {'b' * 16}"):
        ages(store, 1)
    other = replace(extended, digest="c" * 16)
    store.publish_full(other, [(1, DAY, 7.0, 31.0, None)], source_version=2, extends=[PEOPLE.digest])
    assert ages(store, 1) == [31.0]
    assert store.look_up([(1,)], [other]).matrix[0].tolist()[:2] == [7.0, 31.0]
    with pytest.raises(OnlineStoreError, match="asked for in version"):
        store.look_up([(1,)], [extended])
