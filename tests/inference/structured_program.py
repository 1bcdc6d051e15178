"""Streams by classic Spark in a folder, and what came of them; called in a process of that engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from kedro.io import DatasetError

from boathouse.inference.stream_targets import EngineMarkedTable
from boathouse.inference.structured_stream import KafkaOutput
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation
from tests.fixtures.request_stream import FIRST, SECOND, THIRD, RequestLakehouse, make_event


class KilledError(RuntimeError):
    """Stands for a process that ends here."""


def kill_at(step: int, moment: str) -> Any:
    """End the stream before or after the ``step``-th commit of a target; return what undoes this."""
    append, calls = EngineMarkedTable.append, [0]

    def watched(table: EngineMarkedTable, rows: Any, *, upto: int) -> None:
        calls[0] += 1
        if (calls[0], moment) == (step, "before"):
            raise KilledError
        append(table, rows, upto=upto)
        if (calls[0], moment) == (step, "after"):
            raise KilledError

    EngineMarkedTable.append = watched  # type: ignore[method-assign]
    return lambda: setattr(EngineMarkedTable, "append", append)


def outcome(lakehouse: RequestLakehouse) -> Any:
    return json.loads(json.dumps(lakehouse.outcome()))


def copy(base: RequestLakehouse, folder: Path) -> RequestLakehouse:
    """Return the lakehouse, with what its stream has done so far, in another folder."""
    shutil.copytree(base.root, folder)
    return RequestLakehouse(folder, "spark")


def run_killed(base: RequestLakehouse, folder: Path, step: int, moment: str) -> Any:
    lakehouse = copy(base, folder)
    undo = kill_at(step, moment)
    try:
        lakehouse.run(most_versions=1)
    except DatasetError:
        undo()
    else:
        raise AssertionError("was not killed")
    lakehouse.run(most_versions=1)
    return outcome(lakehouse)


def run_stopped(lakehouse: RequestLakehouse, spoil: Any) -> tuple[str, str]:
    spoil(lakehouse)
    try:
        lakehouse.run()
    except DatasetError as error:
        return type(error.__cause__).__name__, str(error.__cause__)
    return "nothing", ""


def add_column(lakehouse: RequestLakehouse) -> None:
    more = pa.table({"request_id": ["e3"], "channel": ["web"]})
    write_deltalake(lakehouse.path("inference.requests"), more, mode="append", schema_mode="merge")


def remove_file(lakehouse: RequestLakehouse) -> None:
    path = lakehouse.path("inference.requests")
    lakehouse.send(make_event(3))
    old = set(DeltaTable(str(path), version=0).file_uris())
    (new,) = set(DeltaTable(str(path)).file_uris()) - old
    Path(new).unlink()


def send_to_kafka(lakehouse: RequestLakehouse, servers: str) -> dict[str, Any]:
    """Send the answers twice, then a new one; return what the topic holds and what the answers are."""
    output = KafkaOutput(servers=servers, topic="scores")
    location = TableLocation("test.inference.stream_predictions", "spark", lakehouse.root.as_posix())
    checkpoint = lakehouse.root / "checkpoints" / "kafka"
    options = lakehouse.plan().options
    for _ in range(2):
        output.publish(location, options, checkpoint=checkpoint)
    lakehouse.send(make_event(140))
    lakehouse.run()
    output.publish(location, options, checkpoint=checkpoint)
    reader = get_engine("spark").session().read.format("kafka").option("kafka.bootstrap.servers", servers)
    rows = reader.option("subscribe", "scores").load().selectExpr("CAST(key AS STRING)", "CAST(value AS STRING)")
    sent = [[row["key"], json.loads(row["value"])["request_id"]] for row in rows.collect()]
    answers = lakehouse.rows("inference.stream_predictions")
    return {"sent": sorted(sent), "answers": sorted([row["prediction_id"], row["request_id"]] for row in answers)}


def run_streams(path: str, servers: str | None) -> dict[str, Any]:
    """Run every case in the folder ``path`` and return what came of it; without ``servers`` nothing goes to Kafka."""
    settings = get_engine("spark").session().conf
    partitions = settings.get("spark.sql.shuffle.partitions")
    # A few rows in one partition: most of the time goes into starting tasks.
    settings.set("spark.sql.shuffle.partitions", "1")
    try:
        return _run_cases(Path(path), servers)
    finally:
        settings.set("spark.sql.shuffle.partitions", partitions)


def _run_cases(folder: Path, servers: str | None) -> dict[str, Any]:
    base = RequestLakehouse(folder / "base", "spark")
    base.send(*FIRST)
    base.run()
    found: dict[str, Any] = {}
    cases = {
        "schema": add_column,
        "overwritten": lambda lakehouse: lakehouse.send(make_event(3), mode="overwrite"),
        "gone": remove_file,
    }
    found["stops"] = {name: run_stopped(copy(base, folder / name), spoil) for name, spoil in cases.items()}
    base.send(*SECOND)
    found["killed"] = {
        f"{moment} {step}": run_killed(base, folder / f"{moment}{step}", step, moment)
        for step, moment in ((2, "after"), (3, "after"))
    }
    base.run()
    found["unkilled"] = outcome(base)
    base.send(*THIRD)
    base.run(trigger="continuous", interval_s=0.2, stop_when_idle_s=1.0)
    found["whole"] = outcome(base)
    shutil.rmtree(base.root / "checkpoints")
    base.run(trigger="available_now")
    found["lost"] = [row["request_id"] for row in base.rows("inference.stream_predictions")]
    if servers is not None:
        found["kafka"] = send_to_kafka(base, servers)
    return found
