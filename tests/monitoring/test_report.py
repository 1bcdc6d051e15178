"""What the monitoring report says, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from boathouse.modelling.task import BINARY
from boathouse.monitoring.history import MonitoringHistory, TableRows, build_history
from boathouse.monitoring.report import build_page, render_report
from boathouse.reports.page import Section
from tests.fixtures.monitoring_history import ADVICE, make_history

FULL = make_history()


def sections(history: MonitoringHistory) -> dict[str, Section]:
    return {each.title: each for each in build_page(history, task=BINARY).sections}


def test_the_first_sentence_says_how_bad_it_is_and_how_well_the_model_does() -> None:
    status = sections(FULL)["At a glance"]
    assert status.mark == "error"
    assert " ".join(status.text) == (
        "3 alarms: someone has to look and decide. ROC AUC of version 2 is estimated at 0.716 [0.696, 0.736] in the "
        "window from 2005-09-01."
    )
    quiet = sections(make_history(quiet=True))
    assert quiet["At a glance"].text[0].startswith("Nothing crossed its limit.")
    assert (quiet["At a glance"].mark, quiet["What to do first"].text) == ("good", ("Nothing.",))
    assert quiet["Alerts"].text == ("None: the run of 2005-09-30 found nothing beyond a limit.",)


def test_one_advice_stands_once_with_its_command() -> None:
    steps = sections(FULL)["What to do first"].steps
    assert [(step.text, step.command) for step in steps] == [
        (ADVICE, "boathouse features lineage demand_0 --env test"),
        ("Retrain on a newer window", "kedro run --env demand"),
    ]
    assert steps[0].reason == (
        "alarm: demand_0 moved: PSI 0.30 (limit 0.25). alarm: demand_1 moved: PSI 0.30 (limit 0.25). And 2 more."
    )


def test_a_subject_is_one_word_of_the_command_whatever_it_is() -> None:
    alerts = tuple(replace(each, subject="a; b") for each in FULL.alerts)
    assert sections(replace(FULL, alerts=alerts))["What to do first"].steps[0].command == (
        "boathouse features lineage 'a; b' --env test"
    )


def test_what_is_muted_is_listed_and_not_advised() -> None:
    alerts = tuple(replace(each, state="muted") for each in FULL.alerts)
    found = sections(replace(FULL, alerts=alerts))
    assert found["What to do first"].text == ("Nothing.",)
    assert len(found["Alerts"].tables[0].rows) == 5


def test_performance_and_versions_are_one_chart() -> None:
    main = sections(FULL)["Performance"].charts[0]
    lanes = [row for row in main.rows if row[0] == "version 1" and " to " in row[1]]
    assert lanes == [("version 1", "2005-04-01 to 2005-06-30", "3 windows", "–", "–")]
    assert ("version 2", "2005-08-09", "champion: demand", "–", "–") in main.rows
    kept = {(row[0], row[1], row[2]) for row in main.rows}
    assert ("version 2, estimated", "2005-09-01", "estimated") in kept
    assert ("version 2", "2005-08-01", "measured") in kept
    # It was measured after all: that it could not be estimated is past.
    assert ("version 1", "2005-05-01", "measured") in kept
    assert not {status for _, _, status in kept} & {"pending", "not estimable"}


def test_a_window_without_any_figure_says_why() -> None:
    known = tuple(each for each in FULL.measures if each.measure.status in {"pending", "not_estimable"})
    rows = sections(replace(FULL, measures=known))["Performance"].charts[0].rows
    assert [row[1:4] for row in rows[:2]] == [
        ("2005-09-01", "pending", "–"),
        ("2005-05-01", "not estimable", "–"),
    ]


def test_sections_without_data_are_named_with_what_fills_them() -> None:
    kinds = {"performance"}
    few = tuple(each for each in FULL.measures if each.measure.kind in kinds and each.measure.scope == "all")
    found = sections(replace(FULL, measures=few, drift=()))
    assert found["Drift"].text[0].startswith("No feature was compared: filled once")
    assert [text.partition(":")[0] for text in found["Not on this page"].text] == [
        "Slices",
        "Fairness over time",
        "Latency, cost and value",
        "What relates features and label",
    ]
    assert "Not on this page" not in sections(FULL)


def test_nothing_at_all_is_a_page_too() -> None:
    page = render_report(MonitoringHistory(head=FULL.head), task=BINARY)
    assert "No ROC AUC is known yet." in page
    assert "Nothing was scored yet" in page


def test_the_heat_map_shows_effects_of_measures_where_there_are_any() -> None:
    by_index = sections(FULL)["Drift"].charts[0]
    assert by_index.title.startswith("Population stability index")
    assert by_index.rows[0][-1] == "▲ 0.90"
    past = FULL.measures[0]
    effect = replace(past.measure, kind="feature", metric="ks_effect", subject="demand_7", value=-0.3)
    by_effect = sections(replace(FULL, measures=(*FULL.measures, replace(past, measure=effect))))["Drift"].charts[0]
    assert by_effect.title.startswith("Effect")
    assert by_effect.rows == (("demand_7", "0.30"),)


def test_only_columns_that_are_judged_have_their_distribution_drawn() -> None:
    charts = sections(make_history(columns=3))["Drift"].charts
    assert [chart.title for chart in charts[1:]] == ["demand_0", "demand_1"]


@pytest.mark.parametrize("windows", [1, 6])
def test_a_million_rows_make_no_larger_page_than_a_thousand(windows: int) -> None:
    small, large = (render_report(make_history(windows=windows, rows=rows), task=BINARY) for rows in (1_000, 1_000_000))
    # Only the counts in the tables have more digits.
    digits = small.count("1,000") * len("000,")
    assert len(small) <= len(large) <= len(small) + digits


def test_the_page_stays_small_with_many_columns_and_windows() -> None:
    assert len(render_report(make_history(windows=60, columns=200), task=BINARY)) < 600_000


def test_rows_of_performance_stand_for_measures_that_a_run_did_not_write() -> None:
    row = {
        "as_of": date(2005, 8, 31),
        "cohort": date(2005, 7, 31),
        "model_version": "1",
        "status": "measured",
        "labels_known_on": None,
        "rows": 10,
        "labelled": 8,
        "mean_probability": 0.2,
        "roc_auc": 0.7,
        "roc_auc_low": 0.6,
        "roc_auc_high": 0.8,
    }
    later = {**row, "as_of": FULL.head.as_of, "roc_auc": 0.1}
    rows = TableRows(performance=[row, later], measures=[_measure_row()])
    history = build_history(FULL.head, rows, task=BINARY, period="month")
    areas = [each for each in history.measures if each.measure.metric == "roc_auc"]
    assert [(each.as_of, each.measure.value, each.measure.low, each.measure.rows) for each in areas] == [
        (date(2005, 8, 31), 0.7, 0.6, 8),
        (FULL.head.as_of, 0.9, None, 0),
    ]
    assert [each.figures["roc_auc"] for each in history.performance] == [0.1]


def _measure_row() -> dict[str, object]:
    return {
        "as_of": FULL.head.as_of,
        "kind": "performance",
        "metric": "roc_auc",
        "subject": "m",
        "scope": "all",
        "window_start": date(2005, 7, 1),
        "window_end": date(2005, 8, 1),
        "model_version": "1",
        "status": "measured",
        "value": 0.9,
        "low": None,
        "high": None,
        "rows": 0,
        "compared_with": "",
        "detail": "",
    }
