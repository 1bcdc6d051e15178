"""Monitoring on a small lakehouse: what it finds, writes, repeats and refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from boathouse.errors import BoathouseError, ConfigError, ModelError
from boathouse.lifecycle.state import ModelState, Stop
from boathouse.monitoring.drift_table import DRIFT_METRICS
from boathouse.monitoring.kpis import ValueOptions
from boathouse.monitoring.options import DriftOptions
from boathouse.pipelines import batch_inference, monitoring
from boathouse.use_case import USE_CASE
from tests.fixtures.scored_lakehouse import CUSTOMERS, OneVersion, ScoredLakehouse, make_champion

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from boathouse.modelling.result import LoadedModel

AUGUST, SEPTEMBER, OCTOBER = date(2005, 8, 31), date(2005, 9, 30), date(2005, 10, 31)
EVALUATION = {
    "subject": {"name": "test.models.missed_payment", "version": "3"},
    "rows": 400,
    "period": ["2005-08-31", "2005-08-31"],
    "metrics": {"roc_auc": {"value": 0.78, "low": 0.76, "high": 0.8}},
    "champion": None,
}
PROMOTION = {"candidate": "3", "outcome": "promoted", "reason": "There was no champion."}
TRAINING_SET = "model_input.training_set@spark"
CHAMPION = ModelState(name="test.models.missed_payment", champion="3")
STOPPED = ModelState(
    name="test.models.missed_payment",
    stopped=Stop(version="3", by="ann", at=datetime(2005, 10, 2, 3, tzinfo=UTC), reason="rejects everybody"),
)
TABLES = (
    *("monitoring.drift_metrics", "monitoring.performance", "monitoring.alerts"),
    *("monitoring.estimates", "monitoring.measures", "monitoring.profile_metrics"),
)
EVENTS = "monitoring.alert_events"


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


def monitor(lakehouse: ScoredLakehouse, champion: LoadedModel | None = None, **replaced: Any) -> None:
    reports = {"reports__evaluation": EVALUATION, "reports__promotion": PROMOTION}
    known = {"models__state": CHAMPION, "models__versions": OneVersion(champion or make_champion(trained_on=0))}
    lakehouse.run(monitoring.create_pipeline(), **reports | known | replaced)


def read_drift(lakehouse: ScoredLakehouse) -> dict[str, dict[str, Any]]:
    """Return the newest rows of drift by column, those of September."""
    return {row["column_name"]: row for row in lakehouse.rows(TABLES[0]) if row["as_of"] == SEPTEMBER}


def read_summary(folder: Path) -> str:
    return (folder / "reports/test/summary.txt").read_text(encoding="utf-8")


@pytest.fixture
def copied(
    lakehouse: ScoredLakehouse, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ScoredLakehouse:
    """Return a copy of the lakehouse that a test may change."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    shutil.copytree(folder / "lakehouse", tmp_path / "lakehouse")
    return ScoredLakehouse.build()


def test_the_new_value_of_the_late_months_is_the_first_feature_alert(lakehouse: ScoredLakehouse) -> None:
    """Drift alone is no alarm."""
    alerts = [row for row in lakehouse.rows("monitoring.alerts") if row["kind"] == "feature"]
    first = max(alerts, key=lambda row: row["value"])
    assert (first["subject"], first["severity"], first["likely"]) == ("months_late", "warning", "covariate")
    assert "the share of '1' went from 0.0% to 1" in first["message"]
    assert first["action"] == f"Change nothing: boathouse alerts ack {first['alert_id']} --comment WHY --env test"
    assert (first["state"], first["windows"], first["rule"]) == ("open", 1, "input_drift")
    assert first["first_seen"] == first["last_seen"] == SEPTEMBER


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


def test_profiles_are_of_the_cohort_and_of_what_it_is_compared_with(lakehouse: ScoredLakehouse) -> None:
    rows = lakehouse.rows("monitoring.profile_metrics")
    late = {row["log_type"]: row for row in rows if row["column_name"] == "months_late"}
    assert {side: (row["count"], row["min"], row["max"]) for side, row in late.items()} == {
        "INPUT": (CUSTOMERS, 0.0, 2.0),
        "BASELINE": (CUSTOMERS, 0.0, 2.0),
    }
    assert (late["INPUT"]["distinct_count"], late["BASELINE"]["distinct_count"]) == (3, 2)
    assert len(late["INPUT"]["quantiles"]) == 5
    whole = next(row for row in rows if (row["column_name"], row["log_type"]) == (":table", "INPUT"))
    assert "months_late" in whole["non_null_columns"]


def test_slices_are_compared_on_request(copied: ScoredLakehouse) -> None:
    drift = copied.parameters["monitoring"]["drift"] | {"slices": ["months_late"], "slice_rows": 50}
    monitor(copied, params__monitoring__drift=DriftOptions(**drift))
    rows = copied.rows("monitoring.drift_metrics")
    sliced = {row["scope"] for row in rows if row["slice_key"] == "months_late"}
    assert "months_late=0" in sliced
    assert {row["scope"] for row in rows if row["slice_key"] is None} == {"all"}
    assert "months_late" not in {row["column_name"] for row in rows if row["slice_key"]}


def test_the_table_names_what_was_compared_and_by_its_words_what_came_and_went(lakehouse: ScoredLakehouse) -> None:
    rows = read_drift(lakehouse)
    feature, score, label = rows["months_late"], rows["probability"], rows["missed_payment"]
    assert (feature["reference"], feature["model_version"]) == ("test.model_input.training_set@0", "3")
    assert (feature["severity"], feature["new_values"], feature["vanished_values"]) == ("alarm", ["1"], [])
    assert 5 < feature["new_rows"] < 20
    assert (feature["is_input"], score["is_input"], label["is_input"]) == (True, None, None)
    assert (score["reference"], score["model_version"], label["model_version"]) == (None, "3", None)
    assert (feature["reference_nulls"], feature["current_nulls"], feature["null_severity"]) == (0.0, 0.0, "none")


def test_every_input_of_the_model_is_measured_and_what_conf_leaves_out_is_said(
    lakehouse: ScoredLakehouse, folder: Path
) -> None:
    rows = read_drift(lakehouse)
    assert set(make_champion().features) <= set(rows)
    reason = lakehouse.parameters["monitoring"]["drift"]["left_out_because"]
    left_out = {name for name, row in rows.items() if row["left_out"]}
    assert left_out == set(lakehouse.parameters["monitoring"]["drift"]["ignored"])
    assert {rows[name]["left_out"] for name in left_out} == {reason}
    assert {rows[name]["severity"] for name in left_out} == {"none"}
    page = (folder / "reports/test/monitoring.html").read_text(encoding="utf-8")
    for text in (page, read_summary(folder)):
        assert all(name in text for name in left_out)
        assert reason in text
        assert "test.model_input.training_set@0" in text
    assert f"left out    6 of the model's {len(make_champion().features)} inputs: " in read_summary(folder)


def test_a_second_model_that_is_not_promoted_moves_no_drift(copied: ScoredLakehouse) -> None:
    before = read_drift(copied)
    rewrite_training_set(copied)
    assert copied.version(TRAINING_SET) == 1
    monitor(copied)
    assert read_drift(copied) == before
    monitor(copied, make_champion(trained_on=1))
    assert read_drift(copied)["months_late"]["reference"].endswith("training_set@1")
    assert read_drift(copied)["bill_amt"]["population_stability_index"] > 1


def rewrite_training_set(lakehouse: ScoredLakehouse) -> None:
    """Have another training leave other rows, as an overwrite of the table."""
    rows = lakehouse.dataset(TRAINING_SET).load().withColumn("bill_amt", F.col("bill_amt") * 100 + 5)
    lakehouse.dataset(TRAINING_SET).save(rows)


def test_validation_rows_are_trained_on_too_and_test_rows_are_not(copied: ScoredLakehouse) -> None:
    """The newest cohort of validation is July; a model with a shorter window on record has seen no more than that."""
    rows = copied.dataset(TRAINING_SET).load()
    july = F.month("observed_on") == 7
    copied.dataset(TRAINING_SET).save(rows.withColumn("pay_amt", F.when(july, 1e6).otherwise(F.col("pay_amt"))))
    whole = make_champion(trained_on=1)
    monitor(copied, whole)
    assert read_drift(copied)["pay_amt"]["avg_delta"] < -9e5
    monitor(copied, replace(whole, tags={**whole.tags, "training_window": "2005-04-30/2005-06-30"}))
    assert abs(read_drift(copied)["pay_amt"]["avg_delta"]) < 1


@pytest.mark.parametrize("trained_on", [None, 7])
def test_a_version_that_cannot_be_read_is_said_and_the_cohort_before_is_compared(
    copied: ScoredLakehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture, trained_on: int | None
) -> None:
    monitor(copied, make_champion(trained_on=trained_on))
    feature = read_drift(copied)["months_late"]
    assert (feature["drift_type"], feature["reference"]) == (
        "CONSECUTIVE",
        "the cohort of 2005-08-31 that it scored before",
    )
    assert f"{feature['window_cmp']['start']:%F}" == "2005-08-01"
    (alert,) = (row for row in copied.rows("monitoring.alerts") if row["rule"] == "rows_trained_on")
    assert alert["severity"] == "warning"
    assert "rows the model was trained on are not there" in alert["message"]
    assert "that version 3 was trained on cannot be read" in read_summary(tmp_path)
    assert ("version 7" if trained_on else "table_versions") in caplog.text


def test_files_that_were_vacuumed_are_noticed(copied: ScoredLakehouse, tmp_path: Path) -> None:
    files = list((tmp_path / "lakehouse/test/model_input/training_set").glob("*.parquet"))
    rewrite_training_set(copied)
    for file in files:
        file.unlink()
    monitor(copied)
    (alert,) = (row for row in copied.rows("monitoring.alerts") if row["rule"] == "rows_trained_on")
    assert "probably vacuumed" in alert["message"]


def test_a_feature_that_the_model_does_not_take_is_watched_on_request_and_labelled(
    copied: ScoredLakehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = tuple(name for name in USE_CASE.feature_names if name not in ("age", "is_married"))
    assert "age" in read_drift(copied)
    monitor(copied, make_champion(features=inputs, trained_on=0))
    assert not {"age", "is_married"} & set(read_drift(copied))
    drift = DriftOptions(**copied.parameters["monitoring"]["drift"] | {"also_watched": ["age", "uses_7d"]})
    monitor(copied, make_champion(features=inputs, trained_on=0), params__monitoring__drift=drift)
    rows = read_drift(copied)
    assert (rows["age"]["is_input"], rows["months_late"]["is_input"], "is_married" in rows) == (False, True, False)
    page = (tmp_path / "reports/test/monitoring.html").read_text(encoding="utf-8")
    assert "age (no input of the model)" in page
    assert "uses_7d" in page
    assert "uses_7d: not compared" in caplog.text
    assert "inputs judged and 1 other" in read_summary(tmp_path)


def test_what_has_only_to_be_watched_has_not_drifted(folder: Path, lakehouse: ScoredLakehouse) -> None:
    rows = [row for row in read_drift(lakehouse).values() if row["drift_type"] == "BASELINE" and not row["left_out"]]
    drifted = sum(row["severity"] == "alarm" for row in rows)
    assert f"drifted     {drifted} of {len(rows)} inputs judged: months_late (effect" in read_summary(folder)


def test_a_table_of_an_earlier_release_gets_the_new_columns(
    lakehouse: ScoredLakehouse, copied: ScoredLakehouse, tmp_path: Path
) -> None:
    old = lakehouse.dataset(TABLES[0]).load()
    kept = old.columns[: old.columns.index("severity")]
    table = tmp_path / "lakehouse/test/monitoring/drift_metrics"
    shutil.rmtree(table)
    earlier = [(OCTOBER, *row[1:]) for row in old.select(*kept).collect()]
    ddl = DRIFT_METRICS.ddl.partition(", `severity`")[0]
    old.sparkSession.createDataFrame(earlier, ddl).write.format("delta").save(table.as_posix())
    monitor(copied)
    rows = copied.rows(TABLES[0])
    assert {row["severity"] for row in rows if row["as_of"] == OCTOBER} == {None}
    assert read_drift(copied)["months_late"]["severity"] == "alarm"


def test_labelled_cohorts_are_measured_and_others_wait(lakehouse: ScoredLakehouse) -> None:
    august, september = sorted(lakehouse.rows("monitoring.performance"), key=lambda row: row["cohort"])
    assert (august["cohort"], august["status"], august["labelled"]) == (AUGUST, "measured", CUSTOMERS)
    assert august["roc_auc_low"] < august["roc_auc"] < august["roc_auc_high"]
    assert (september["cohort"], september["status"]) == (SEPTEMBER, "pending")
    assert september["labels_known_on"] == OCTOBER
    assert september["roc_auc"] is None


def test_report_needs_nothing_beside_itself(lakehouse: ScoredLakehouse, folder: Path) -> None:
    page = (folder / "reports/test/monitoring.html").read_text(encoding="utf-8")
    assert "base64" not in page
    assert "http" not in page
    assert page.count("<figure") >= 5
    assert "months_late" in page
    assert "pending until 2005-10-31" in page
    assert "up to" in page


def test_summary_is_short_and_says_where_to_look(lakehouse: ScoredLakehouse, folder: Path) -> None:
    text = (folder / "reports/test/summary.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 15
    assert "test.models.missed_payment version 3" in text
    assert f"{2 * CUSTOMERS:,} rows" in text
    assert "months_late (effect" in text
    assert "ROC AUC 0.780 [0.760, 0.800]" in text
    assert "version 3 promoted: There was no champion." in text
    assert str(folder / "reports/test/monitoring.html") in text


def test_monitoring_again_changes_nothing(lakehouse: ScoredLakehouse) -> None:
    before = [lakehouse.version(table) for table in TABLES]
    events = lakehouse.dataset(EVENTS).load()
    monitor(lakehouse)
    assert [lakehouse.version(table) for table in TABLES] == before
    assert lakehouse.dataset(EVENTS).load() == events
    assert {event.kind for event in events} == {"opened", "delivered"}


def test_an_earlier_as_of_changes_no_alert_and_gets_those_of_then(copied: ScoredLakehouse, caplog: Any) -> None:
    before = copied.dataset(EVENTS).load()
    monitor(copied, params__as_of="2005-08-31")
    assert copied.dataset(EVENTS).load() == before
    (row,) = (row for row in copied.rows("monitoring.alerts") if row["as_of"] == AUGUST)
    assert (row["kind"], row["alert_id"]) == ("none", None)
    assert "alerts are on record up to 2005-09-30: it changes no alert" in caplog.text


def test_the_file_for_prometheus_has_every_alert(lakehouse: ScoredLakehouse, folder: Path) -> None:
    text = (folder / "reports/test/alerts.prom").read_text(encoding="utf-8")
    rows = [row for row in lakehouse.rows("monitoring.alerts") if row["as_of"] == SEPTEMBER]
    assert text.count("boathouse_alert{") == len(rows)
    assert 'subject="months_late"' in text


def test_a_later_as_of_measures_what_was_pending_and_keeps_the_earlier_rows(
    lakehouse: ScoredLakehouse, folder: Path
) -> None:
    page = folder / "reports/test/monitoring.html"
    assert "Alerts of each run" not in page.read_text(encoding="utf-8")
    monitor(lakehouse, params__as_of="2005-10-31")
    assert "Alerts of each run" in page.read_text(encoding="utf-8")
    assert "warnings and less, 2005-09-30" in page.read_text(encoding="utf-8")
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


def test_the_break_of_september_leaves_no_estimate_and_names_its_value(lakehouse: ScoredLakehouse) -> None:
    rows = [row for row in lakehouse.rows("monitoring.estimates") if row["as_of"] == SEPTEMBER]
    assert {row["cohort"] for row in rows} == {SEPTEMBER}
    assert {(row["method"], row["status"]) for row in rows} == {("cbpe", "not_estimable"), ("pape", "not_estimable")}
    assert all("a value of months_late that no labelled row had ('1.0')" in row["reason"] for row in rows)
    assert all(row["value"] is None and row["assumption"] for row in rows)


def test_measures_of_the_labelled_cohort_and_of_the_one_that_waits(lakehouse: ScoredLakehouse) -> None:
    rows = [row for row in lakehouse.rows("monitoring.measures") if row["as_of"] == SEPTEMBER]
    found = {(row["kind"], row["metric"], row["window_start"].month, row["scope"]): row for row in rows}
    assert {"performance", "concept", "fairness", "kpi"} <= {row["kind"] for row in rows}
    august = found["performance", "roc_auc", 8, "all"]
    assert august["low"] < august["value"] < august["high"]
    assert found["performance", "roc_auc", 9, "all"]["status"] == "not_estimable"
    assert found["performance", "label_coverage", 9, "all"]["status"] == "pending"
    assert found["concept", "label_rate_by_label_shift", 9, "all"]["value"] is None
    assert (
        found["performance", "roc_auc_against_baseline", 8, "all"]["compared_with"] == "the label's rate by months_late"
    )
    parts = [found["concept", f"loss_change_{name}", 8, "all"]["value"] for name in ("features", "relation", "unseen")]
    assert sum(parts) == pytest.approx(found["concept", "loss_change", 8, "all"]["value"])
    assert found["kpi", "losses_avoided", 9, "all"]["status"] == "pending"


def test_the_key_figure_of_conf_is_what_decisions_earned(lakehouse: ScoredLakehouse) -> None:
    costs = lakehouse.parameters["training"]["costs"]
    labels = {
        row["customer_id"]: row["missed_payment"]
        for row in lakehouse.rows("model_input.labels")
        if row["observed_on"] == AUGUST
    }
    earned = sum(
        costs["missed"] if labels[row["customer_id"]] else -costs["false_alarm"]
        for row in lakehouse.rows("inference.predictions")
        if row["observed_on"] == AUGUST and row["decision"] == 1
    )
    (row,) = (
        row
        for row in lakehouse.rows("monitoring.measures")
        if row["metric"] == "losses_avoided" and row["window_start"].month == 8 and row["as_of"] == SEPTEMBER
    )
    assert row["value"] == pytest.approx(earned)
    assert row["low"] < earned < row["high"]


@pytest.mark.parametrize("expression", ["decision * no_such_column", "sum(decision)", "decision *"])
def test_a_wrong_key_figure_is_named_before_anything_is_written(lakehouse: ScoredLakehouse, expression: str) -> None:
    before = [lakehouse.version(table) for table in TABLES]
    value = ValueOptions(kpis={"saved": {"expression": expression, "unit": "NT$"}})
    with pytest.raises(ConfigError, match=r"monitoring\.value\.kpis\.saved: the expression"):
        monitor(lakehouse, params__monitoring__value=value)
    assert [lakehouse.version(table) for table in TABLES] == before
