"""Hold a load on ``boathouse serve`` while everything around it is disturbed, and check what was promised.

Usage: ``python benchmarks/endpoint_disturbed.py [--seconds 60] [--share 0.8]``. Two workers; requests by features and
by key, sent when they are due, at ``--share`` of what a ramp before found the server to do. Meanwhile, in turn, the
champion changes, the online store is killed and started again, a worker is killed, the inference log is compacted.
Then one worker gets the bodies of ``hostile_bodies.py``; what ``/ping`` and its memory feel of them is printed.
Exit code 1 if a score is not that of the version named, if a log row that was on disk is missing, if one is missing
that was answered longer than ``flush_seconds`` before a kill, or if one is there twice. Errors are counted by cause
and are no failure: a server at its limit refuses some requests, and one that is killed leaves its own unanswered.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.disturbed_workspace import build_workspace, running_store
from benchmarks.endpoint import MODEL, ROOT, running
from benchmarks.hostile_bodies import find_worker, measure
from benchmarks.open_load import Answered, Client, Tally

CONF = ["--env", "test", "--conf-source", str(ROOT / "conf")]
_ID = re.compile(rb'"databricks_request_id":"([0-9a-f]{32})"')
# Seconds from one disturbance to the next, at most.
_APART_S = 4.0


@dataclass
class JournalTail:
    """The ids of all rows that were seen on disk, in the journals of all workers."""

    folder: Path
    seen: set[str] = field(default_factory=set)
    _offsets: dict[Path, int] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        """Read what was added; a file that has gone meanwhile is in the table."""
        with self._turn:
            for path in self.folder.glob("[0-9]*/*.jsonl"):
                try:
                    with path.open("rb") as file:
                        file.seek(self._offsets.get(path, 0))
                        data = file.read()
                except FileNotFoundError:
                    continue
                whole = data.rfind(b"\n") + 1
                self._offsets[path] = self._offsets.get(path, 0) + whole
                self.seen.update(each.decode() for each in _ID.findall(data[:whole]))

    @contextmanager
    def following(self) -> Iterator[None]:
        """Look five times a second."""
        ended = threading.Event()

        def go_on() -> None:
            while not ended.wait(0.2):
                self.look()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@dataclass
class Disturber:
    """What happens to the server; notes when."""

    pid: int
    tail: JournalTail
    restart_store: Callable[[], None]
    happened: list[tuple[float, str]] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    changes: list[tuple[float, float, str]] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    champions: Iterator[str] = field(default_factory=lambda: itertools.cycle(["2", "1"]))

    async def go_on(self, seconds: float) -> None:
        """Do one after the other until ``seconds`` have passed."""
        apart, started = min(_APART_S, seconds / 5), time.perf_counter()
        acts = itertools.cycle([self.change_champion, self.restart, self.kill_worker, self.compact])
        tasks = []
        for number in itertools.count():
            due = apart * (number + 0.5)
            if due > seconds - apart / 2:
                break
            await asyncio.sleep(max(started + due - time.perf_counter(), 0))
            tasks.append(asyncio.create_task(asyncio.to_thread(next(acts))))
        await asyncio.gather(*tasks)

    def change_champion(self) -> None:
        """Make the other version champion."""
        from tests.fixtures.decided import decide

        version = next(self.champions)
        self._note("champion changed")
        before = time.perf_counter()
        decide(self.tail.folder.parents[1] / "lakehouse", MODEL, version)
        self.changes.append((before, time.perf_counter(), version))

    def restart(self) -> None:
        """Take the online store away for a moment."""
        self._note("store restarted")
        self.restart_store()
        self.returns.append(time.perf_counter())

    def kill_worker(self) -> None:
        """Kill the worker that has been running longest."""
        found = subprocess.run(["pgrep", "-o", "-P", str(self.pid)], capture_output=True, check=True)
        self.tail.look()
        self._note("worker killed")
        os.kill(int(found.stdout), signal.SIGKILL)
        self.kills.append(time.perf_counter())

    def compact(self) -> None:
        """Compact the table of the log."""
        self._note("log compacted")
        command = [sys.executable, "-m", "boathouse", "endpoints", "compact-log", *CONF]
        subprocess.run(command, check=True, capture_output=True)

    def _note(self, what: str) -> None:
        self.happened.append((time.perf_counter(), what))


@dataclass(frozen=True)
class Logged:
    """What became of the rows of the log.

    Attributes:
        rows: In the table.
        on_disk: Seen in a journal.
        lost_on_disk: Of these, not in the table.
        lost_in_memory: Answered at most ``flush_seconds`` before a kill and not in the table, as documented.
        lost: Answered otherwise and not in the table.
        doubled: More than once in the table.
        wrong: Rows that name another version than the answer.
    """

    rows: int
    on_disk: int
    lost_on_disk: int
    lost_in_memory: int
    lost: int
    doubled: int
    wrong: int


def judge_log(table: Path, answered: list[Answered], on_disk: set[str], kills: list[float]) -> Logged:
    """Compare the table with what was answered and what was on disk."""
    from deltalake import DeltaTable

    read = DeltaTable(str(table)).to_pyarrow_table(columns=["databricks_request_id", "model_version"]).to_pydict()
    ids = Counter(read["databricks_request_id"])
    versions = dict(zip(read["databricks_request_id"], read["model_version"], strict=True))
    missing = [each for each in answered if each.request_id not in ids]
    flush_s = read_flush_seconds()
    allowed = sum(any(each.sent <= kill and each.received >= kill - flush_s for kill in kills) for each in missing)
    return Logged(
        rows=len(read["databricks_request_id"]),
        on_disk=len(on_disk),
        lost_on_disk=len(on_disk - ids.keys()),
        lost_in_memory=allowed,
        lost=len(missing) - allowed,
        doubled=sum(count > 1 for count in ids.values()),
        wrong=sum(versions.get(each.request_id, each.version) != each.version for each in answered),
    )


def read_flush_seconds() -> float:
    """Return how much of the log a kill may lose, as configured."""
    document = yaml.safe_load((ROOT / "conf/base/serving/endpoints.yml").read_text(encoding="utf-8"))
    return float(document["missed_payment"]["boathouse"]["log"]["flush_seconds"])


def show(tally: Tally, disturber: Disturber, logged: Logged) -> None:
    """Print what was seen."""
    versions = Counter(each.version for each in tally.answered)
    shares = ", ".join(f"{count:,} by version {version}" for version, count in sorted(versions.items()))
    happened = Counter(what for _, what in disturber.happened)
    print(f"{'disturbances':<28} {', '.join(f'{count} x {what}' for what, count in happened.items())}")
    print(f"{'scored':<28} {len(tally.answered):,} of {tally.sent:,} requests: {shares}")
    print(f"{'latency':<28} p50 {tally.quantile(0.5):.1f} ms, p99 {tally.quantile(0.99):.1f} ms")
    after = ", ".join(f"{seconds:.1f}" for seconds in time_following(tally, disturber.changes))
    print(f"{'old champion answered until':<28} {after} s after a change")
    back = ", ".join(f"{seconds:.1f}" for seconds in time_recovering(tally, disturber.returns))
    print(f"{'look-ups failed until':<28} {back} s after the store was back")
    print(f"{'wrong scores':<28} {len(tally.wrong):,}   promised 0")
    print(f"{'errors':<28} {len(tally.errors):,} ({len(tally.errors) / max(tally.sent, 1):.2%})")
    for cause, count in Counter(cause for _, cause in tally.errors).most_common():
        print(f"{'':<28} {count:>6,} {cause}")
    for what, count in blame(tally, disturber).most_common():
        print(f"{'':<28} {count:>6,} after: {what}")
    print(f"{'log rows in the table':<28} {logged.rows:,}; {logged.on_disk:,} were seen on disk before")
    print(f"{'of those on disk, lost':<28} {logged.lost_on_disk:,}   promised 0")
    print(f"{'lost with a killed worker':<28} {logged.lost_in_memory:,}   of its last {read_flush_seconds():g} s")
    print(f"{'lost otherwise':<28} {logged.lost:,}   promised 0")
    print(f"{'doubled':<28} {logged.doubled:,}   promised 0")
    print(f"{'with another version':<28} {logged.wrong:,}   promised 0")


def time_following(tally: Tally, changes: list[tuple[float, float, str]]) -> list[float]:
    """Return for each change of the champion how many seconds later a request was last sent to the one before.

    Counted from the end of the change to the beginning of the next one.
    """
    ends = [before for before, _, _ in changes[1:]] + [float("inf")]
    found = []
    for (_, after, version), end in zip(changes, ends, strict=True):
        old = [each.sent for each in tally.answered if after <= each.sent < end and each.version != version]
        found.append(max(old, default=after) - after)
    return found


def time_recovering(tally: Tally, returns: list[float]) -> list[float]:
    """Return for each return of the online store how many seconds later a request still could not use it."""
    ends = [*returns[1:], float("inf")]
    found = []
    for back, end in zip(returns, ends, strict=True):
        failed = [when for when, cause in tally.errors if back <= when < end and "online store" in cause]
        # The store goes away again some time before it is back: those errors are of the next turn.
        found.append(max((when for when in failed if when < back + _APART_S), default=back) - back)
    return found


def blame(tally: Tally, disturber: Disturber) -> Counter[str]:
    """Return how many errors came after which disturbance, each counted for the last one before it."""
    found: Counter[str] = Counter()
    for when, _ in tally.errors:
        before = [what for time_, what in disturber.happened if time_ <= when]
        found[before[-1] if before else "none"] += 1
    return found


async def hold(client: Client, disturber: Disturber, share: float, seconds: float) -> tuple[Tally, list[Answered]]:
    """Return what came of the load, and all requests that were scored, those of the ramp included."""
    saturation, before = await client.find_saturation()
    rate = share * saturation
    print(f"{'saturation':<28} {saturation:,.0f} requests/s; held {rate:,.0f} for {seconds:g} s", flush=True)
    tally, _ = await asyncio.gather(client.load(rate, seconds, seed=1), disturber.go_on(seconds))
    client.close()
    return tally, [*before, *tally.answered]


def main() -> None:
    """Hold the load; say what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--share", type=float, default=0.8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_store(Path(name)) as store:
        workspace = build_workspace(Path(name), store.url)
        tail = JournalTail(workspace.journal)
        command = [sys.executable, "-m", "boathouse", "serve", *CONF, "--port", "0", "--workers", "2"]
        print(f"{'online store':<28} {store.kind}")
        with tail.following(), running([*command, "--store", store.url], Path(name), None) as (url, _, pid):
            client = Client(int(url.rsplit(":", 1)[1]), workspace.probes)
            disturber = Disturber(pid, tail, store.restart)
            tally, answered = asyncio.run(hold(client, disturber, given.share, given.seconds))
        # The server has ended in good order: what is not in the table now never comes.
        logged = judge_log(workspace.log, answered, tail.seen, disturber.kills)
        with running([*command[:-2], "--no-access-log", "--store", store.url], Path(name), None) as (url, _, pid):
            measure(url, find_worker(pid), Path(name), given.seconds / 20)
    show(tally, disturber, logged)
    for line in tally.wrong[:5]:
        print(f"{'WRONG':<28} {line}")
    if tally.wrong or logged.lost_on_disk or logged.lost or logged.doubled or logged.wrong:
        sys.exit("A promise was broken.")


if __name__ == "__main__":
    main()
