"""Watch the memory of a worker over many requests.

Usage: ``python benchmarks/endpoint_memory.py [--requests 1000000]``. Starts ``boathouse serve`` with one worker and
asks with wrk, by turns one row, a key and a request that is refused; prints the worker's resident memory ten times.
Memory counts as flat if the last half of the requests adds less than 5 % to it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx

from benchmarks.endpoint import ROOT, ask, build_workspace, running

STEPS, LIMIT = 10, 1.05


def read_metrics(url: str) -> tuple[int, float]:
    """Return how many requests the worker has answered, and its resident memory in megabytes."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    requests = sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("boathouse_requests_total{"))
    [memory] = [int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("boathouse_worker_memory_bytes ")]
    return requests, memory / 2**20


def main() -> None:
    """Ask, and watch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    wanted = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_workspace(folder)
        (folder / "refused.json").write_text('{"dataframe_records": [{"customer_id": "x"}]}', encoding="utf-8")
        command = [sys.executable, "-m", "boathouse", "serve", "--env", "test", "--port", "0", "--no-access-log"]
        with running([*command, "--conf-source", str(ROOT / "conf")], folder, None) as (url, _, pid):
            measured = []
            for step in range(1, STEPS + 1):
                while read_metrics(url)[0] < wanted * step // STEPS:
                    for body in ("one", "key", "refused"):
                        ask(url, folder, body, pid=pid, seconds=1, connections=4)
                requests, memory_mb = read_metrics(url)
                measured.append(memory_mb)
                print(f"{requests:>10,} requests: {memory_mb:6.1f} MB", flush=True)
        growth = measured[-1] / measured[STEPS // 2 - 1]
        print(f"last half: x {growth:.3f} ({'flat' if growth < LIMIT else 'NOT FLAT'})")


if __name__ == "__main__":
    main()
