"""What Feast takes for the same work; run by the other benchmarks with an interpreter that has Feast.

Feast is no dependency and does not go into this environment: ``python -m venv /tmp/feast``, ``/tmp/feast/bin/pip
install feast``, then ``--feast-python /tmp/feast/bin/python`` with ``point_in_time.py`` or ``online_store.py``.

Usage: ``python feast_reference.py join FOLDER`` with ``spine`` and ``known`` (Parquet) in the folder, or
``python feast_reference.py online KEYS FEATURES LOOK_UPS``.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CONFIGURATION = """project: bench
provider: local
registry: {folder}/registry.db
online_store: {{type: sqlite, path: {folder}/online.db}}
entity_key_serialization_version: 3
"""


def run_feast(python: str, *words: object) -> str:
    """Return what this program prints under the interpreter ``python``, or why it could not run."""
    command = [python, __file__, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"


def open_store(folder: Path, names: list[str], source: Path) -> Any:  # noqa: ANN401 - Feast is not installed here
    """Return a store with one view of doubles keyed by a number."""
    import feast
    from feast.types import Float64

    (folder / "feature_store.yaml").write_text(CONFIGURATION.format(folder=folder), encoding="utf-8")
    entity = feast.Entity(name="key", join_keys=["key"], value_type=feast.ValueType.INT64)
    view = feast.FeatureView(
        name="view",
        entities=[entity],
        schema=[feast.Field(name=name, dtype=Float64) for name in names],
        source=feast.FileSource(path=str(source), timestamp_field="known_on"),
        ttl=timedelta(days=99_999),
    )
    store = feast.FeatureStore(repo_path=str(folder))
    store.apply([entity, view])
    return store


def join(folder: Path) -> None:
    """Print how long the historical join takes, and what it keeps of a spine in which each row comes twice."""
    import pandas as pd

    known, spine = (pd.read_parquet(folder / name) for name in ("known", "spine"))
    names = [name for name in known.columns if name.startswith("f")]
    known["known_on"] = pd.to_datetime(known["known_on"], utc=True).astype("datetime64[us, UTC]")
    spine["event_timestamp"] = pd.to_datetime(spine["asked_on"], utc=True).astype("datetime64[us, UTC]")
    spine = spine[["key", "event_timestamp"]]
    source = folder / "feast.parquet"
    known.to_parquet(source)
    store = open_store(folder, names, source)
    features = [f"view:{name}" for name in names]
    started = time.perf_counter()
    found = store.get_historical_features(spine, features).to_df()
    seconds = time.perf_counter() - started
    twice = pd.concat([spine.head(1_000)] * 2)
    kept = len(store.get_historical_features(twice, features).to_df())
    print(f"{seconds:6.2f} s   {len(found):,} of {len(spine):,} spine rows kept")
    print(f"  of 1,000 spine rows given twice it keeps {kept:,} of {len(twice):,}")


def online(folder: Path, keys: int, features: int, look_ups: int) -> None:
    """Print how long publishing and looking up take."""
    import numpy as np
    import pandas as pd

    names = [f"f{number}" for number in range(features)]
    table = pd.DataFrame(np.random.default_rng(1).random((keys, features)), columns=names)
    table.insert(0, "key", np.arange(keys))
    table["known_on"] = pd.Timestamp(datetime(2005, 1, 1, tzinfo=UTC)).as_unit("us")
    source = folder / "table.parquet"
    table.to_parquet(source)
    store = open_store(folder, names, source)
    started = time.perf_counter()
    store.write_to_online_store("view", table)
    print(f"publish {keys:,} x {features}: {time.perf_counter() - started:5.2f} s")
    asked, generator = [f"view:{name}" for name in names], random.Random(5)  # noqa: S311 - keys to ask for
    for count in (1, 100):
        taken = []
        for _ in range(max(20, look_ups // count)):
            rows = [{"key": generator.randrange(keys)} for _ in range(count)]
            started = time.perf_counter()
            store.get_online_features(features=asked, entity_rows=rows)
            taken.append(time.perf_counter() - started)
        half, most = np.percentile(taken, [50, 99]) * 1000
        print(f"look up {count:>3} key(s): p50 {half:5.2f} ms, p99 {most:5.2f} ms")


def main() -> None:
    """Do what the first word says."""
    if sys.argv[1] == "join":
        join(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        online(Path(folder), *map(int, sys.argv[2:5]))


if __name__ == "__main__":
    main()
