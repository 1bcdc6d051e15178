"""Send one worker bodies that are expensive to read, and see what others feel of it.

Usage: ``python benchmarks/hostile_bodies.py [--seconds 4]``. Each body is sent again and again with curl, by two
callers at a time, while ``/ping`` is asked every few milliseconds on another connection. Prints the answers to the
body, the p99 of ``/ping`` and by how much the worker's memory grew, beside the length of the body; first without any
body. Beside the p99 stands that of the processor time which the worker took while ``/ping`` waited: a busy machine
changes it little. Needs curl.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.endpoint import ROOT, build_workspace, running

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
BUDGET_MS, BUDGET_GROWTH = 50.0, 4.0
# What a worker takes at its first large request of a kind, libraries included, whatever the body.
_FIRST_BYTES = 64_000_000


def write_parquet(columns: dict[str, object], **options: object) -> bytes:
    """Return a table as a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def many_rows() -> bytes:
    """Return 60 million rows of one number, in a few hundred kilobytes."""
    return write_parquet({"customer_id": np.full(60_000_000, 7)}, compression="zstd", row_group_size=60_000_000)


def one_long_text() -> bytes:
    """Return 10,000 rows that all refer to one text of a megabyte."""
    import pyarrow as pa

    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000, np.int32)), pa.array(["x" * 1_000_000]))
    return write_parquet({"customer_id": np.arange(10_000), "note": column}, compression="zstd")


def legal_records(rows: int, **more: object) -> bytes:
    """Return records that the model answers."""
    from boathouse.use_case import USE_CASE

    record = dict.fromkeys(USE_CASE.feature_names, 1)
    return json.dumps({"dataframe_records": [record] * rows, **more}).encode()


def make_bodies() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Return content type and maker of each body by name."""
    fifteen = 15_000_000
    own = [{f"name_{number}": 1} for number in range(8_000)]
    return {
        "8,000 records, own names": (JSON, lambda: json.dumps({"dataframe_records": own}).encode()),
        "60 M rows of Parquet": (PARQUET, many_rows),
        "15 MB of []": (JSON, lambda: b'{"instances":[' + b"[]," * (fifteen // 3) + b"[]]}"),
        "1 M lines of CSV": (CSV, lambda: b"customer_id,amount\n" + b"17,1.5\n" * 1_000_000),
        "lists 7 M deep": (JSON, lambda: b'{"inputs":' + b"[" * (fifteen // 2) + b"]" * (fifteen // 2) + b"}"),
        "one text of 15 MB": (JSON, lambda: b'{"inputs":{"customer_id":"' + b'\\"' * (fifteen // 2) + b'"}}'),
        "a number of 15 MB": (JSON, lambda: b'{"inputs":{"customer_id":' + b"1" * fifteen + b"}}"),
        "1 M values, broken off": (JSON, lambda: b'{"inputs":{"customer_id":[' + b"17.5," * 900_000),
        "one line of 15 MB": (CSV, lambda: b"," * fifteen),
        "a quote never closed": (CSV, lambda: b'customer_id\n"' + b"17\n" * (fifteen // 3)),
        "15 MB of empty lines": (CSV, lambda: b"customer_id\n17\n" + b"\n" * fifteen),
        "1 MB text, 10,000 times": (PARQUET, one_long_text),
        "10,000 rows, legal": (JSON, lambda: legal_records(10_000)),
        "1,000 rows, explained": (JSON, lambda: legal_records(1_000, params={"explain": True})),
    }


@dataclass(frozen=True)
class Felt:
    """What others felt of a body: answers to it by status, milliseconds of ``/ping``, and bytes that memory grew.

    Of each ``/ping`` how long it took, and how long the worker's threads were running meanwhile.
    """

    statuses: Counter[str]
    pings_ms: list[tuple[float, float]]
    growth: int

    def p99(self) -> float:
        """Return the p99 of ``/ping`` in milliseconds."""
        return float(np.quantile([took for took, _ in self.pings_ms], 0.99))

    def describe(self) -> str:
        """Return the latencies as a line has them."""
        took, ran = np.array(self.pings_ms).T
        return f"/ping p99 {self.p99():6.1f} ms ({np.quantile(ran, 0.99):5.1f} running), longest {took.max():6.1f} ms"


def read_running_ms(pid: int) -> float:
    """Return how long the threads of a process have been running, in milliseconds."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text(encoding="ascii").split()[0]) for each in files) / 1e6


def ping(connection: socket.socket, worker: int) -> tuple[float, float]:
    """Return how long an answer took, and how long the worker was running meanwhile, in milliseconds."""
    ran = read_running_ms(worker)
    started = time.perf_counter()
    connection.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\n\n"):
        part = connection.recv(4096)
        if not part:
            break
        answer += part
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer)
    took = (time.perf_counter() - started) * 1000
    return took, read_running_ms(worker) - ran


def find_worker(pid: int) -> int:
    """Return the process of the only worker of a server."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True)
    [worker] = found.stdout.split()
    return int(worker)


def read_memory(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096


def send(url: str, file: Path, kind: str) -> subprocess.Popen[str]:
    """Begin to send a body."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Content-Type: {kind}", "-H", "Expect:"]
    command += ["--data-binary", f"@{file}", f"{url}/invocations"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def feel(url: str, worker: int, seconds: float, body: tuple[Path, str] | None) -> Felt:
    """Return what is felt while a body is sent for some seconds."""
    statuses: Counter[str] = Counter()
    pings: list[tuple[float, float]] = []
    senders: list[subprocess.Popen[str]] = []
    before, ends = read_memory(worker), time.monotonic() + seconds
    most = before
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as connection:
        while time.monotonic() < ends or senders:
            for sender in [each for each in senders if each.poll() is not None]:
                statuses[sender.communicate()[0]] += 1
                senders.remove(sender)
            while body is not None and len(senders) < 2 and time.monotonic() < ends:
                senders.append(send(url, *body))
            pings.append(ping(connection, worker))
            most = max(most, read_memory(worker))
            time.sleep(0.003)
    return Felt(statuses, pings, most - before)


def warm_up(url: str, folder: Path) -> None:
    """Let the worker import what it needs for a large request of each kind and for its log."""
    made = {JSON: legal_records(1000), PARQUET: write_parquet({"customer_id": [1, 2]}), CSV: b"customer_id\n1\n"}
    for kind, body in made.items():
        file = folder / "body"
        file.write_bytes(body)
        send(url, file, kind).wait()
    # Rows of the log go to its table after five seconds.
    time.sleep(8)


def measure(url: str, worker: int, folder: Path, seconds: float) -> bool:
    """Print a line for each body; return whether all were within the budgets."""
    warm_up(url, folder)
    quiet = feel(url, worker, seconds, None)
    print(f"{'none':<28} {quiet.describe()}", flush=True)
    kept = True
    for name, (kind, make) in make_bodies().items():
        file = folder / "body"
        file.write_bytes(make())
        length = file.stat().st_size
        felt = feel(url, worker, seconds, (file, kind))
        # Two are at work at a time.
        allowed = 2 * BUDGET_GROWTH * length + _FIRST_BYTES
        good = felt.p99() <= max(BUDGET_MS, 2 * quiet.p99()) and felt.growth <= allowed
        kept = kept and good
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(felt.statuses.items()))
        print(
            f"{name:<28} {felt.describe()}; body {length / 1e6:6.2f} MB, memory +{felt.growth / 1e6:6.1f} MB; {answers}"
            f"{'' if good else '   OVER BUDGET'}",
            flush=True,
        )
    return kept


def main() -> None:
    """Send all bodies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_workspace(folder)
        command = [sys.executable, "-m", "boathouse", "serve", "--env", "test", "--port", "0", "--no-access-log"]
        with running([*command, "--conf-source", str(ROOT / "conf")], folder, None) as (url, _, pid):
            if not measure(url, find_worker(pid), folder, seconds):
                sys.exit("A budget was not kept.")


if __name__ == "__main__":
    main()
