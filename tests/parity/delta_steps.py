"""Steps on tables, run by one engine.

A step is ``write:ROOT``, ``extend:ROOT`` or ``dump:ROOT:FILE``.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.frames import compute_fingerprint

MODES: dict[str, dict[str, Any]] = {
    "overwrite": {"mode": "overwrite", "partition_by": ["batch"]},
    "append": {"mode": "append", "batch_column": "batch"},
    "merge": {"mode": "merge", "keys": ["id"]},
    "replace_where": {"mode": "replace_where", "replace_columns": ["batch", "day"]},
}


def make_rows(start: int, batch: str) -> pa.Table:
    """Return four rows of every type that our tables use."""
    return pa.table(
        {
            "id": pa.array(range(start, start + 4), pa.int64()),
            "batch": [batch] * 4,
            "day": [date(2005, 9, 1), date(2005, 10, 1), date(2005, 9, 1), None],
            "count": pa.array([1, -2, None, 2**31 - 1], pa.int32()),
            "share": [0.1, math.inf, -0.0, None],
            "text": ["it's", "月", "", None],
            "flag": [True, False, None, True],
            "money": pa.array([Decimal("12.50"), Decimal("-0.01"), None, Decimal(0)], pa.decimal128(10, 2)),
            "reasons": [["a", None], [], None, ["b"]],
            "at": pa.array([datetime(2005, 9, 1, 12, 30, 1, 5, tzinfo=UTC)] * 4, pa.timestamp("us", tz="UTC")),
        }
    )


def open_table(engine: str, root: str, mode: str) -> DeltaTableDataset:
    """Return the table of ``mode`` below ``root``."""
    return DeltaTableDataset(table=f"test.parity.{mode}", lakehouse={"engine": engine, "root": root}, **MODES[mode])


def write(engine: str, root: str) -> None:
    """Save twice what overlaps, and once more what changes nothing."""
    for mode in MODES:
        table = open_table(engine, root, mode)
        for start, batch in ((0, "one"), (2, "two"), (2, "two")):
            table.save(make_rows(start, batch))


def extend(engine: str, root: str) -> None:
    """Save once more to tables that may be another engine's."""
    for mode in MODES:
        open_table(engine, root, mode).save(make_rows(100, "three"))


def dump(engine: str, root: str, file: str) -> None:
    """Write rows, types, versions and fingerprints as this engine sees them."""
    found = {}
    for mode in MODES:
        table = open_table(engine, root, mode)
        frame = table.load()
        rows = sorted(repr(row) for row in frame.select(*sorted(frame.columns)).toArrow().to_pylist())
        state = table.last_read
        found[mode] = {
            "rows": rows,
            "types": dict(frame.dtypes),
            "version": state.version,
            "count": state.rows,
            "digest": str(compute_fingerprint(frame).digest),
        }
    Path(file).write_text(json.dumps(found))


def run_steps(engine: str, *steps: str) -> None:
    """Run the steps in order."""
    for step in steps:
        name, *arguments = step.split(":")
        {"write": write, "extend": extend, "dump": dump}[name](engine, *arguments)
