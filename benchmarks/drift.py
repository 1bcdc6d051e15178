"""Every drift statistic of 1,000,000 rows x 20 columns against as many: seconds and peak memory.

Usage: ``python benchmarks/drift.py [rows] [columns]``.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pyarrow as pa

from boathouse.monitoring.drift import compare_tables
from boathouse.monitoring.effects import ENTITY
from boathouse.monitoring.options import DriftOptions
from boathouse.monitoring.reference import WatchedColumns

TARGET_SECONDS = 3.0
OPTIONS = DriftOptions(
    tolerated_effect=0.05,
    windows_between_alarms=10,
    discrete_values=20,
    max_rows=1_000_000,
    reference_cohorts=1,
    ignored=(),
)


def make_table(rows: int, columns: int, *, seed: int, move: float) -> pa.Table:
    """Return a table half normal, half log-normal, its last column categorical, 1 % null."""
    generator = np.random.default_rng(seed)
    data: dict[str, pa.Array] = {}
    for number in range(columns - 1):
        values = generator.normal(move, 1.0, rows)
        data[f"x{number}"] = pa.array(np.exp(values) if number % 2 else values, mask=generator.random(rows) < 0.01)
    codes = generator.integers(0, 50, rows)
    # Every other entity of the current window stands in the reference too, each has two rows.
    data[ENTITY] = pa.array(np.arange(rows) // 2 * seed)
    data["kind"] = pa.DictionaryArray.from_arrays(codes, [f"kind {code}" for code in range(50)]).cast("string")
    return pa.table(data)


def main(rows: int = 1_000_000, columns: int = 20) -> None:
    """Make both windows, compare them, print what it took."""
    reference = make_table(rows, columns, seed=1, move=0.0)
    current = make_table(rows, columns, seed=2, move=0.1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    names = tuple(name for name in reference.column_names if name != ENTITY)
    compare_tables(reference, current, columns=WatchedColumns(inputs=names), options=OPTIONS)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{rows:,} rows x {columns} columns on each side, all statistics")
    print(f"time    {seconds:.2f} s (target {TARGET_SECONDS:.0f} s), {busy:.2f} s of processor")
    print(f"memory  {peak / 1024:,.0f} MB peak, {(peak - before) / 1024:,.0f} MB over the two tables")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
