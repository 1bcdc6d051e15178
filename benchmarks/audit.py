"""How long it takes to verify an audit trail of 100,000 records, from the files to the verdict.

Usage: ``python benchmarks/audit.py [RECORDS]``. Beside it: reading the same table alone, and hashing as much text.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from boathouse.lifecycle.anchors import FileAnchor
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import open_ledger
from boathouse.tables.location import TableLocation

RECORDS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
APPENDS = 500
START = datetime(2026, 1, 1, tzinfo=UTC)
EVIDENCE = {"outcome": "kept", "champion": "3", "gates": [{"name": "minimum_roc_auc", "passed": True, "value": 0.78}]}


def make_event(number: int) -> AuditEvent:
    """Return an event with evidence of an ordinary length."""
    return AuditEvent(
        event_id=f"checked/{number}",
        kind="checked",
        subject="prod.models.late",
        actor="ann",
        occurred_at=START + timedelta(seconds=number, microseconds=number),
        version=str(number),
        digest="0" * 64,
        comment="The champion stays.",
        evidence=EVIDENCE,
    )


def time_anchor(anchor: FileAnchor, chain: list[str]) -> float:
    """Return the seconds of work that an append spends on its anchor: looking at the newest head, adding one."""
    begun = time.process_time()
    for length in range(1, APPENDS + 1):
        anchor.newest()
        anchor.advance(chain[:length], ())
    return (time.process_time() - begun) / APPENDS


def main() -> None:
    """Write the trail, then time each part once."""
    with tempfile.TemporaryDirectory() as root:
        place = TableLocation("bench.audit.promotions", "sail", f"{root}/lakehouse")
        ledger = open_ledger(place)
        ledger.append([make_event(number) for number in range(RECORDS)])
        begun = time.perf_counter()
        rows = ledger._table.read()  # noqa: SLF001 - the reference is a part of what is measured
        read = time.perf_counter() - begun
        begun = time.perf_counter()
        for line in rows["evidence"].to_pylist():
            hashlib.sha256(line.encode()).hexdigest()
        hashed = time.perf_counter() - begun
        begun, worked = time.perf_counter(), time.process_time()
        found = ledger.inspect()
        verified, worked = time.perf_counter() - begun, time.process_time() - worked
        anchored = time_anchor(FileAnchor.of(place), rows["hash"].to_pylist())
    print(f"{found.records:,} records, {len(found.breaks)} fault(s)")
    print(f"verify {verified:.2f} s, {worked:.2f} s of it work")
    print(f"keeping the head of one append in the anchor's file: {anchored * 1e3:.2f} ms of work")
    print(f"reading alone {read:.2f} s, hashing the evidence alone {hashed:.2f} s")


if __name__ == "__main__":
    main()
