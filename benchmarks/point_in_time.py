"""Time the point-in-time join beside DuckDB's ASOF JOIN, a window join on classic Spark, and Feast.

Usage: ``python benchmarks/point_in_time.py [--engines sail,spark] [--rows 1000000] [--repeats 3]``. Spine rows by
five times as many feature rows of eight features, from Parquet to Parquet; the best of the repeats counts, and
the sums of two features must agree. Budget: 2.5 x DuckDB on Sail. With ``--feast-python PATH``, an interpreter of
an environment of its own that has Feast, Feast does a smaller join beside DuckDB and ours, and shows that it drops
repeated rows of a spine.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.feast_reference import run_feast
from boathouse.features.feature_view import FeatureView, Source
from boathouse.features.point_in_time import join_point_in_time
from boathouse.scoring.feature_spec import Feature
from boathouse.tables.engines import get_engine

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


def compare_with_feast(python: str, rows: int, repeats: int) -> None:
    """Print what Feast's historical join takes for fewer rows, beside DuckDB and ours; it holds them in memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, rows)
        oracle, _ = time_best(lambda: join_duckdb(folder), folder, repeats)
        print(f"{rows:,} spine rows: duckdb {oracle:6.2f} s")
        session = get_engine("sail").session()
        took, _ = time_best(partial(join_ours, session, folder), folder, repeats)
        get_engine("sail").stop()
        print(f"  sail ours {took:6.2f} s")
        print(f"  feast     {run_feast(python, 'join', folder)}")


def main() -> None:
    """Print times, ratios and what Feast keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="sail,spark")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--feast-python", default="", help="an interpreter that has Feast")
    parser.add_argument("--feast-rows", type=int, default=50_000)
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
    if options.feast_python:
        compare_with_feast(options.feast_python, options.feast_rows, options.repeats)


if __name__ == "__main__":
    main()
