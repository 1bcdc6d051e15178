"""Scoring on a small lakehouse: what is published, rerun, refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.core.errors import DataQualityError, FeatureError, ModelError
from boathouse.core.modelling import NoModel
from boathouse.pipelines import batch_inference
from boathouse.use_case.features import MODEL_VIEWS
from tests.scored_house import CUSTOMERS, MOMENT, ScoredHouse, make_champion, make_features

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

AUGUST, SEPTEMBER = date(2005, 8, 31), date(2005, 9, 30)


@pytest.fixture
def house(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScoredHouse:
    """Return a filled house without predictions."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    built = ScoredHouse.build()
    built.fill()
    return built


def score(house: ScoredHouse, **replaced: Any) -> None:
    house.run(
        batch_inference.create_pipeline(),
        **{"models__champion": make_champion(), "models__aliases": {"champion": "3"}} | replaced,
    )


def test_the_two_newest_cohorts_are_scored_with_the_champion(house: ScoredHouse) -> None:
    score(house)
    rows = house.rows("inference.predictions")
    assert len(rows) == 2 * CUSTOMERS
    assert {row["observed_on"] for row in rows} == {AUGUST, SEPTEMBER}
    assert {(row["model_name"], row["model_version"]) for row in rows} == {("test.models.missed_payment", "3")}
    late = {(row["customer_id"], row["observed_on"]): row["months_late"] for row in house.rows("inference.features")}
    expected = {0.0: (0.05, 0), 1.0: (0.4, 1), 2.0: (0.7, 1)}
    for row in rows:
        probability, decision = expected[late[row["customer_id"], row["observed_on"]]]
        assert row["probability"] == pytest.approx(probability)
        assert row["decision"] == decision
        assert bool(row["reasons"]) == bool(decision)
    assert house.rows("inference.predictions_quarantine") == []


def test_features_are_those_known_at_the_date(house: ScoredHouse) -> None:
    score(house)
    expected = make_features().set_index(["customer_id", "observed_on"])["bill_amt"]
    for row in house.rows("inference.features"):
        assert row["bill_amt"] == expected[row["customer_id"], row["observed_on"]]


def test_nothing_after_as_of_is_scored(house: ScoredHouse) -> None:
    score(house, params__as_of="2005-08-31")
    assert {row["observed_on"] for row in house.rows("inference.predictions")} == {date(2005, 7, 31), AUGUST}


def test_scoring_again_changes_nothing(house: ScoredHouse) -> None:
    tables = ("inference.features", "inference.predictions", "inference.predictions_quarantine")
    score(house)
    before = [house.version(table) for table in tables]
    score(house, batch_inference__scored_at=MOMENT.replace(tzinfo=UTC))
    assert [house.version(table) for table in tables] == before


def test_another_version_keeps_the_predictions_of_the_first(house: ScoredHouse) -> None:
    score(house)
    score(house, models__champion=make_champion("4"))
    versions = [row["model_version"] for row in house.rows("inference.predictions")]
    assert (versions.count("3"), versions.count("4")) == (2 * CUSTOMERS, 2 * CUSTOMERS)


def test_customers_without_any_feature_row_are_quarantined(house: ScoredHouse) -> None:
    frame = make_features()
    known = frame[frame["customer_id"] != 7]
    for view in MODEL_VIEWS:
        house.dataset(f"features.{view.name}").save(known[list(view.columns)])
    score(house)
    quarantined = house.rows("inference.predictions_quarantine")
    assert {(row["customer_id"], row["observed_on"]) for row in quarantined} == {(7, AUGUST), (7, SEPTEMBER)}
    assert quarantined[0]["broken_rules"] == ["no_feature_row"]
    assert len(house.rows("inference.predictions")) == 2 * (CUSTOMERS - 1)


def test_without_a_champion_the_error_names_environment_and_command(house: ScoredHouse) -> None:
    with pytest.raises(ModelError, match="environment 'test'.*promotion --env test"):
        score(house, models__champion=NoModel("test.models.missed_payment", "champion"), models__aliases={})


def test_the_champion_gets_the_views_it_was_trained_on_and_no_others(house: ScoredHouse) -> None:
    from boathouse.core.scoring import FeatureSpec, seal_files
    from boathouse.core.scoring.feature_spec import FEATURE_SPEC

    champion = make_champion()
    spec = FeatureSpec.describe(["months_late"], MODEL_VIEWS, [])
    files = {name: content for name, content in champion.files.items() if name != "manifest.json"}
    sealed = seal_files({**files, FEATURE_SPEC: spec.to_json()})
    score(house, models__champion=replace(champion, files=sealed))
    row = house.rows("inference.features")[0]
    assert row["months_late"] is not None
    assert (row["bill_amt"], row["utilisation_after_request"]) == (None, None)
    changed = replace(spec, views=(replace(spec.views[0], digest="0" * 16),))
    sealed = seal_files({**files, FEATURE_SPEC: changed.to_json()})
    with pytest.raises(FeatureError, match="payment_behaviour version 1 .0000000000000000."):
        score(house, models__champion=replace(champion, files=sealed))


def test_in_a_whole_run_scoring_waits_for_the_promotion() -> None:
    from boathouse.pipelines import promotion

    order = [node.name for node in (batch_inference.create_pipeline() + promotion.create_pipeline()).nodes]
    assert order.index("promotion.move_aliases") < order.index("batch_inference.join_features")


@pytest.mark.parametrize("driver_rows", [0, 10_000])
def test_rows_lost_by_the_scorer_stop_the_run_before_publishing(
    house: ScoredHouse, monkeypatch: pytest.MonkeyPatch, driver_rows: int
) -> None:
    from boathouse.core.scoring import batch

    whole = batch.score_frame
    monkeypatch.setattr(batch, "score_frame", lambda *args, **options: whole(*args, **options).where("customer_id > 1"))
    house.parameters["batch_inference"]["scoring"]["driver_rows"] = driver_rows
    with pytest.raises(DataQualityError, match="800 rows in, but 798 scored and 0 quarantined"):
        score(house)
    assert not house.dataset("inference.predictions").exists()
