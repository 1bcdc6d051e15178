"""Requests on a small lakehouse, through the pipeline: posted, answered, refused, summarised."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from boathouse.errors import ModelError, OptionError
from boathouse.inference.options import StreamOptions
from boathouse.modelling.result import NoModel
from boathouse.pipelines import stream_inference
from boathouse.scoring.files import digest_of
from boathouse.use_case import USE_CASE
from tests.fixtures.prediction_ids import prediction_id
from tests.fixtures.scored_lakehouse import CUSTOMERS, ScoredLakehouse, make_champion, make_features

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

SEPTEMBER = date(2005, 9, 30)


@pytest.fixture
def lakehouse(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScoredLakehouse:
    """Return a filled lakehouse without requests."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    built = ScoredLakehouse.build()
    built.fill()
    return built


def run(lakehouse: ScoredLakehouse, **replaced: Any) -> None:
    champion = {"models__champion": make_champion(), "models__aliases": {"champion": "3"}}
    lakehouse.run(stream_inference.create_pipeline(), **champion | replaced)


def test_each_statement_of_the_newest_cohort_is_answered_once(lakehouse: ScoredLakehouse, tmp_path: Path) -> None:
    for _ in range(2):
        run(lakehouse)
    rows = lakehouse.rows("inference.stream_predictions")
    late = make_features().set_index(["customer_id", "observed_on"])["months_late"]
    expected = {0.0: 0.05, 1.0: 0.4, 2.0: 0.7}
    assert len(rows) == CUSTOMERS
    for row in rows:
        assert row["observed_on"] == SEPTEMBER
        assert row["probability"] == pytest.approx(expected[late[row["customer_id"], SEPTEMBER]])
    assert rows[0]["prediction_id"] == prediction_id(
        [rows[0]["customer_id"]],
        SEPTEMBER,
        digest=digest_of(make_champion().files),
        role="champion",
        event=rows[0]["request_id"],
    )
    assert "test.inference.requests@0" in rows[0]["data_versions"]
    report = json.loads((tmp_path / "reports" / "test" / "stream_inference.json").read_text(encoding="utf-8"))
    assert (report["answered"], report["backlog_batches"], sum(report["dead_letters"].values())) == (CUSTOMERS, 0, 0)


def make_requests(*requests: tuple[str, datetime, int | None, date, float | None]) -> pd.DataFrame:
    columns = ["request_id", "requested_at", "customer_id", "observed_on", "requested_amount"]
    frame = pd.DataFrame(list(requests), columns=columns).astype(
        {"customer_id": "Int64", "requested_amount": "float64"}
    )
    return frame.assign(_batch_id=requests[0][0])


def test_requests_of_others_are_answered_with_the_features_of_their_day(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["stream_inference"]["stream"]["post_newest"] = False
    noon = datetime(2005, 9, 1, 12, tzinfo=UTC)
    lakehouse.dataset("inference.requests").save(
        make_requests(
            ("r1", noon, 7, date(2005, 9, 1), None),
            ("r2", noon, 7, SEPTEMBER, 500.0),
            ("r3", noon, 100_000, SEPTEMBER, None),
            ("r4", noon, None, SEPTEMBER, None),
            ("r5", datetime(1970, 1, 1, tzinfo=UTC), 7, SEPTEMBER, None),
            ("r6", datetime(2099, 1, 1, tzinfo=UTC), 7, SEPTEMBER, None),
        )
    )
    run(lakehouse)
    late = make_features().set_index(["customer_id", "observed_on"])["months_late"]
    expected = {0.0: 0.05, 1.0: 0.4, 2.0: 0.7}
    found = {row["request_id"]: row["probability"] for row in lakehouse.rows("inference.stream_predictions")}
    assert found == {
        "r1": pytest.approx(expected[late[7, date(2005, 8, 31)]]),
        "r2": pytest.approx(expected[late[7, SEPTEMBER]]),
    }
    dead = {row["request_id"]: (row["kind"], row["broken_rules"]) for row in lakehouse.rows("inference.dead_letters")}
    assert dead == {
        "r3": ("unscorable", ["no_feature_row"]),
        "r4": ("broken", ["customer_id_not_null"]),
        "r5": ("unscorable", ["before_first_fact"]),
        "r6": ("broken", ["requested_at_in_future"]),
    }


def test_features_computed_meanwhile_are_read_for_the_next_batch(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["stream_inference"]["stream"]["post_newest"] = False
    noon = datetime(2005, 9, 30, 12, tzinfo=UTC)
    lakehouse.dataset("inference.requests").save(make_requests(("r1", noon, 7, SEPTEMBER, None)))
    run(lakehouse)
    frame = make_features()
    frame["months_late"] = 2.0
    lakehouse.dataset("features.payment_behaviour").save(frame[list(USE_CASE.views[1].columns)])
    lakehouse.dataset("inference.requests").save(make_requests(("r2", noon, 7, SEPTEMBER, None)))
    run(lakehouse)
    rows = {row["request_id"]: row for row in lakehouse.rows("inference.stream_predictions")}
    assert rows["r2"]["probability"] == pytest.approx(0.7)
    assert Counter(each.rsplit("@", 1)[1] for each in rows["r2"]["data_versions"])["1"] == 2


WITHOUT = {"models__champion": NoModel("test.models.missed_payment", "champion"), "models__aliases": {}}


def test_without_a_champion_requests_wait(lakehouse: ScoredLakehouse, tmp_path: Path) -> None:
    run(lakehouse, **WITHOUT)
    for name in ("inference.stream_predictions", "inference.dead_letters", "monitoring.stream_progress"):
        assert not lakehouse.dataset(name).exists()
    assert not (tmp_path / "reports" / "test" / "stream_inference.json").exists()
    run(lakehouse)
    assert len(lakehouse.rows("inference.stream_predictions")) == CUSTOMERS


def test_a_strict_stream_without_a_champion_is_an_error(lakehouse: ScoredLakehouse) -> None:
    with pytest.raises(ModelError, match="No model is champion in environment 'test'"):
        run(lakehouse, **WITHOUT, params__strict=True)


def test_a_stream_is_no_part_of_a_whole_run() -> None:
    from boathouse.pipeline_registry import FLOW, WHOLE

    assert "stream_inference" in FLOW
    assert "stream_inference" not in WHOLE


@pytest.mark.parametrize(
    "change",
    [
        *({"name": "a b"}, {"name": ""}, {"trigger": "hourly"}, {"delay_s": -1}, {"interval_s": 0}),
        *({"most_versions": 0}, {"stop_when_idle_s": -1}, {"post_newest": "no"}, {"reason_count": 21}),
    ],
)
def test_options_out_of_range_are_named(change: dict[str, Any]) -> None:
    good = {"name": "x", "post_newest": True, "trigger": "continuous", "interval_s": 1.0, "stop_when_idle_s": 0}
    good |= {"delay_s": 60, "most_versions": 5, "reason_count": 3}
    with pytest.raises(OptionError, match=next(iter(change))):
        StreamOptions(**good | change)
