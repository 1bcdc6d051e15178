"""Time fits alone and beside busy processes, and print how many times as long they take.

Usage: ``python benchmarks/busy_machine.py [--busy 4] [--rows 30000] [--spinning]``. With ``--spinning`` also with
threads that wait busily, as ``OMP_WAIT_POLICY=ACTIVE`` has it: the package has them sleep.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ROUNDS, LEAVES, FEATURES = 60, 40, 21
# Imports the package first, as a run does.
PROGRAM = """
import json, sys, time
from boathouse.modelling.estimators import FITS
from types import SimpleNamespace
import numpy as np

rows, features, rounds, iterations = map(int, sys.argv[1:])
draws = np.random.default_rng(0)
matrix = draws.normal(size=(rows, features))
label = (matrix[:, 0] + draws.normal(size=rows) > 0).astype(int)
sample = SimpleNamespace(matrix=matrix, label=label)
taken = {}
for name, parameters in (
    ("xgboost", {"rounds": rounds, "max_depth": 4}),
    ("hist_gradient_boosting", {"max_iter": iterations}),
):
    started = time.perf_counter()
    FITS[name](sample, parameters, 0)
    taken[name] = time.perf_counter() - started
print(json.dumps(taken))
"""


def time_fits(rows: int, policy: str | None) -> dict[str, float]:
    """Return the seconds of each fit in a process of its own; with ``policy`` None as the package sets it."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if policy:
        environment["OMP_WAIT_POLICY"] = policy
    command = [sys.executable, "-c", PROGRAM, *map(str, (rows, FEATURES, ROUNDS, LEAVES))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    taken: dict[str, float] = json.loads(done.stdout)
    return taken


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep ``processes`` other processes busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()


def main() -> None:
    """Print the seconds, and how many times as long each fit takes beside the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, default=4)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--spinning", action="store_true")
    options = parser.parse_args()
    policies = {"sleeping": None} | ({"spinning": "ACTIVE"} if options.spinning else {})
    alone = time_fits(options.rows, None)
    for threads, policy in policies.items():
        with busy(options.busy):
            beside = time_fits(options.rows, policy)
        for name, seconds in alone.items():
            ratio = beside[name] / seconds
            print(
                f"{threads} {name:<24}{seconds:8.2f} s alone{beside[name]:8.2f} s beside {options.busy}{ratio:7.1f} x"
            )


if __name__ == "__main__":
    main()
