"""What the server counts, in Prometheus' text form; several workers are added up."""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boathouse.atomic_files import write_file

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
# Upper bounds of the latency histogram, in seconds.
BOUNDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_EVENTS = {
    "rejected": "Requests refused before they were looked at: queue full, or too many of one caller.",
    "connections_refused": "Connections beyond the limits, each refused or in the place of one that was late.",
    "connections_late": "Connections closed because the client was late with a request, or with taking an answer.",
    "look_up_failures": "Look-ups that the online store did not answer.",
    "last_known_answers": "Answers made from values last known.",
    "log_rows": "Entries of the inference log that are on disk.",
    "log_dropped": "Entries of the inference log that were dropped because its queue was full.",
    "log_left_out": "Entries of the inference log without their bodies: too many bytes were waiting.",
    "log_lost": "Entries of the inference log that were lost: its journal could not be written to the end.",
    "log_failures": "Attempts to write the inference log that failed and are tried again.",
    "shadow_requests": "Requests that a mirror scored after the answer.",
    "shadow_dropped": "Requests that a mirror did not score because it was too busy.",
    "shadow_failures": "Requests that a mirror failed to score.",
    "load_failures": "Versions that could not be loaded.",
}
Labels = tuple[str, str, int]


@dataclass(slots=True)
class Series:
    """Requests of one endpoint, served entity and status.

    Attributes:
        requests: How many.
        rows: Rows in them.
        seconds: Their time in all.
        buckets: How many took up to each of :data:`BOUNDS`, not cumulated; the last is for longer ones.
    """

    requests: int = 0
    rows: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def add(self, other: Series) -> None:
        """Add what another worker counted."""
        self.requests += other.requests
        self.rows += other.rows
        self.seconds += other.seconds
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]


class Metrics:
    """The counts of one worker."""

    def __init__(self, folder: Path | None = None, slot: int = 0) -> None:
        """Go on from what an earlier worker in this slot has left.

        Args:
            folder: Where the workers of one server leave their counts for each other; None for a single worker.
            slot: Number of this worker.
        """
        self._folder, self._own = folder, f"metrics-{slot}.json"
        self._series: dict[Labels, Series] = {}
        self._events: Counter[str] = Counter()
        self.log_problems: dict[str, str] = {}
        if folder is not None:
            self._add(_read(folder / self._own))

    def observe(self, labels: Labels, seconds: float, rows: int) -> None:
        """Count an answered request of ``(endpoint, served entity, status)``."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = Series()
        series.requests += 1
        series.rows += rows
        series.seconds += seconds
        series.buckets[bisect_left(BOUNDS, seconds)] += 1

    def count(self, event: str, times: int = 1) -> None:
        """Count an event; its name is one of those that the text explains."""
        self._events[event] += times

    def log_problems_of_all(self) -> dict[str, str]:
        """Return why each inference log does not reach its table, of this worker or another; empty where it does."""
        found = dict(self.log_problems)
        for left in self._read_others():
            found |= {name: text for name, text in left.get("log_problems", {}).items() if not found.get(name)}
        return found

    @property
    def path(self) -> Path:
        """The file in which this worker leaves its counts."""
        return (self._folder or Path()) / self._own

    def save(self) -> None:
        """Leave the counts for the other workers."""
        if self._folder is None:
            return
        series = [
            [*labels, each.requests, each.rows, each.seconds, each.buckets] for labels, each in self._series.items()
        ]
        counts = json.dumps({"series": series, "events": self._events, "log_problems": self.log_problems})
        write_file(self.path, counts.encode(), durable=False)

    def render(self, models: Iterable[Mapping[str, str]], problems: Iterable[Mapping[str, str]], at_work: int) -> bytes:
        """Return the text of all workers' counts.

        Args:
            models: Labels of each loaded model.
            problems: Labels of each served entity with a problem.
            at_work: Requests at work in this worker.
        """
        total = self._of_all_workers()
        lines = [*_render_requests(total._series), *_render_events(total._events)]  # noqa: SLF001 - of this class
        lines += _render("model_info", "gauge", "Versions served by this worker.", [(each, 1) for each in models])
        text = "Served entities without a model, or not with the newest."
        lines += _render("model_problem", "gauge", text, [(each, 1) for each in problems])
        stopped = [({"endpoint": name}, int(bool(text))) for name, text in self.log_problems_of_all().items()]
        lines += _render("log_stopped", "gauge", "Whether the inference log does not reach its table now.", stopped)
        lines += _render("worker_memory_bytes", "gauge", "Resident memory of this worker.", [({}, read_memory())])
        lines += _render("requests_at_work", "gauge", "Requests at work in this worker.", [({}, at_work)])
        return ("\n".join(lines) + "\n").encode()

    def _of_all_workers(self) -> Metrics:
        total = Metrics()
        for labels, series in self._series.items():
            total._series.setdefault(labels, Series()).add(series)
        total._events.update(self._events)
        for left in self._read_others():
            total._add(left)
        return total

    def _read_others(self) -> Iterator[dict[str, Any]]:
        """Give what each of the other workers has left."""
        for path in sorted(self._folder.glob("metrics-*.json")) if self._folder else ():
            if path.name != self._own:
                yield _read(path)

    def _add(self, left: Mapping[str, Any]) -> None:
        """Add the counts that a worker has left."""
        for endpoint, entity, status, *counts in left.get("series", ()):
            self._series.setdefault((endpoint, entity, status), Series()).add(Series(*counts))
        self._events.update(left.get("events", {}))


def _read(path: Path) -> dict[str, Any]:
    """Return what a worker has left; nothing where it has not yet, or the file cannot be read."""
    try:
        left = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return left if isinstance(left, dict) else {}


def read_memory() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _render_requests(series: Mapping[Labels, Series]) -> list[str]:
    by_status = [({"endpoint": e, "served_entity": m, "status": str(s)}, each) for (e, m, s), each in series.items()]
    by_entity: dict[tuple[str, str], Series] = {}
    for (endpoint, entity, _), each in series.items():
        by_entity.setdefault((endpoint, entity), Series()).add(each)
    requests = [(labels, each.requests) for labels, each in by_status]
    rows = [({"endpoint": e, "served_entity": m}, each.rows) for (e, m), each in by_entity.items()]
    lines = _render("requests_total", "counter", "Requests by status.", requests)
    lines += _render("rows_total", "counter", "Rows in all requests.", rows)
    return lines + _render_histograms(by_entity)


def _render_histograms(by_entity: Mapping[tuple[str, str], Series]) -> list[str]:
    name = "request_seconds"
    lines = [
        f"# HELP boathouse_{name} Time from a request's arrival to its answer.",
        f"# TYPE boathouse_{name} histogram",
    ]
    for (endpoint, entity), series in by_entity.items():
        labels, reached = {"endpoint": endpoint, "served_entity": entity}, 0
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], series.buckets, strict=True):
            reached += count
            lines.append(_line(f"{name}_bucket", {**labels, "le": bound}, reached))
        lines.append(_line(f"{name}_sum", labels, series.seconds))
        lines.append(_line(f"{name}_count", labels, series.requests))
    return lines


def _render_events(events: Mapping[str, int]) -> list[str]:
    return [
        line
        for name, text in _EVENTS.items()
        for line in _render(f"{name}_total", "counter", text, [({}, events.get(name, 0))])
    ]


def _render(name: str, kind: str, text: str, values: Iterable[tuple[Mapping[str, str], Any]]) -> list[str]:
    head = [f"# HELP boathouse_{name} {text}", f"# TYPE boathouse_{name} {kind}"]
    return head + [_line(name, labels, value) for labels, value in values]


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
    return f"boathouse_{name}{{{inside}}} {value}" if inside else f"boathouse_{name} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
