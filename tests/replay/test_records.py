"""The record of a replay: written whole, read back, and never mixed with another's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import BoathouseError, ReplayError
from boathouse.replay.records import (
    RECORD,
    STEPS,
    Asked,
    Earned,
    MonthRecord,
    Progress,
    Raised,
    claim_folder,
    open_progress,
)
from boathouse.replay.words import Terms, describe_step, summarise_months

if TYPE_CHECKING:
    from pathlib import Path

ASKED = Asked(kind="months", policy="always", first="2024-01", last="2024-02", environment="test", book="b" * 64)
TERMS = Terms("sales", "EUR", "ROC AUC")
EARNED = Earned(cohort="2024-01-31", version="1", rows=100, model=40.0, rule=50.0, nothing=90.0, figure=0.75)
JANUARY = MonthRecord(
    month="2024-01",
    steps=STEPS,
    delivered={"sales": 10, "returns": 0},
    scored_by="1",
    cohort="2024-01-31",
    scored=10,
    action="start",
    reason="there is no champion yet",
    before=0,
    candidate="1",
    outcome="champion",
    champion="1",
)
FEBRUARY = MonthRecord(
    month="2024-02",
    steps=STEPS,
    delivered={"sales": 7},
    scored_by="1",
    cohort="2024-02-29",
    scored=7,
    earned=(EARNED,),
    alerts=(Raised("performance", "alarm", "price", "retrain"), Raised("feature", "warning", "colour")),
    action="retrain",
    reason="feature_drift of price",
    before=8,
    candidate="2",
    outcome="challenger: no better",
    champion="1",
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert open_progress(tmp_path / "new", ASKED) == Progress(ASKED)
    progress = Progress(ASKED).with_month(FEBRUARY).with_month(JANUARY)
    progress.write(tmp_path)
    found = open_progress(tmp_path, ASKED)
    assert found == progress
    assert [each.month for each in found.months] == ["2024-01", "2024-02"]
    assert found.digest() == progress.digest()
    assert found.find("2024-03") == MonthRecord(month="2024-03")


def test_the_digest_is_of_results_alone() -> None:
    progress = Progress(ASKED, (JANUARY,))
    assert progress.digest() == Progress(ASKED, (replace(JANUARY, before=3, rule="9", steps=()),)).digest()
    assert progress.digest() != Progress(ASKED, (replace(JANUARY, champion="2"),)).digest()
    assert progress.digest() != Progress(replace(ASKED, policy="never"), (JANUARY,)).digest()


def test_another_replay_in_the_folder_is_not_gone_on_with(tmp_path: Path) -> None:
    Progress(ASKED, (JANUARY,)).write(tmp_path)
    with pytest.raises(ReplayError, match="policy is 'always' there and 'never' here"):
        open_progress(tmp_path, replace(ASKED, policy="never"))


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lakehouse").mkdir()
    with pytest.raises(ReplayError, match="not of a replay: it holds lakehouse"):
        open_progress(tmp_path, ASKED)
    (tmp_path / RECORD).write_text("{}", encoding="utf-8")
    with pytest.raises(ReplayError, match="cannot be read as the record of a replay"):
        open_progress(tmp_path, ASKED)


def test_one_process_at_a_time_plays_in_a_folder(tmp_path: Path) -> None:
    with claim_folder(tmp_path / "new", ASKED) as progress:
        assert progress == Progress(ASKED)
        with pytest.raises(BoathouseError, match="another process"), claim_folder(tmp_path / "new", ASKED):
            pass
    Progress(ASKED, (JANUARY,)).write(tmp_path / "new")
    with claim_folder(tmp_path / "new", ASKED) as progress:
        assert progress.months == (JANUARY,)


def test_a_month_is_told_step_by_step() -> None:
    prepared = replace(FEBRUARY, steps=STEPS[:1], action="", alerts=(), earned=())
    assert describe_step(prepared, TERMS) == ["2024-02  delivered 7 sales · version 1 scored 7 sales"]
    watched = replace(FEBRUARY, steps=STEPS[:2], action="")
    assert describe_step(watched, TERMS) == [
        f"{'':9}labels of 2024-01: version 1 saved EUR 50 against doing nothing, +10 against the rule (ROC AUC 0.750)",
        "         alarms: performance of price; 1 warning(s)",
    ]
    assert describe_step(replace(watched, action="retrain"), TERMS) == []
    assert describe_step(FEBRUARY, TERMS) == [
        "         done: retrained, since feature_drift of price → version 2, challenger: no better"
    ]


def test_the_table_at_the_end_has_what_each_month_earned() -> None:
    lines = summarise_months([JANUARY, FEBRUARY], TERMS)
    assert lines[1].split() == ["2024-01", "1", "0.750", "50", "+10", "0", "start", "1"]
    assert lines[2].split() == ["2024-02", "1", "–", "–", "–", "1", "retrain", "1"]
    assert lines[-1] == "Saved EUR 50 against doing nothing, +10 against the rule, on 100 sales with labels."
