"""Time the whole loop on each engine, as a user runs it, and print the ratio.

Usage: ``python benchmarks/loop.py [--runs 1] [--engines sail spark]``. Each run gets an empty data
directory of its own with the shipped extracts, so it pays for creating every table and the MLflow store.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def time_loop(engine: str) -> float:
    """Return the wall seconds of one whole ``kedro run`` on ``engine``, from an empty lakehouse."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PROJECT / "data" / "01_raw", Path(folder) / "01_raw")
        environment = os.environ | {"BOATHOUSE_ENGINE": engine, "BOATHOUSE_DATA": folder}
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "kedro", "run"],
            cwd=PROJECT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - started


def main() -> None:
    """Print the median seconds an engine needs, and their ratio to the first engine's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="counted runs of each engine (default 1)")
    parser.add_argument("--engines", nargs="+", default=["sail", "spark"])
    arguments = parser.parse_args()
    seconds = {
        engine: statistics.median(time_loop(engine) for _ in range(arguments.runs)) for engine in arguments.engines
    }
    first = seconds[arguments.engines[0]]
    for engine, median in seconds.items():
        print(f"{engine:<12}{median:8.1f} s   {median / first:5.2f} x")


if __name__ == "__main__":
    main()
