"""How long commands take: those that only read the ledger, and those that move aliases.

Usage: ``python benchmarks/commands.py DATA [--env dev] [--runs 3]``. DATA is the data folder of a finished run; a copy
of its ledgers and its MLflow store is worked on. Limits, on a machine with nothing else to do: 1 s for an id that is
none, 2 s for reading, 5 s for moving aliases. Where other work is going on the processor time beside the wall time
counts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# Seconds of wall time, and the commands that have to end within them; a refusal takes as long as what it refuses.
LIMITS = {
    1.0: ("trace 999999", f"trace {'0' * 32}", "trace no-id"),
    2.0: ("models list", "models show", "requests list", "audit verify", "models compare 1 2"),
    5.0: ("models sync", "models request 1 --to staging --comment x", "models rollback --comment x"),
}


@dataclass(frozen=True)
class Taken:
    """Seconds that one process took: on the clock, and of the processor."""

    wall: float
    work: float


def run(words: list[str], data: str) -> Taken:
    """Return what ``boathouse WORDS`` takes; it may refuse."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "boathouse", *words],
        cwd=PROJECT,
        env=os.environ | {"BOATHOUSE_DATA": data, "PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if "Traceback" in done.stderr:
        message = f"boathouse {' '.join(words)} failed:\n{done.stderr}"
        raise RuntimeError(message)
    return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def copy_state(data: Path, target: Path) -> None:
    """Copy what commands read and write; files of models stay where the store says that they are."""
    for name in ("lakehouse", "lakehouse_anchors"):
        if (data / name).exists():
            shutil.copytree(data / name, target / name)
    for file in data.glob("mlflow.db*"):
        shutil.copy(file, target)


def main() -> None:
    """Print the median of each command, after one run that warms up, and whether it is within its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--env", default="dev")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy_state(given.data, Path(folder))
        for limit, commands in LIMITS.items():
            for command in commands:
                words = [*command.split(), "--env", given.env]
                run(words, folder)
                taken = [run(words, folder) for _ in range(given.runs)]
                wall = statistics.median(each.wall for each in taken)
                work = statistics.median(each.work for each in taken)
                verdict = "within" if wall <= limit else "over"
                shown = command.replace("0" * 32, "PREDICTION_ID")
                print(f"{shown:<44}{wall:6.2f} s, {work:5.2f} s of it work; {verdict} {limit:g} s")


if __name__ == "__main__":
    main()
