"""Time the feature views over books of growing size, made by the simulation; memory and growth are shown.

Usage: ``python benchmarks/feature_views.py [--customers 100000,300000,1000000] [--months 24] [--engine sail]
[--views payment_behaviour,spending]``. Each size runs in a process of its own, from Parquet to Parquet,
a view after the other. Growth is time per row against that of the smallest size: 1.0 is linear; it is taken of the
processor's time, which other work on the machine changes less than the clock's. Budgets: growth below 1.5 from
100,000 to 1,000,000 customers, peak memory below 8 GB. ``--daily`` takes the windows by days as well; daily books are
about four times as large, so give smaller sizes. An engine in a process of its own (spark) shows neither its
processor time nor its memory here.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

PROJECT = Path(__file__).resolve().parents[1]
GROWTH_BUDGET, MEMORY_BUDGET_GB = 1.5, 8.0


def make_book(folder: Path, customers: int, *, months: int, daily: bool) -> tuple[float, float]:
    """Write the book in a process of its own; return its seconds and its peak memory in GB."""
    words = ["simulate", "--entities", customers, "--months", months, "--to", folder, "--format", "parquet"]
    words += ["--book", PROJECT / "data" / "01_raw", *(["--daily"] if daily else [])]
    program = (
        "import resource, sys; from boathouse.cli.main import cli; cli(sys.argv[1:], standalone_mode=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
    )
    started = time.perf_counter()
    shown = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], check=True, capture_output=True, text=True
    ).stdout
    return time.perf_counter() - started, float(shown.splitlines()[-1])


class PeakMemory:
    """The greatest resident memory of this process, in GB, within a block; read four times a second."""

    def __enter__(self) -> Self:
        """Begin to watch."""
        self.peak, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            self.peak = max(self.peak, pages * resource.getpagesize() / 2**30)

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()


def time_views(folder: Path, engine: str, names: list[str]) -> list[dict[str, Any]]:
    """Compute the views in this process and return name, rows, seconds and peak memory of each."""
    from boathouse.features.incremental import compute_view
    from boathouse.tables.engines import get_engine
    from boathouse.use_case import USE_CASE
    from boathouse.use_case.cleaning import clean_customers, clean_statements, clean_transactions

    session = get_engine(engine).session()
    cleaners = {"customers": clean_customers, "statements": clean_statements, "transactions": clean_transactions}
    found = []
    for view in USE_CASE.views:
        if view.name not in names:
            continue
        tables = [table.removeprefix("clean.") for table in view.source_names]
        sources = [cleaners[name](session.read.parquet(f"{folder}/01_raw/{name}.parquet")) for name in tables]
        target = f"{folder}/views/{view.name}"
        started, worked = time.perf_counter(), time.process_time()
        with PeakMemory() as memory:
            compute_view(view, sources).write.mode("overwrite").parquet(target)
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        rows = session.read.parquet(target).count()
        found.append({"view": view.name, "rows": rows, "seconds": seconds, "cpu": cpu, "memory": memory.peak})
    get_engine(engine).stop()
    return found


def run_size(folder: Path, engine: str, names: list[str]) -> list[dict[str, Any]]:
    """Run :func:`time_views` in a process of its own."""
    words = [__file__, "--inside", folder, "--engine", engine, "--views", ",".join(names)]
    done = subprocess.run([sys.executable, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True)
    measured: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return measured


def show(customers: int, measured: list[dict[str, Any]], smallest: dict[str, float]) -> None:
    """Print a line a view, with growth against the smallest size."""
    for each in measured:
        per_row = each["cpu"] / each["rows"]
        growth = per_row / smallest.setdefault(each["view"], per_row)
        speed = each["rows"] / each["seconds"]
        print(
            f"{customers:>10,}  {each['view']:<18} {each['rows']:>11,} rows {each['seconds']:>7.1f} s "
            f"{speed:>9,.0f} rows/s  cpu {each['cpu']:>6.1f} s  peak {each['memory']:>4.1f} GB "
            f"(budget {MEMORY_BUDGET_GB:g})  growth {growth:.2f} (budget {GROWTH_BUDGET})",
            flush=True,
        )


def main() -> None:
    """Print what each size took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", default="100000,300000,1000000")
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--engine", default="sail")
    parser.add_argument("--views", default="customer_profile,payment_behaviour,spending")
    parser.add_argument("--daily", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = [*options.views.split(","), *(["card_activity"] if options.daily else [])]
    if options.inside:
        print(json.dumps(time_views(options.inside, options.engine, names)))
        return
    smallest: dict[str, float] = {}
    for customers in map(int, options.customers.split(",")):
        with tempfile.TemporaryDirectory() as name:
            seconds, memory = make_book(Path(name), customers, months=options.months, daily=options.daily)
            print(f"{customers:>10,}  simulated in {seconds:.1f} s, peak {memory:.1f} GB", flush=True)
            show(customers, run_size(Path(name), options.engine, names), smallest)


if __name__ == "__main__":
    main()
