"""Monitoring on a small lakehouse: what it finds, writes, repeats and refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import BoathouseError, ModelError
from boathouse.lifecycle.state import ModelState, Stop
from boathouse.pipelines import batch_inference, monitoring
from tests.fixtures.scored_lakehouse import CUSTOMERS, ScoredLakehouse, make_champion

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AUGUST, SEPTEMBER, OCTOBER = date(2005, 8, 31), date(2005, 9, 30), date(2005, 10, 31)
EVALUATION = {
    "subject": {"name": "test.models.missed_payment", "version": "3"},
    "rows": 400,
    "period": ["2005-08-31", "2005-08-31"],
    "metrics": {"roc_auc": {"value": 0.78, "low": 0.76, "high": 0.8}},
    "champion": None,
}
PROMOTION = {"candidate": "3", "outcome": "promoted", "reason": "There was no champion."}
CHAMPION = ModelState(name="test.models.missed_payment", champion="3")
STOPPED = ModelState(
    name="test.models.missed_payment",
    stopped=Stop(version="3", by="ann", at=datetime(2005, 10, 2, 3, tzinfo=UTC), reason="rejects everybody"),
)
TABLES = ("monitoring.drift_metrics", "monitoring.performance", "monitoring.alerts")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the one lakehouse these tests share."""
    return tmp_path_factory.mktemp("monitored")


@pytest.fixture(scope="module")
def lakehouse(spark: SparkSession, folder: Path) -> ScoredLakehouse:
    """Return a lakehouse that was scored and monitored once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOATHOUSE_DATA", str(folder))
        built = ScoredLakehouse.build()
    built.fill()
    built.run(batch_inference.create_pipeline(), models__champion=make_champion(), models__aliases={"champion": "3"})
    monitor(built)
    return built


def monitor(lakehouse: ScoredLakehouse, **replaced: Any) -> None:
    known = {"reports__evaluation": EVALUATION, "reports__promotion": PROMOTION, "models__state": CHAMPION}
    lakehouse.run(monitoring.create_pipeline(), **known | replaced)


def test_the_new_value_of_the_late_months_is_the_first_feature_alarm(lakehouse: ScoredLakehouse) -> None:
    alerts = [row for row in lakehouse.rows("monitoring.alerts") if row["kind"] == "feature_drift"]
    first = max(alerts, key=lambda row: row["value"])
    assert (first["subject"], first["severity"]) == ("months_late", "alarm")
    assert "the share of '1' went from 0.0% to 1" in first["message"]
    assert first["action"].startswith("Investigate how the feature is generated")


def test_drift_table_has_features_prediction_and_label(lakehouse: ScoredLakehouse) -> None:
    rows = {row["column_name"]: row for row in lakehouse.rows("monitoring.drift_metrics")}
    feature, score, label = rows["months_late"], rows["probability"], rows["missed_payment"]
    assert (feature["drift_type"], feature["window_cmp"]) == ("BASELINE", None)
    assert f"{feature['window']['start']:%F} {feature['window']['end']:%F}" == "2005-09-01 2005-10-01"
    assert feature["ks_test"]["pvalue"] < 0.01
    assert feature["chi_squared_test"]["pvalue"] < 0.01
    assert rows["bill_amt"]["chi_squared_test"] is None
    assert score["drift_type"] == label["drift_type"] == "CONSECUTIVE"
    assert f"{score['window_cmp']['start']:%F}" == "2005-08-01"
    assert f"{label['window']['start']:%F} {label['window_cmp']['start']:%F}" == "2005-08-01 2005-07-01"
    assert label["chi_squared_test"]["pvalue"] > 0.01
    assert "months_observed" not in rows


def test_labelled_cohorts_are_measured_and_others_wait(lakehouse: ScoredLakehouse) -> None:
    august, september = sorted(lakehouse.rows("monitoring.performance"), key=lambda row: row["cohort"])
    assert (august["cohort"], august["status"], august["labelled"]) == (AUGUST, "measured", CUSTOMERS)
    assert august["roc_auc_low"] < august["roc_auc"] < august["roc_auc_high"]
    assert (september["cohort"], september["status"]) == (SEPTEMBER, "pending")
    assert september["labels_known_on"] == OCTOBER
    assert september["roc_auc"] is None


def test_report_needs_nothing_beside_itself(lakehouse: ScoredLakehouse, folder: Path) -> None:
    page = (folder / "reports/test/monitoring.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page
    assert "months_late" in page
    assert "pending until 2005-10-31" in page


def test_summary_is_short_and_says_where_to_look(lakehouse: ScoredLakehouse, folder: Path) -> None:
    text = (folder / "reports/test/summary.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 15
    assert "test.models.missed_payment version 3" in text
    assert f"{2 * CUSTOMERS:,} rows" in text
    assert "months_late (PSI" in text
    assert "ROC AUC 0.780 [0.760, 0.800]" in text
    assert "version 3 promoted: There was no champion." in text
    assert str(folder / "reports/test/monitoring.html") in text


def test_monitoring_again_changes_nothing(lakehouse: ScoredLakehouse) -> None:
    before = [lakehouse.version(table) for table in TABLES]
    monitor(lakehouse)
    assert [lakehouse.version(table) for table in TABLES] == before


def test_a_later_as_of_measures_what_was_pending_and_keeps_the_earlier_rows(lakehouse: ScoredLakehouse) -> None:
    monitor(lakehouse, params__as_of="2005-10-31")
    rows = {(row["as_of"], row["cohort"]): row for row in lakehouse.rows("monitoring.performance")}
    assert rows[OCTOBER, SEPTEMBER]["status"] == "measured"
    assert rows[SEPTEMBER, SEPTEMBER]["status"] == "pending"


def test_an_as_of_before_all_predictions_names_the_command(lakehouse: ScoredLakehouse) -> None:
    with pytest.raises(BoathouseError, match="2005-05-01 in environment 'test'.*batch_inference --env test"):
        monitor(lakehouse, params__as_of="2005-05-01")


def test_without_predictions_the_error_names_the_pipeline(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    empty = ScoredLakehouse.build()
    empty.fill()
    with pytest.raises(BoathouseError, match="There are no predictions.*run --pipeline batch_inference --env test"):
        monitor(empty)


def test_without_predictions_and_champion_nothing_is_monitored_and_the_summary_names_the_next_step(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    empty = ScoredLakehouse.build()
    empty.fill()
    monitor(empty, models__state=STOPPED)
    text = (tmp_path / "reports/test/summary.txt").read_text(encoding="utf-8")
    assert "none: version 3 was stopped by ann at 2005-10-02 03:00 UTC: rejects everybody." in text
    assert "boathouse models rollback --to 3 --comment WHY --env test" in text
    assert [path.name for path in (tmp_path / "reports/test").iterdir()] == ["summary.txt"]
    assert not any(empty.dataset(name).exists() for name in TABLES)
    with pytest.raises(ModelError, match="was stopped by ann"):
        monitor(empty, models__state=STOPPED, params__strict=True)


def test_what_a_stopped_champion_has_scored_is_monitored_still(lakehouse: ScoredLakehouse, folder: Path) -> None:
    """Its labels arrive later; the summary says that nothing scores now."""
    before = [lakehouse.version(table) for table in TABLES]
    monitor(lakehouse, models__state=STOPPED)
    text = (folder / "reports/test/summary.txt").read_text(encoding="utf-8")
    assert "champion    none: version 3 was stopped by ann" in text
    assert "test.models.missed_payment version 3 scored last" in text
    assert "next        resume it" in text
    monitor(lakehouse)
    assert "version 3 scored last" not in (folder / "reports/test/summary.txt").read_text(encoding="utf-8")
    assert [lakehouse.version(table) for table in TABLES] == before
