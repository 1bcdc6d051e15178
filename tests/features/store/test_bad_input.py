"""What is declared, computed, joined, published or asked for wrongly: each has its answer, and none shows a key."""

from __future__ import annotations

import re
import sqlite3
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyspark.sql import functions as F

import boathouse.features.online.connections as connections_module
from boathouse.errors import BoathouseError, DataQualityError, FeatureError, OnlineStoreError, TableError
from boathouse.features.feature_view import Source, check_views
from boathouse.features.online.look_up import serve_features
from boathouse.features.online.store import OnlineStore
from boathouse.features.point_in_time import join_point_in_time
from boathouse.features.publishing import publish_view
from boathouse.features.usage import select_views
from boathouse.scoring.feature_spec import FeatureSpec
from tests.fixtures.boats import CARGO
from tests.fixtures.postgres_server import PostgresServer, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame

    from tests.features.store.conftest import Fleet, Logbook

__all__ = ["postgres"]
ONLINE = CARGO.spec
SECRET = 4_711_008_150
LOGBOOK: Logbook = {(SECRET, 4): (0, 100.0, 50.0), (2, 4): (0, 10.0, 5.0)}
CAPACITIES = {SECRET: 1000.0, 2: 100.0}
ROW = (SECRET, 0, *[1.0] * len(CARGO.features))


def compute_twice(trips: DataFrame, boats: DataFrame) -> DataFrame:
    """Return each row of the view twice."""
    rows = CARGO.compute(trips, boats)
    return rows.unionByName(rows)  # type: ignore[attr-defined, no-any-return]


def compute_text_time(trips: DataFrame, boats: DataFrame) -> DataFrame:
    """Return the view with its time as text."""
    rows = CARGO.compute(trips, boats)
    return rows.withColumn("seen_on", F.col("seen_on").cast("string"))  # type: ignore[attr-defined, no-any-return]


def made_from(name: str, source: str) -> Any:
    """Return a view made from another table."""
    feature = replace(CARGO.features[0], name=f"of_{name}")
    return replace(CARGO, name=name, features=(feature,), sources=(Source(table=source, columns=("boat_id",)),))


def refuse(error: type[BoathouseError], match: str, act: Callable[[], object]) -> None:
    """Expect the error, and no key in it or in what it was raised from."""
    with pytest.raises(error, match=match) as caught:
        act()
    assert str(SECRET) not in "".join(traceback.format_exception(caught.value, chain=True)).replace("SECRET", "")


DECLARED: dict[str, tuple[str, Callable[[], object]]] = {
    "a view without keys": ("has no keys", lambda: replace(CARGO, keys=())),
    "features of one view colliding by name": (
        "declares more than once: weight",
        lambda: replace(CARGO, features=CARGO.features[:1] * 2),
    ),
    "features of two views colliding by name": (
        "weight in cargo, other",
        lambda: check_views([CARGO, replace(CARGO, name="other", features=CARGO.features[:1])]),
    ),
    "a circular source": (
        "in a circle: features.one, features.two",
        lambda: check_views([made_from("one", "features.two"), made_from("two", "features.one")]),
    ),
    "a view made from a missing view": (
        "features.nobody, which no view declares",
        lambda: check_views([made_from("one", "features.nobody")]),
    ),
    "a spec naming a version no longer there": (
        r"m 1 was trained on cargo version 1 \(d2-\w{16}\); declared are",
        lambda: select_views(
            FeatureSpec.describe(["weight"], [CARGO], []), [replace(CARGO, max_age_days=3)], model="m 1"
        ),
    ),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declarations(name: str) -> None:
    match, act = DECLARED[name]
    refuse(FeatureError, match, act)


COMPUTED: dict[str, tuple[type[BoathouseError], str, Callable[[Fleet], object]]] = {
    "duplicate keys at one time": (
        DataQualityError,
        r"(?s)features\.cargo.*keys_unique",
        lambda fleet: fleet.refresher.refresh(replace(CARGO, compute=compute_twice)),
    ),
    "a time column of the wrong type": (
        TableError,
        r"(?s)seen_on.*date.*string",
        lambda fleet: fleet.refresher.refresh(replace(CARGO, compute=compute_text_time)),
    ),
    "a missing source": (
        TableError,
        r"clean\.nothing' does not exist in environment 'test'.*data_prep",
        lambda fleet: fleet.refresher.refresh(made_from("one", "clean.nothing")),
    ),
    "a view that was never computed": (
        TableError,
        r"features\.one' does not exist in environment 'test'.*feature_engineering",
        lambda fleet: fleet.refresher.read(made_from("one", "clean.trips")),
    ),
    "a spine with a time of another type": (
        FeatureError,
        "cargo.seen_on is date, the spine's at is timestamp",
        lambda fleet: join_point_in_time(
            fleet.session.createDataFrame([], "boat_id bigint, at timestamp"),
            [(CARGO, fleet.session.createDataFrame([], _schema()))],
            spine_time="at",
        ),
    ),
}


def _schema() -> str:
    return "boat_id bigint, seen_on date, " + ", ".join(f"{name} double" for name in CARGO.feature_names)


@pytest.mark.parametrize("name", COMPUTED)
def test_computing_and_joining(fleet: Fleet, name: str) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    error, match, act = COMPUTED[name]
    refuse(error, match, lambda: act(fleet))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    """Return a store with one row of cargo."""
    server = request.param == "postgresql" and request.getfixturevalue("postgres")
    opened = OnlineStore(server.make_database() if server else f"sqlite:///{tmp_path}/online.db", timeout_s=3)
    opened.publish_full(ONLINE, [ROW], source_version=1)
    yield opened
    opened.close()


ASKED: dict[str, tuple[str, Callable[[OnlineStore], object]]] = {
    "a missing view": (
        "has no view 'other'",
        lambda store: store.look_up([(SECRET,)], [replace(ONLINE, name="other")]),
    ),
    "a version no longer there": (
        "asked for in version 0000000000000000",
        lambda store: store.look_up([(SECRET,)], [replace(ONLINE, digest="0" * 16)]),
    ),
    "a key with a part too many": (r"A key has 2 value\(s\)", lambda store: store.look_up([(SECRET, 1)], [ONLINE])),
    "a key of another type": (
        "A key's boat_id is str; int is expected",
        lambda store: store.look_up([(1,), (str(SECRET),)], [ONLINE]),
    ),
    "a number for a text": ("boat_id is float; int", lambda store: store.look_up([(float(SECRET),)], [ONLINE])),
    "a key of more than 64 bits": (
        "more than 64 bits",
        lambda store: store.look_up([(SECRET * 10**20,)], [ONLINE]),
    ),
    "a key twice in a publish": (
        "a key comes twice, or a key or time is missing",
        lambda store: store.publish_full(ONLINE, [ROW, ROW], source_version=2),
    ),
    "a key missing in a publish": (
        "a key comes twice, or a key or time is missing",
        lambda store: store.publish_full(ONLINE, [ROW, (None, *ROW[1:])], source_version=2),
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_asking_the_store(store: OnlineStore, name: str) -> None:
    match, act = ASKED[name]
    refuse(OnlineStoreError, match, lambda: act(store))
    # Whatever was wrong, what was live still is.
    assert store.look_up([(SECRET,)], [ONLINE]).found.all()


def test_an_unknown_key_and_no_key_are_unknown_and_no_error(store: OnlineStore) -> None:
    found = store.look_up([(SECRET,), (5,), (None,)], [ONLINE])
    assert found.found[:, 0].tolist() == [True, False, False]
    assert np.isnan(found.matrix[1:]).all()


def test_a_stale_value_is_unknown_and_says_so(store: OnlineStore) -> None:
    short = replace(CARGO, max_age_days=1)
    store.publish_full(short.spec, [ROW], source_version=1)
    spec = FeatureSpec.describe(["weight"], [short], [])
    for day, is_stale in ((2, False), (3, True)):
        now = datetime(1970, 1, day, tzinfo=UTC)
        found = serve_features(store, spec, ["weight"], [(SECRET,)], request={}, on_demand=[], now=now)
        assert bool(found.stale[0, 0]) is is_stale
        assert bool(np.isnan(found.matrix[0, 0])) is is_stale


@pytest.mark.parametrize(
    ("pragma", "match"),
    [("query_only = 1", "is read-only"), ("max_page_count = 4", "is full")],
    ids=["a store that is read-only", "a store that is full"],
)
def test_a_store_that_takes_nothing(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pragma: str, match: str
) -> None:
    fleet.write({(number, 4): (0, 1.0, 1.0) for number in range(4_000, 5_000)}, dict.fromkeys(range(4000, 5000), 9.0))
    fleet.refresher.refresh(CARGO)
    location, prepare = fleet.refresher.location(CARGO.table), connections_module._prepare_sqlite

    def prepare_broken(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.execute(f"PRAGMA {pragma}")

    with OnlineStoreFile(tmp_path) as url:
        monkeypatch.setattr(connections_module, "_prepare_sqlite", prepare_broken)
        broken = OnlineStore(url)
        refuse(
            OnlineStoreError, f"'cargo' was not published: .* {match}", lambda: publish_view(broken, CARGO, location)
        )
        assert broken.look_up([(2,)], [ONLINE]).found.all()
        broken.close()


class OnlineStoreFile:
    """A store in a file with one row."""

    def __init__(self, folder: Path) -> None:
        self._url = f"sqlite:///{folder}/online.db"

    def __enter__(self) -> str:
        store = OnlineStore(self._url)
        store.publish_full(ONLINE, [(2, *ROW[1:])], source_version=0)
        store.close()
        return self._url

    def __exit__(self, *_: object) -> None:
        """Leave the file to its folder."""


@pytest.mark.postgres
def test_a_store_that_is_down(fleet: Fleet, postgres: PostgresServer) -> None:
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    nobody = OnlineStore(re.sub(r":\d+/", ":1/", postgres.url), timeout_s=2)
    location = fleet.refresher.location(CARGO.table)
    for act in (lambda: publish_view(nobody, CARGO, location), lambda: nobody.look_up([(SECRET,)], [ONLINE])):
        refuse(OnlineStoreError, "does not answer", act)
