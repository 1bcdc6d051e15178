"""A table of requests, and a stream over it whose scores are worked out by hand: no model, no features."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import functions as F

from boathouse.core.inference.batch import SplitRows
from boathouse.core.inference.contracts import STAMP_COLUMNS
from boathouse.core.inference.stream_options import StreamOptions
from boathouse.core.inference.stream_plan import StreamPlan
from boathouse.inference.stream_dataset import RequestStreamDataset
from boathouse.tables.contract import arrow_type
from boathouse.use_case.requests import REQUEST, REQUESTS, STREAM_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from boathouse.core.inference.record import RunRecord

DAY = date(2005, 9, 30)
START = datetime(2005, 9, 30, tzinfo=UTC)
HOUR_S = 3600
TABLES = ("inference.dead_letters", "monitoring.stream_progress", "inference.stream_predictions")


def make_event(number: int, **changes: Any) -> dict[str, Any]:
    """Return the request ``e<number>`` of customer ``number``, made ``number`` minutes after the start."""
    event = {
        "request_id": f"e{number}",
        "requested_at": START + timedelta(minutes=number),
        "customer_id": number,
        "observed_on": DAY,
        "requested_amount": None,
        "_batch_id": "b",
    }
    return event | changes


def score_by_hand(events: DataFrame, tables: Mapping[str, DataFrame], record: RunRecord, now: datetime) -> SplitRows:
    """Return 1 / customer as the probability; a customer from 900 on has nothing to score."""
    stamps = {
        "array<string>": F.array().cast("array<string>"),
        "string": F.lit("champion"),
        "timestamp": F.lit(now).cast("timestamp"),
    }
    known = events.where("customer_id < 900").select(
        *("request_id", "requested_at", "source_batch", "customer_id", "observed_on"),
        F.substring(F.sha2("request_id", 256), 1, 32).alias("prediction_id"),
        (1.0 / F.col("customer_id")).alias("probability"),
        F.lit(0).alias("decision"),
        F.array().cast("array<string>").alias("reasons"),
        *(stamps[column.dtype].alias(column.name) for column in STAMP_COLUMNS),
    )
    unknown = events.where("customer_id >= 900").withColumn("broken_rules", F.array(F.lit("no_feature_row")))
    return SplitRows(known, unknown)


@dataclass
class RequestHouse:
    """One lakehouse with a table of requests."""

    root: Path
    engine: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def lakehouse(self) -> dict[str, str]:
        """As the catalog has it."""
        return {"engine": self.engine, "root": self.root.as_posix()}

    def path(self, table: str) -> Path:
        """Return the folder of a table."""
        return self.root.joinpath("test", *table.split("."))

    def send(self, *events: dict[str, Any], **options: Any) -> None:
        """Append requests in one commit."""
        schema = pa.schema([pa.field(each.name, arrow_type(each.dtype)) for each in REQUESTS.columns])
        path = self.path("inference.requests")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_deltalake(path, pa.Table.from_pylist(list(events), schema=schema), **{"mode": "append"} | options)

    def plan(self) -> StreamPlan:
        """Return the plan that scores by hand."""
        settings = {
            "name": "requests",
            "post_statements": False,
            "trigger": "available_now",
            "interval_s": 0.1,
            "stop_when_idle_s": 0.0,
            "most_versions": 100,
            "delay_s": HOUR_S,
            "reason_count": 0,
        }
        return StreamPlan(
            events=REQUEST,
            targets=STREAM_TABLES,
            tables=(),
            score=score_by_hand,
            model_version="1",
            options=StreamOptions(**settings | self.options),
        )

    def dataset(self) -> RequestStreamDataset:
        """Return the stream's catalog entry."""
        return RequestStreamDataset(
            table="test.inference.stream_predictions",
            source="test.inference.requests",
            lakehouse=self.lakehouse,
            checkpoints=(self.root / "checkpoints").as_posix(),
        )

    def run(self, **options: Any) -> None:
        """Run the stream once."""
        self.options |= options
        self.dataset().save(self.plan())

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table, in the order of their ids; none if there is no table."""
        from deltalake import DeltaTable

        if not DeltaTable.is_deltatable(str(self.path(table))):
            return []
        rows = DeltaTable(str(self.path(table))).to_pyarrow_table().to_pylist()
        return sorted(rows, key=lambda row: str(row.get("request_id")))

    def outcome(self) -> list[list[tuple[Any, ...]]]:
        """Return what must not depend on how often a stream was stopped."""
        answers = [(r["request_id"], r["probability"], r["source_batch"]) for r in self.rows(TABLES[2])]
        dead = [(str(r["request_id"]), r["kind"], r["broken_rules"], r["source_batch"]) for r in self.rows(TABLES[0])]
        progress = [
            (r["source_batch"], r["events"], r["scored"], r["broken"], r["duplicate"], r["late"], r["unscorable"])
            for r in self.rows(TABLES[1])
        ]
        return [answers, sorted(dead), sorted(progress)]


# Three commits with every kind of event.
FIRST = (make_event(1), make_event(2), make_event(3, customer_id=None), make_event(4, customer_id=901))
SECOND = (
    make_event(130),
    make_event(2),
    make_event(130, requested_amount=5.0, requested_at=START + timedelta(minutes=131)),
    make_event(5, request_id=None, requested_amount=float("nan")),
)
THIRD = (make_event(6), make_event(131), make_event(4), make_event(133, requested_amount=-1.0))


def send_everything(house: RequestHouse) -> None:
    """Send the three commits; the first is answered."""
    house.send(*FIRST)
    house.run()
    house.send(*SECOND)
    house.send(*THIRD)
