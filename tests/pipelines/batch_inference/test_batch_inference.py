"""Scoring on a small lakehouse: what is published, rerun, refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import DataQualityError, FeatureError, ModelError
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.state import ModelState
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.monitoring.options import PlaceOptions
from boathouse.monitoring.windows import ScoredWindow
from boathouse.pipelines import batch_inference
from boathouse.pipelines.monitoring import nodes
from boathouse.scoring.feature_spec import FEATURE_SPEC, FeatureSpec
from boathouse.scoring.files import digest_of, seal_files
from boathouse.use_case import USE_CASE
from tests.fixtures.prediction_ids import prediction_id
from tests.fixtures.scored_lakehouse import CUSTOMERS, MOMENT, ScoredLakehouse, make_champion, make_features

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

AUGUST, SEPTEMBER = date(2005, 8, 31), date(2005, 9, 30)


@pytest.fixture
def lakehouse(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScoredLakehouse:
    """Return a filled lakehouse without predictions."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    built = ScoredLakehouse.build()
    built.fill()
    return built


def with_spec(model: LoadedModel, spec: FeatureSpec) -> LoadedModel:
    files = {name: content for name, content in model.files.items() if name != "manifest.json"}
    return replace(model, files=seal_files({**files, FEATURE_SPEC: spec.to_json()}))


def score(lakehouse: ScoredLakehouse, **replaced: Any) -> None:
    lakehouse.run(
        batch_inference.create_pipeline(),
        **{"models__champion": make_champion(), "models__aliases": {"champion": "3"}} | replaced,
    )


def test_the_two_newest_cohorts_are_scored_with_the_champion(lakehouse: ScoredLakehouse) -> None:
    score(lakehouse)
    rows = lakehouse.rows("inference.predictions")
    assert len(rows) == 2 * CUSTOMERS
    assert {row["observed_on"] for row in rows} == {AUGUST, SEPTEMBER}
    assert {(row["model_name"], row["model_version"]) for row in rows} == {("test.models.missed_payment", "3")}
    late = {
        (row["customer_id"], row["observed_on"]): row["months_late"] for row in lakehouse.rows("inference.features")
    }
    expected = {0.0: (0.05, 0), 1.0: (0.4, 1), 2.0: (0.7, 1)}
    for row in rows:
        probability, decision = expected[late[row["customer_id"], row["observed_on"]]]
        assert row["probability"] == pytest.approx(probability)
        assert row["decision"] == decision
        assert bool(row["reasons"]) == bool(decision)
    assert lakehouse.rows("inference.predictions_quarantine") == []


def test_features_are_those_known_at_the_date(lakehouse: ScoredLakehouse) -> None:
    score(lakehouse)
    expected = make_features().set_index(["customer_id", "observed_on"])["bill_amt"]
    for row in lakehouse.rows("inference.features"):
        assert row["bill_amt"] == expected[row["customer_id"], row["observed_on"]]


def test_nothing_after_as_of_is_scored(lakehouse: ScoredLakehouse) -> None:
    score(lakehouse, params__as_of="2005-08-31")
    assert {row["observed_on"] for row in lakehouse.rows("inference.predictions")} == {date(2005, 7, 31), AUGUST}


def test_scoring_again_changes_nothing(lakehouse: ScoredLakehouse) -> None:
    tables = ("inference.features", "inference.predictions", "inference.predictions_quarantine")
    score(lakehouse)
    before = [lakehouse.version(table) for table in tables]
    score(lakehouse, batch_inference__scored_at=MOMENT.replace(tzinfo=UTC))
    assert [lakehouse.version(table) for table in tables] == before


def test_another_version_keeps_the_predictions_of_the_first(lakehouse: ScoredLakehouse) -> None:
    score(lakehouse)
    score(lakehouse, models__champion=make_champion("4"))
    versions = [row["model_version"] for row in lakehouse.rows("inference.predictions")]
    assert (versions.count("3"), versions.count("4")) == (2 * CUSTOMERS, 2 * CUSTOMERS)


def test_customers_without_any_feature_row_are_quarantined(lakehouse: ScoredLakehouse) -> None:
    frame = make_features()
    known = frame[frame["customer_id"] != 7]
    for view in USE_CASE.model_views:
        lakehouse.dataset(f"features.{view.name}").save(known[list(view.columns)])
    score(lakehouse)
    quarantined = lakehouse.rows("inference.predictions_quarantine")
    assert {(row["customer_id"], row["observed_on"]) for row in quarantined} == {(7, AUGUST), (7, SEPTEMBER)}
    assert quarantined[0]["broken_rules"] == ["no_feature_row"]
    assert len(lakehouse.rows("inference.predictions")) == 2 * (CUSTOMERS - 1)


WITHOUT = {"models__champion": NoModel("test.models.missed_payment", "champion"), "models__aliases": {}}


def test_without_a_champion_nothing_is_written(lakehouse: ScoredLakehouse) -> None:
    score(lakehouse, **WITHOUT)
    for name in ("inference.features", "inference.predictions", "inference.predictions_quarantine"):
        assert not lakehouse.dataset(name).exists()


def test_without_a_champion_what_was_scored_before_stays(lakehouse: ScoredLakehouse) -> None:
    score(lakehouse)
    before = lakehouse.version("inference.predictions")
    score(lakehouse, **WITHOUT)
    assert lakehouse.version("inference.predictions") == before


def test_a_strict_run_without_a_champion_names_environment_and_command(lakehouse: ScoredLakehouse) -> None:
    with pytest.raises(ModelError, match=r"environment 'test': no version is on record.\n.*promotion --env test"):
        score(lakehouse, **WITHOUT, params__strict=True)


def test_a_version_that_is_named_needs_no_champion(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["batch_inference"]["scoring"]["version"] = "2"
    score(lakehouse, **WITHOUT, params__strict=True, models__versions=Versions(make_champion("2")))
    assert {row["role"] for row in lakehouse.rows("inference.predictions")} == {"challenger"}


def test_the_champion_gets_the_views_it_was_trained_on_and_no_others(lakehouse: ScoredLakehouse) -> None:
    spec = FeatureSpec.describe(["months_late"], USE_CASE.model_views, [])
    score(lakehouse, models__champion=with_spec(make_champion(), spec))
    row = lakehouse.rows("inference.features")[0]
    assert row["months_late"] is not None
    assert (row["bill_amt"], row["utilisation_after_request"]) == (None, None)
    changed = replace(spec, views=(replace(spec.views[0], digest="0" * 16),))
    with pytest.raises(FeatureError, match="payment_behaviour version 1 .0000000000000000."):
        score(lakehouse, models__champion=with_spec(make_champion(), changed))


def test_in_a_whole_run_scoring_waits_for_the_promotion() -> None:
    from boathouse.pipelines import promotion

    order = [node.name for node in (batch_inference.create_pipeline() + promotion.create_pipeline()).nodes]
    assert order.index("promotion.move_aliases") < order.index("batch_inference.join_features")


@pytest.mark.parametrize("driver_rows", [0, 10_000])
def test_rows_lost_by_the_scorer_stop_the_run_before_publishing(
    lakehouse: ScoredLakehouse, monkeypatch: pytest.MonkeyPatch, driver_rows: int
) -> None:
    from boathouse.inference import batch

    whole = batch.score_frame
    monkeypatch.setattr(batch, "score_frame", lambda *args, **options: whole(*args, **options).where("customer_id > 1"))
    lakehouse.parameters["batch_inference"]["scoring"]["driver_rows"] = driver_rows
    with pytest.raises(DataQualityError, match="400 rows in, but 399 scored and 0 quarantined"):
        score(lakehouse)
    assert not lakehouse.dataset("inference.predictions").exists()


class Versions:
    """A registry in memory."""

    def __init__(self, *models: LoadedModel) -> None:
        self._models = {model.version: model for model in models}

    def load(self, version: str) -> LoadedModel:
        return self._models[version]


def test_each_prediction_says_where_it_comes_from(lakehouse: ScoredLakehouse) -> None:
    score(lakehouse)
    row = lakehouse.rows("inference.predictions")[0]
    champion = make_champion()
    assert row["role"] == "champion"
    assert row["prediction_id"] == prediction_id(
        [row["customer_id"]], row["observed_on"], digest=digest_of(champion.files), role="champion"
    )
    assert row["data_versions"] == [
        *("test.clean.statements@0", "test.features.customer_profile@0"),
        *("test.features.payment_behaviour@0", "test.features.spending@0"),
    ]
    view = USE_CASE.model_views[1]
    assert f"payment_behaviour@1={view.digest}:v0" in row["feature_versions"]
    ids = [each["prediction_id"] for each in lakehouse.rows("inference.predictions")]
    assert len(ids) == len(set(ids))


def test_a_challenger_scores_the_same_rows_beside_the_champion(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["batch_inference"]["scoring"]["challenger"] = True
    aliases = {"champion": "3", "challenger": "5"}
    score(lakehouse, models__aliases=aliases, models__versions=Versions(make_champion("5")))
    roles = Counter((row["model_version"], row["role"]) for row in lakehouse.rows("inference.predictions"))
    assert roles == {("3", "champion"): 2 * CUSTOMERS, ("5", "challenger"): 2 * CUSTOMERS}
    with pytest.raises(ModelError, match="No model is challenger in environment 'test'"):
        score(lakehouse)


def test_a_version_that_is_named_is_no_champion(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["batch_inference"]["scoring"]["version"] = 2
    score(lakehouse, models__versions=Versions(make_champion("2")))
    assert {(row["model_version"], row["role"]) for row in lakehouse.rows("inference.predictions")} == {
        ("2", "challenger")
    }
    lakehouse.parameters["batch_inference"]["scoring"]["version"] = "3"
    score(lakehouse)
    assert ("3", "champion") in {(row["model_version"], row["role"]) for row in lakehouse.rows("inference.predictions")}


def test_a_challenger_with_other_views_gets_those(lakehouse: ScoredLakehouse) -> None:
    spec = FeatureSpec.describe(["months_late"], USE_CASE.model_views, [])
    narrow = with_spec(make_champion(), spec)
    lakehouse.parameters["batch_inference"]["scoring"]["challenger"] = True
    wide = with_spec(make_champion("5"), FeatureSpec.describe(["months_late", "bill_amt"], USE_CASE.model_views, []))
    score(
        lakehouse,
        models__champion=narrow,
        models__aliases={"champion": "3", "challenger": "5"},
        models__versions=Versions(wide),
    )
    looked_up = {row["role"]: row["feature_versions"] for row in lakehouse.rows("inference.predictions")}
    assert [each.split("@")[0] for each in looked_up["champion"]] == ["payment_behaviour"]
    assert [each.split("@")[0] for each in looked_up["challenger"]] == ["payment_behaviour", "spending"]
    assert lakehouse.rows("inference.features")[0]["bill_amt"] is None


def test_a_backfill_scores_the_months_named(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["batch_inference"]["scoring"] |= {"from_month": "2005-05", "to_month": "2005-07"}
    score(lakehouse)
    days = Counter(row["observed_on"] for row in lakehouse.rows("inference.predictions"))
    assert days == {date(2005, 5, 31): CUSTOMERS, date(2005, 6, 30): CUSTOMERS, date(2005, 7, 31): CUSTOMERS}
    lakehouse.parameters["batch_inference"]["scoring"] |= {"from_month": "2006-01", "to_month": None}
    with pytest.raises(DataQualityError, match="2006-01-01 to 2005-09-30 and known by 2005-09-30"):
        score(lakehouse)


def test_a_backfill_that_was_stopped_goes_on_where_it_was(
    lakehouse: ScoredLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from boathouse.inference import batch

    lakehouse.parameters["batch_inference"]["scoring"] |= {"from_month": "2005-04"}
    scored: list[int] = []
    whole = batch.score_frame

    def count_and_stop(*args: Any, **options: Any) -> Any:
        scored.append(1)
        if len(scored) == 4:
            raise KeyboardInterrupt
        return whole(*args, **options)

    monkeypatch.setattr(batch, "score_frame", count_and_stop)
    with pytest.raises(KeyboardInterrupt):
        score(lakehouse)
    assert len(lakehouse.rows("inference.predictions")) == 3 * CUSTOMERS
    score(lakehouse)
    assert len(scored) == 4 + 3
    assert len(lakehouse.rows("inference.predictions")) == 6 * CUSTOMERS
    score(lakehouse)
    assert len(scored) == 7


def test_a_cohort_from_changed_tables_is_scored_again_by_a_backfill(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["batch_inference"]["scoring"] |= {"from_month": "2005-09"}
    score(lakehouse)
    frame = make_features()
    frame["months_late"] = 0.0
    lakehouse.dataset("features.payment_behaviour").save(frame[list(USE_CASE.model_views[1].columns)])
    score(lakehouse)
    rows = lakehouse.rows("inference.predictions")
    assert {row["decision"] for row in rows} == {0}
    assert "test.features.payment_behaviour@1" in rows[0]["data_versions"]


def test_rows_that_can_be_scored_now_leave_the_quarantine(lakehouse: ScoredLakehouse) -> None:
    frame = make_features()
    for view in USE_CASE.model_views:
        lakehouse.dataset(view.table).save(frame[frame["customer_id"] != 7][list(view.columns)])
    score(lakehouse)
    assert len(lakehouse.rows("inference.predictions_quarantine")) == 2
    for view in USE_CASE.model_views:
        lakehouse.dataset(view.table).save(frame[list(view.columns)])
    score(lakehouse)
    assert lakehouse.rows("inference.predictions_quarantine") == []
    assert len(lakehouse.rows("inference.predictions")) == 2 * CUSTOMERS


def test_monitoring_reads_the_champion_alone(lakehouse: ScoredLakehouse) -> None:
    lakehouse.parameters["batch_inference"]["scoring"]["challenger"] = True
    aliases = {"champion": "3", "challenger": "5"}
    score(lakehouse, models__aliases=aliases, models__versions=Versions(make_champion("5")))
    predictions = lakehouse.dataset("inference.predictions").load()
    place = PlaceOptions(**lakehouse.parameters["monitoring"]["place"])
    known = {
        "state": ModelState(name="test.models.missed_payment", champion="3"),
        "governance": GovernanceOptions(**lakehouse.parameters["governance"]),
        "now": MOMENT.replace(tzinfo=UTC),
        "strict": True,
    }
    found = nodes.find_scored(predictions, SEPTEMBER, place, use_case=USE_CASE, **known)
    assert isinstance(found, ScoredWindow)
    assert found.model_version == "3"
    labels = lakehouse.dataset("model_input.labels").load()
    cohorts = nodes.gather_cohorts(predictions, labels, SEPTEMBER, found, use_case=USE_CASE)
    assert {cohort.model_version for cohort in cohorts} == {"3"}
