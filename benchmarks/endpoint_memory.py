"""Watch the memory of a worker over many requests.

Usage: ``python benchmarks/endpoint_memory.py [--requests 1000000]``. Starts ``boathouse serve`` with one worker and
asks with wrk, by turns one row, a key and a request that is refused; prints the worker's resident memory ten times.
Memory counts as flat if the last half of the requests adds less than 5 % to it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx

from benchmarks.endpoint import ROOT, ask, build_house, running

STEPS, LIMIT = 10, 1.05


def read_memory_mb(pattern: str) -> float:
    """Return the resident memory of the process whose command line has ``pattern``, in megabytes."""
    found = subprocess.run(["pgrep", "-n", "-f", pattern], capture_output=True, text=True, check=True).stdout.split()
    status = Path(f"/proc/{found[0]}/status").read_text(encoding="utf-8")
    [line] = [each for each in status.splitlines() if each.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def count_requests(url: str) -> int:
    """Return how many requests the server has answered."""
    text = httpx.get(f"{url}/metrics").text
    return sum(
        int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("boathouse_requests_total{")
    )


def main() -> None:
    """Ask, and watch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    wanted = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_house(folder)
        (folder / "refused.json").write_text('{"dataframe_records": [{"customer_id": "x"}]}', encoding="utf-8")
        command = [sys.executable, "-m", "boathouse", "serve", "--env", "test", "--port", "0", "--no-access-log"]
        with running([*command, "--conf-source", str(ROOT / "conf")], folder, None) as (url, _):
            measured = []
            for step in range(1, STEPS + 1):
                while count_requests(url) < wanted * step // STEPS:
                    for body in ("one", "key", "refused"):
                        ask(url, folder, body, seconds=1, connections=4)
                measured.append(read_memory_mb("boathouse.serving.worker"))
                print(f"{count_requests(url):>10,} requests: {measured[-1]:6.1f} MB", flush=True)
        growth = measured[-1] / measured[STEPS // 2 - 1]
        print(f"last half: x {growth:.3f} ({'flat' if growth < LIMIT else 'NOT FLAT'})")


if __name__ == "__main__":
    main()
