"""Time publishing to the online store and looking keys up, on SQLite and on a PostgreSQL of its own.

Usage: ``python benchmarks/online_store.py [--feast-python PATH]``. One view of ten features for 100,000 keys; look-ups
of one key, of a hundred and of ten thousand from three views at once. Beside the time on the clock stands the processor
time of this process, which other work on the machine does not lengthen. PostgreSQL is left out where its programs are
missing; Feast is asked where an interpreter that has it is named (see ``feast_reference.py``).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.feast_reference import run_feast
from boathouse.features.online.store import OnlineStore
from boathouse.scoring.feature_spec import ViewSpec
from tests.fixtures.needs import find_missing
from tests.fixtures.postgres_server import PostgresServer

KEYS, FEATURES, LOOK_UPS = 100_000, 10, 3_000
# Keys of a look-up, and how many look-ups are timed.
SIZES = {1: LOOK_UPS, 100: LOOK_UPS, 10_000: 30}
# Seconds for a publish, milliseconds at the 99th percentile for one key, for a hundred and for ten thousand.
BUDGETS = {"SQLite": (3.0, 0.1, 1.0, 200.0), "PostgreSQL": (5.0, 2.0, 5.0, 200.0)}


def make_view(number: int, features: int) -> ViewSpec:
    """Return a view whose features have names of their own."""
    names = tuple(f"f{number}_{place}" for place in range(features))
    return ViewSpec(name=f"view_{number}", digest="0" * 16, keys=(("customer_id", "bigint"),), features=names)


def measure(name: str, url: str) -> None:
    """Print what one database takes, beside its budgets."""
    store = OnlineStore(url, timeout_s=30)
    generator = random.Random(5)  # noqa: S311 - numbers to store, no secrets
    views = [make_view(0, FEATURES), make_view(1, 4), make_view(2, 9)]
    for view in views:
        rows = [(key, 1, *(generator.random() for _ in view.features)) for key in range(KEYS)]
        started = time.perf_counter()
        store.publish_full(view, rows, source_version=1)
        seconds = time.perf_counter() - started
        if view is views[0]:
            print(f"{name:<11} publish {KEYS:,} x {FEATURES}: {seconds:5.2f} s   budget {BUDGETS[name][0]:.0f} s")
    for (keys, times), budget in zip(SIZES.items(), BUDGETS[name][1:], strict=True):
        taken, worked = [], []
        for _ in range(times):
            asked = [(generator.randrange(KEYS),) for _ in range(keys)]
            started, work = time.perf_counter(), time.thread_time()
            store.look_up(asked, views)
            taken.append(time.perf_counter() - started)
            worked.append(time.thread_time() - work)
        half, most = np.percentile(taken, [50, 99]) * 1000
        cpu = np.percentile(worked, 99) * 1000
        shown = f"p50 {half:5.2f} ms, p99 {most:5.2f} ms (processor p99 {cpu:5.2f} ms)   budget {budget:g} ms"
        print(f"{name:<11} look up {keys:>6} key(s), 3 views: {shown}")
    store.close()


def main() -> None:
    """Measure both databases, and Feast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feast-python", default="", help="an interpreter that has Feast")
    options = parser.parse_args()
    if options.feast_python:
        for line in run_feast(options.feast_python, "online", KEYS, FEATURES, 500).splitlines():
            print(f"{'Feast':<11} {line}")
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/online.db")
    missing = find_missing().get("postgres")
    if missing:
        print(f"PostgreSQL left out: {missing}")
        return
    server = PostgresServer()
    try:
        server.start()
        measure("PostgreSQL", server.url)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
