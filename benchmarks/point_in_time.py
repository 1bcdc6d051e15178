"""Time the point-in-time join beside DuckDB's ASOF JOIN, a window join on classic Spark, and Feast.

Usage: ``python benchmarks/point_in_time.py [--engines sail,spark] [--rows 1000000] [--repeats 3]``. Spine rows by
five times as many feature rows of eight features, from Parquet to Parquet; the best of the repeats counts, and
the sums of two features must agree. Budget: 2.5 x DuckDB on Sail. Feast, which is no dependency, is asked
for a thousand of the rows where it is installed, to show that it drops repeated rows of a spine.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from boathouse.core.features import Feature, FeatureView, Source, join_point_in_time
from boathouse.engines import get_engine

BUDGET = 2.5
NAMES = [f"f{number}" for number in range(8)]
ROWS_A_KEY, DAYS = 25, 30


def compute(rows: DataFrame) -> DataFrame:
    """Return the rows; the view is only joined here."""
    return rows


VIEW = FeatureView(
    name="view",
    keys=(("key", "bigint"),),
    time_column="known_on",
    owner="benchmark",
    description="Random numbers.",
    sources=(Source(table="clean.rows", columns=("key",)),),
    features=tuple(Feature(name=name, description=name, unit="n", reason=name) for name in NAMES),
    compute=compute,
)


def write_tables(folder: Path, rows: int) -> None:
    """Write spine and features in random order."""
    generator = np.random.default_rng(1)
    keys = rows * 5 // ROWS_A_KEY
    order = generator.permutation(keys * ROWS_A_KEY)
    key = np.repeat(np.arange(keys), ROWS_A_KEY)[order]
    day = np.tile(np.arange(ROWS_A_KEY) * DAYS, keys)[order] + generator.integers(0, DAYS, len(order))
    known = {"key": key, "known_on": pa.array(day.astype(np.int32)).cast(pa.date32())}
    pq.write_table(pa.table(known | {name: generator.normal(size=len(order)) for name in NAMES}), folder / "known")
    asked = pa.array(generator.integers(0, ROWS_A_KEY * DAYS, rows).astype(np.int32)).cast(pa.date32())
    spine = {"key": generator.integers(0, keys, rows), "asked_on": asked, "label": generator.integers(0, 2, rows)}
    pq.write_table(pa.table(spine), folder / "spine")


def join_duckdb(folder: Path) -> None:
    """Join by ASOF JOIN on two threads."""
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    features = ", ".join(f"k.{name}" for name in NAMES)
    connection.execute(
        f"COPY (SELECT s.*, {features} FROM read_parquet('{folder}/spine') s ASOF LEFT JOIN "  # noqa: S608
        f"read_parquet('{folder}/known') k ON s.key = k.key AND s.asked_on >= k.known_on) "
        f"TO '{folder}/joined/all.parquet' (FORMAT parquet)"
    )


def join_ours(session: SparkSession, folder: Path) -> None:
    """Join by ours."""
    spine, known = (session.read.parquet(f"{folder}/{name}") for name in ("spine", "known"))
    joined = join_point_in_time(spine, [(VIEW, known)], spine_time="asked_on")
    joined.write.mode("overwrite").parquet(f"{folder}/joined")


def join_by_window(session: SparkSession, folder: Path) -> None:
    """Join as it is usually written: all columns of both sides through one window."""
    spine, known = (session.read.parquet(f"{folder}/{name}") for name in ("spine", "known"))
    sides = spine.withColumn("at", F.col("asked_on")).unionByName(
        known.withColumnRenamed("known_on", "at").withColumn("row", F.struct(*NAMES)), allowMissingColumns=True
    )
    order = Window.partitionBy("key").orderBy("at", F.col("asked_on").isNotNull())
    latest = F.last("row", ignorenulls=True).over(order.rowsBetween(Window.unboundedPreceding, 0))
    found = sides.withColumn("row", latest).where(F.col("asked_on").isNotNull())
    found.select("key", "asked_on", "label", "row.*").write.mode("overwrite").parquet(f"{folder}/joined")


def time_best(work: Callable[[], None], folder: Path, repeats: int) -> tuple[float, tuple[int, float, float]]:
    """Return the shortest time in seconds, and rows and sums of the result."""
    seconds = []
    for _ in range(repeats):
        shutil.rmtree(folder / "joined", ignore_errors=True)
        (folder / "joined").mkdir()
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    query = f"SELECT count(*), sum(f0), sum(f7) FROM read_parquet('{folder}/joined/*.parquet')"  # noqa: S608
    return min(seconds), duckdb.connect().execute(query).fetchall()[0]


def count_feast_rows(folder: Path) -> str:
    """Return how many rows Feast's historical join gives for a spine in which each row comes twice."""
    try:
        import feast
        from feast.types import Float64
    except ImportError:
        return "not installed: pip install feast, in an environment of its own"
    duck = duckdb.connect()
    known = duck.execute(f"SELECT * FROM read_parquet('{folder}/known') WHERE key < 1000").df()  # noqa: S608
    known["known_on"] = known["known_on"].astype("datetime64[us, UTC]")
    known.to_parquet(folder / "feast.parquet")
    entity = feast.Entity(name="key", join_keys=["key"], value_type=feast.ValueType.INT64)
    source = feast.FileSource(path=str(folder / "feast.parquet"), timestamp_field="known_on")
    fields = [feast.Field(name=name, dtype=Float64) for name in NAMES]
    view = feast.FeatureView(name="view", entities=[entity], schema=fields, source=source, ttl=timedelta(days=9_999))
    (folder / "feature_store.yaml").write_text("project: bench\nprovider: local\nregistry: r.db\n")
    store = feast.FeatureStore(repo_path=str(folder))
    store.apply([entity, view])
    spine = duck.execute(
        f"SELECT key, asked_on AS event_timestamp FROM read_parquet('{folder}/spine') "  # noqa: S608
        "WHERE key < 1000 LIMIT 1000"
    ).df()
    spine["event_timestamp"] = spine["event_timestamp"].astype("datetime64[us, UTC]")
    twice = spine.loc[spine.index.repeat(2)]
    started = time.perf_counter()
    found = store.get_historical_features(twice, [f"view:{name}" for name in NAMES]).to_df()
    return f"{len(found):,} of {len(twice):,} spine rows kept, {time.perf_counter() - started:.1f} s"


def main() -> None:
    """Print times, ratios and what Feast keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="sail,spark")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, options.rows)
        oracle, expected = time_best(lambda: join_duckdb(folder), folder, options.repeats)
        print(f"duckdb ASOF JOIN  {oracle:6.2f} s   {expected[0]:,} rows")
        for engine in options.engines.split(","):
            session = get_engine(engine).session()
            joins = [("ours", join_ours), *([("window join", join_by_window)] if engine == "spark" else [])]
            for title, join in joins:
                took, found = time_best(partial(join, session, folder), folder, options.repeats)
                equal = found[0] == expected[0] and np.allclose(found[1:], expected[1:], atol=1e-6)
                budget = f", budget {BUDGET}" if (title, engine) == ("ours", "sail") else ""
                agrees = "same result" if equal else f"ANOTHER RESULT {found}"
                print(f"{engine} {title:<12} {took:6.2f} s   {took / oracle:4.1f} x duckdb{budget}, {agrees}")
            get_engine(engine).stop()
        print(f"feast: {count_feast_rows(folder)}")


if __name__ == "__main__":
    main()
