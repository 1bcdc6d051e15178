"""Random histories of one feature table, published by what changed and in full; on any engine."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.features.feature_view import FeatureView, Source
from boathouse.features.online.store import OnlineStore
from boathouse.features.publishing import publish_view
from boathouse.scoring.feature_spec import Feature
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SCHEMA = "boat_id bigint, seen_on date, age double, crew double"
KEYS = [(number,) for number in range(7)]
# Key and day: features.
Rows = dict[tuple[int, int], tuple[float | None, float | None]]


def compute(rows: DataFrame) -> DataFrame:
    """Return the rows; the tests write the view's table themselves."""
    return rows


VIEW = FeatureView(
    name="boats",
    keys=(("boat_id", "bigint"),),
    time_column="seen_on",
    owner="club",
    description="Boats.",
    sources=(Source(table="clean.boats", columns=("boat_id",)),),
    features=tuple(Feature(name=name, description=name, unit="n", reason=name) for name in ("age", "crew")),
    compute=compute,
)


def commit(location: TableLocation, before: Rows, after: Rows, how: str) -> None:
    """Commit the way from ``before`` to ``after``: as an overwrite, or as one MERGE."""
    session = location.session()
    frame = session.createDataFrame(_lines(after), SCHEMA)
    if how == "overwrite":
        location.save(frame.write.format("delta").mode("overwrite"))
        return
    gone = session.createDataFrame(_lines({key: before[key] for key in before.keys() - after.keys()}), SCHEMA)
    changes = frame.selectExpr("*", "false AS gone").unionByName(gone.selectExpr("*", "true AS gone"))
    changes.createOrReplaceTempView("boat_changes")
    session.sql(
        f"MERGE INTO {location.sql_name} AS t USING boat_changes AS s "  # noqa: S608 - the test's own table
        "ON t.boat_id = s.boat_id AND t.seen_on = s.seen_on WHEN MATCHED AND s.gone THEN DELETE "
        "WHEN MATCHED AND NOT (t.age <=> s.age AND t.crew <=> s.crew) THEN UPDATE SET age = s.age, crew = s.crew "
        "WHEN NOT MATCHED AND NOT s.gone THEN INSERT (boat_id, seen_on, age, crew) "
        "VALUES (s.boat_id, s.seen_on, s.age, s.crew)"
    )


def _lines(rows: Rows) -> list[tuple[Any, ...]]:
    return [(key, date(2005, 1, 1) + timedelta(days=day), *values) for (key, day), values in sorted(rows.items())]


def content(store: OnlineStore) -> tuple[bytes, bytes]:
    """Return what the store answers for all keys, to the bit."""
    found = store.look_up(KEYS, [VIEW.spec])
    return (found.matrix + 0.0).tobytes(), found.times.tobytes()


def expected(rows: Rows) -> list[tuple[float | None, ...] | None]:
    """Return the features of each key's latest day, worked out without an engine."""
    latest = {key: max(day for other, day in rows if other == key) for key, _ in rows}
    return [rows[key, latest[key]] if key in latest else None for (key,) in KEYS]


def answers(store: OnlineStore) -> list[tuple[float | None, ...] | None]:
    """Return the features of each key as the store has them."""
    found = store.look_up(KEYS, [VIEW.spec])
    rows = [tuple(None if value != value else value for value in row) for row in found.matrix.tolist()]  # noqa: PLR0124
    return [row if there else None for row, there in zip(rows, found.found[:, 0].tolist(), strict=True)]


def follow(folder: Path, location: TableLocation, history: list[tuple[Rows, str]], *, pauses: list[bool]) -> list[str]:
    """Commit each state of ``history`` and publish it, at once or with the next; return what was said.

    Raises:
        AssertionError: If the store is not as after a full publish and as worked out by hand.
    """
    store, before, said = OnlineStore(f"sqlite:///{folder}/changes.db"), Rows(), []
    for number, ((rows, how), pause) in enumerate(zip(history, pauses, strict=True)):
        commit(location, before, rows, "overwrite" if number == 0 else how)
        before = rows
        if pause and number not in (0, len(history) - 1):
            continue
        said.append(publish_view(store, VIEW, location))
        whole = OnlineStore(f"sqlite:///{folder}/full_{number}.db")
        publish_view(whole, VIEW, location, mode="full")
        assert content(store) == content(whole), said
        assert answers(store) == expected(rows), said
        whole.close()
    store.close()
    return said


def make_history(seed: int, length: int = 6) -> list[tuple[Rows, str]]:
    """Return states that differ by inserts, updates, deletes and rows dated back."""
    generator = random.Random(seed)  # noqa: S311 - rows to store, no secrets

    def draw() -> float | None:
        return generator.choice([None, 0.0, 1.5, -2.0])

    rows: Rows = {(key, generator.randrange(9)): (draw(), draw()) for (key,) in KEYS[:5]}
    history = [(dict(rows), "overwrite")]
    for _ in range(length - 1):
        for _ in range(generator.randrange(4)):
            rows[generator.randrange(7), generator.randrange(9)] = (draw(), draw())
        for key in generator.sample(sorted(rows), min(len(rows) - 1, generator.randrange(3))):
            values = rows.pop(key)
            if generator.random() < 0.5:
                rows[key[0], max(0, key[1] - 3)] = values
        history.append((dict(rows), generator.choice(["overwrite", "merge", "merge"])))
    return history


def publish_with_a_late_feed(location: TableLocation, folder: str) -> str:
    """Publish over versions of which only the last has a change feed; return what was said."""
    store = OnlineStore(f"sqlite:///{folder}/late.db")
    states: list[Rows] = [{(1, 1): (1.0, 1.0)}, {(1, 1): (2.0, 1.0)}, {(1, 1): (2.0, 1.0), (2, 1): (3.0, 1.0)}]
    commit(location, {}, states[0], "overwrite")
    publish_view(store, VIEW, location)
    commit(location, states[0], states[1], "merge")
    location.session().sql(f"ALTER TABLE {location.sql_name} SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    commit(location, states[1], states[2], "merge")
    said = publish_view(store, VIEW, location)
    assert answers(store) == expected(states[2])
    store.close()
    return said


def publish_histories(engine: str, folder: str) -> list[str]:
    """Follow histories on ``engine``, with Delta's change feed where it has one; return what publishing said."""
    said: list[str] = []
    for number, feed in enumerate([True, False]):
        location = TableLocation(f"test.features.boats{number}", engine, f"{folder}/lake")
        own = Path(folder) / str(number)
        own.mkdir()
        if feed:
            location.session().sql(
                f"CREATE TABLE {location.sql_name} ({SCHEMA}) USING delta "
                "TBLPROPERTIES (delta.enableChangeDataFeed = true)"
            )
        said += follow(own, location, make_history(number), pauses=[False, True] * 3)
    return [*said, f"late: {publish_with_a_late_feed(TableLocation('test.features.late', engine, folder), folder)}"]
