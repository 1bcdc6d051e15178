"""A model is measured against another only on rows that neither of them was trained on."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from boathouse.evaluation.comparison import Estimate
from boathouse.evaluation.evaluate import count_seen_rows, read_window
from boathouse.evaluation.model_card import write_model_card
from boathouse.evaluation.report import EvaluationReport
from boathouse.evaluation.tables import COMPARISONS, comparison_rows, find_verdict
from tests.evaluation.test_report import COMPARISON, load, report_on

DAYS = np.array(["2005-07-31", "2005-08-31", "2005-08-31", "2005-09-30"])


@pytest.mark.parametrize(
    ("window", "seen"),
    [
        ("2005-04-30/2005-06-30", 0),
        ("2005-04-30/2005-07-31", 1),
        ("2005-08-31/2005-08-31", 2),
        ("2005-04-30/2005-12-31", 4),
        ("2005-10-01/2005-12-31", 0),
    ],
)
def test_rows_within_the_training_window_are_seen(window: str, seen: int) -> None:
    assert count_seen_rows({"training_window": window}, DAYS) == seen


@pytest.mark.parametrize("window", ["", "2005-04-30", "2005-07-31/2005-04-30", "a/b", "2005-04-30/"])
def test_a_window_that_nobody_knows_is_not_taken_for_an_empty_one(window: str) -> None:
    assert math.isnan(count_seen_rows({"training_window": window}, DAYS))
    assert math.isnan(count_seen_rows({}, DAYS))
    assert read_window({"training_window": window}) is None


def test_entities_kept_from_training_are_unseen_whatever_their_dates() -> None:
    held_out = "hash of the entity, seed 7, test 0.3"
    tags = {"training_window": "2005-04-30/2005-12-31", "held_out": held_out}
    assert count_seen_rows(tags, DAYS, held_out=held_out) == 0
    assert count_seen_rows(tags, DAYS, held_out="hash of the entity, seed 8, test 0.3") == 4
    assert count_seen_rows(tags, DAYS) == 4
    assert count_seen_rows({"training_window": "2005-04-30/2005-12-31"}, DAYS, held_out=held_out) == 4


def test_a_window_is_read_as_dates() -> None:
    assert read_window({"training_window": "2005-04-30/2005-07-31"}) == (date(2005, 4, 30), date(2005, 7, 31))


@pytest.mark.parametrize("window", ["2005-04-30/2005-08-31", ""])
def test_a_champion_that_saw_the_rows_is_not_compared(window: str) -> None:
    report = report_on(load(0.6, "1", window))
    assert report.champion is not None
    assert all(math.isnan(each.low) for each in report.champion.difference.values())
    assert report.champion.slices == ()
    assert report.seen["candidate"] == 0
    assert report.baseline.difference["roc_auc"].low > 0
    assert "| champion | not compared: one of the models was trained on these rows |" in write_model_card(report)
    verdicts = [row[-1] for row in comparison_rows(report, COMPARISON) if row[2] == "champion"]
    assert verdicts == ["undefined"] * 3
    again = EvaluationReport.from_dict(report.to_dict())
    assert again.to_dict() == report.to_dict()


def test_rows_of_the_comparison_are_unique_by_their_keys_and_say_how_sure_they_are() -> None:
    report = report_on(load(0.04, "1"))
    names = [column.name for column in COMPARISONS.columns]
    rows = [dict(zip(names, row, strict=True)) for row in comparison_rows(report, COMPARISON)]
    keys = {tuple(row[key] for key in COMPARISONS.keys) for row in rows}
    # Baseline and champion; all rows, two sexes and one age; three metrics.
    assert len(rows) == len(keys) == 2 * 4 * 3
    whole = {row["metric"]: row for row in rows if row["slice_key"] == ":all" and row["rival"] == "champion"}
    assert whole["roc_auc"]["verdict"] == "better"
    assert whole["roc_auc"]["rows"] == 600
    assert (whole["roc_auc"]["confidence"], whole["roc_auc"]["resamples"]) == (0.9, 40)
    assert whole["roc_auc"]["difference"] == pytest.approx(
        whole["roc_auc"]["candidate_value"] - whole["roc_auc"]["rival_value"]
    )
    assert report.champion is not None
    assert whole["roc_auc"]["low"] == report.champion.difference["roc_auc"].low


@pytest.mark.parametrize(
    ("metric", "low", "high", "verdict"),
    [
        ("roc_auc", 0.01, 0.02, "better"),
        ("roc_auc", -0.02, -0.01, "worse"),
        ("roc_auc", 0.0, 0.02, "tie"),
        ("expected_cost", -5.0, -1.0, "better"),
        ("expected_cost", 1.0, 5.0, "worse"),
        ("brier_score", -0.1, 0.1, "tie"),
        ("brier_score", float("nan"), 0.1, "undefined"),
    ],
)
def test_a_verdict_needs_the_whole_interval(metric: str, low: float, high: float, verdict: str) -> None:
    assert find_verdict(metric, Estimate(0.0, low, high)) == verdict


def test_the_card_does_not_say_unseen_of_rows_it_does_not_know() -> None:
    report = report_on(load(0.6, "1"))
    assert "on which none of the models was trained" in write_model_card(report)
    for seen in ({}, {"candidate": float("nan")}, {"candidate": 3.0}):
        assert "not all known to be unseen" in write_model_card(replace(report, seen=seen))
