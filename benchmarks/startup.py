"""Time what a user waits for before any work starts, and print it.

Usage: ``python benchmarks/startup.py [--runs 3]``. ``trivial run`` executes the node that reads one
parameter and one small table of a finished data preparation, so it holds start-up, not work.
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
COMMANDS = {
    "boathouse --help": ["-m", "boathouse", "--help"],
    "boathouse doctor": ["-m", "boathouse", "doctor"],
    "trivial run": ["-m", "kedro", "run", "--nodes", "data_prep.ingest_defaults"],
}


def time_command(arguments: list[str], folder: str) -> float:
    """Return the wall seconds of one Python process with ``arguments``."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=os.environ | {"BOATHOUSE_DATA": folder},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def main() -> None:
    """Print the median seconds of each command after one warm-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PROJECT / "data" / "01_raw", Path(folder) / "01_raw")
        for name, arguments in COMMANDS.items():
            time_command(arguments, folder)
            median = statistics.median(time_command(arguments, folder) for _ in range(runs))
            print(f"{name:<20}{median:6.2f} s")


if __name__ == "__main__":
    main()
