"""``boathouse trace PREDICTION_ID``: from a row of batch or stream, or an endpoint's answer, to its version."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from boathouse.cli.main import cli
from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import DEPLOYMENTS, open_ledger
from boathouse.tables.location import TableLocation
from tests.fixtures.log_entries import MOMENT, entry
from tests.fixtures.trained_workspace import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.fixtures.trained_workspace import TrainedWorkspace

BATCH, STREAM, REQUEST = "a" * 32, "b" * 32, "c" * 32
PREDICTIONS = [{"probability": 0.25, "decision": 1}, {"probability": 0.125, "decision": 0}]


def make_row(prediction_id: str, **changes: Any) -> pa.Table:
    row = {
        "prediction_id": prediction_id,
        "probability": 0.75,
        "decision": 1,
        "reasons": ["The newest payment is late"],
        "model_name": MODEL,
        "model_version": "1",
        "role": "champion",
        "feature_versions": ["spending@1=abc:v0"],
        "data_versions": ["test.features.spending@0"],
        "run_id": "r1",
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
        "customer_id": 987654321,
    }
    return pa.Table.from_pylist([row | changes])


def log_request(path: Path, **changes: Any) -> None:
    """Write one request of two records; ``request_time`` and the rest may differ."""
    values = {
        "databricks_request_id": REQUEST,
        "endpoint": "missed_payment",
        "request": json.dumps({"dataframe_records": [{"a": 1}, {"a": 2}]}),
        "response": json.dumps({"predictions": PREDICTIONS}),
        "model_version": "1",
    }
    row = entry(1, **(values | changes)).to_row()
    row |= {"request_date": MOMENT.date(), "request_time": datetime.fromisoformat(row["request_time"])}
    write_deltalake(
        path, pa.Table.from_pylist([row], ENDPOINT_LOG.arrow_schema), mode="append", partition_by=["request_date"]
    )


@pytest.fixture
def inference(trained: TrainedWorkspace) -> Iterator[Path]:
    """Return the folder of the environment's tables of predictions, filled."""
    folder = trained.data / "lakehouse" / "test" / "inference"
    write_deltalake(folder / "predictions", make_row(BATCH), mode="overwrite")
    write_deltalake(folder / "stream_predictions", make_row(STREAM, model_version="9"), mode="overwrite")
    yield folder
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["trace", *words, "--env", "test"])


@pytest.mark.usefixtures("inference")
def test_a_row_of_batch_leads_to_everything_about_its_version(trained: TrainedWorkspace) -> None:
    done = run(BATCH)
    assert done.exit_code == 0, done.output
    assert f"Prediction {BATCH}" in done.output
    assert "The newest payment is late" in done.output
    assert trained.commit in done.output
    assert f"{MODEL}, version 1" in done.output
    # Who was scored is not part of where a score comes from.
    assert "987654321" not in done.output
    found = json.loads(run(BATCH, "--json").output)
    assert found["prediction"]["found_in"] == "test.inference.predictions"
    assert found["prediction"]["read"]["run_id"] == "r1"
    assert found["version"]["code"]["commit"] == trained.commit


@pytest.mark.usefixtures("inference")
def test_a_version_that_is_gone_is_said() -> None:
    done = run(STREAM)
    assert (done.exit_code, "has no version 9" in done.output) == (1, True)


@pytest.mark.parametrize(("suffix", "probability"), [("", 0.25), ("-0", 0.25), ("-1", 0.125)])
def test_an_answer_of_an_endpoint_leads_to_its_version(
    suffix: str, probability: float, inference: Path, trained: TrainedWorkspace
) -> None:
    log_request(inference / "endpoint_log")
    log_request(inference / "endpoint_log", mode="shadow", served_entity_id="challenger", model_version="2")
    done = run(REQUEST + suffix, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    told = found["prediction"]
    assert (told["probability"], told["model_name"], told["model_version"]) == (probability, MODEL, "1")
    assert (told["role"], told["read"]["endpoint"]) == ("champion", "missed_payment")
    assert found["version"]["code"]["commit"] == trained.commit


def test_the_entity_is_what_it_was_when_it_answered(inference: Path, trained: TrainedWorkspace) -> None:
    ledger = open_ledger(TableLocation.from_lakehouse(f"test.{DEPLOYMENTS}", trained.lakehouse))
    models = {-1: MODEL, 1: "test.models.other"}
    for place, (days, name) in enumerate(models.items()):
        entity = {"name": "champion", "entity_name": name, "entity_version": "1"}
        event = AuditEvent(
            event_id=f"trace-{place}",
            kind="updated",
            subject="missed_payment",
            actor="vera",
            occurred_at=MOMENT + timedelta(days=days),
            evidence={"config": {"config": {"served_entities": [entity]}}},
        )
        ledger.append([event])
    log_request(inference / "endpoint_log")
    assert json.loads(run(REQUEST, "--json").output)["prediction"]["model_name"] == MODEL


def test_the_version_of_each_record_counts_where_several_answered(inference: Path) -> None:
    log_request(inference / "endpoint_log", served_entity_id="challenger,champion", model_version="7,1")
    told = json.loads(run(f"{REQUEST}-1", "--json").output)["prediction"]
    assert (told["role"], told["model_version"]) == ("champion", "1")


@pytest.mark.parametrize("subject", ["d" * 32, f"{REQUEST}-2"])
def test_an_id_that_nothing_has_names_what_was_searched(subject: str, inference: Path) -> None:
    log_request(inference / "endpoint_log")
    done = run(subject)
    assert done.exit_code == 1
    assert "test.inference.endpoint_log" in done.output
    assert "No prediction has the id" in done.output


def test_a_prediction_that_a_command_scored_into_a_table_of_its_own_is_found(inference: Path) -> None:
    other = "d" * 32
    write_deltalake(inference / "campaign", make_row(other, probability=0.5))
    write_deltalake(inference / "notes", pa.table({"text": [other]}))
    result = run(other)
    assert result.exit_code == 0, result.output
    assert "test.inference.campaign" in result.output
