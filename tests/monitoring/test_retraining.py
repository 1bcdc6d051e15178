"""When a retraining is proposed, what is in the way, and what its events say."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import BoathouseError, OptionError
from boathouse.monitoring.alert_log import Step, resolve
from boathouse.monitoring.alert_state import project_alerts
from boathouse.monitoring.judging import identify_alert
from boathouse.monitoring.retraining import (
    FAILED_ALERT,
    Known,
    Proposal,
    RetrainingOptions,
    decide_retraining,
    end,
    escalate,
    find_hindrances,
    find_running,
    find_waiting,
    propose,
    relieve,
    require_none_running,
    start,
)
from tests.fixtures.alert_findings import APRIL, MARCH, MAY, NOW, make_measure, make_ranking, monitor, open_events

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.lifecycle.ledger import AuditLedger

RANKING = identify_alert("ranking", "m", "all")
WHO = {"actor": "ann", "now": NOW}


def options(**changes: Any) -> RetrainingOptions:
    given = {
        "mode": "propose",
        "on_alerts": True,
        "new_labels": 0,
        "new_rows": 0,
        "after_days": 0,
        "cool_down_days": 14,
        "budget_per_quarter": 2,
        "stale_hours": 24,
    }
    return RetrainingOptions(**given | changes)


KNOWN = Known(labels=500, rows=800, since=date(2026, 1, 31), version="3")


@pytest.fixture
def ledger(tmp_path: Path) -> AuditLedger:
    """Return events in which the ranking of the model is too low."""
    made = open_events(tmp_path)
    monitor(made, [make_ranking(0.6)])
    return made


def decide(ledger: AuditLedger, as_of: date = MARCH, known: Known = KNOWN, **changes: Any) -> Proposal | None:
    records = ledger.read()
    return decide_retraining(project_alerts(records), records, known, options=options(**changes), as_of=as_of)


def test_an_alert_whose_action_is_to_retrain_is_a_reason(ledger: AuditLedger) -> None:
    proposal = decide(ledger)
    assert proposal is not None
    assert proposal.alerts == (RANKING,)
    assert proposal.reasons == (f"Alert {RANKING}: auc of m is 0.6, below the limit of 0.7.",)
    assert decide(ledger, mode=False) is None
    assert decide(ledger, on_alerts=False) is None


def test_drift_alone_is_no_reason(tmp_path: Path) -> None:
    made = open_events(tmp_path)
    monitor(made, [make_measure(0.9)])
    assert decide(made) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"new_labels": 500}, "500 labels became known since version 3 was trained."),
        ({"new_labels": 501}, ""),
        ({"new_rows": 800}, "800 rows were scored by version 3."),
        ({"new_rows": 801}, ""),
        ({"after_days": 59}, "Version 3 has scored for 59 days."),
        ({"after_days": 60}, ""),
    ],
)
def test_labels_rows_and_time_are_reasons_from_their_number_on(
    tmp_path: Path, changes: dict[str, int], reason: str
) -> None:
    proposal = decide(open_events(tmp_path), **changes)
    assert (proposal.reasons if proposal else ()) == ((reason,) if reason else ())


def test_nothing_is_trained_on_a_window_with_an_open_alert_on_its_data(ledger: AuditLedger) -> None:
    nulls = make_measure(0.2, kind="data", metric="null_share_change")
    monitor(ledger, [make_ranking(0.6), nulls])
    assert decide(ledger) is None
    wrong = identify_alert("nulls", "x", "all")
    records = ledger.read()
    assert find_hindrances(project_alerts(records), records, options=options(), as_of=MARCH) == [
        f"Alerts on the quality of the data are not resolved: {wrong}."
    ]
    resolve(ledger, wrong, Step(actor="ann", now=NOW, comment="fixed"))
    assert decide(ledger) is not None


def begin(ledger: AuditLedger, day: date) -> dict[str, Any]:
    given = {"as_of": day.isoformat(), "proposal": f"{day}/3", "reasons": ["r"], "alerts": [], "version": "3"}
    ledger.append([start(given, 1, claim="c", **WHO)])
    return given


def test_cool_down_and_budget_go_by_the_days_of_the_data(ledger: AuditLedger) -> None:
    given = begin(ledger, MARCH)
    ledger.append([end(given, 1, succeeded=True, why="fine", **WHO)])
    monitor(ledger, [make_ranking(0.6, APRIL)], APRIL)
    assert decide(ledger, MARCH + timedelta(days=13)) is None
    assert decide(ledger, MARCH + timedelta(days=14)) is not None
    begin(ledger, APRIL)
    assert decide(ledger, MAY, budget_per_quarter=1) is None
    assert decide(ledger, MAY, budget_per_quarter=2) is not None
    assert decide(ledger, date(2026, 7, 1), budget_per_quarter=1) is not None, "a new quarter"
    assert decide(ledger, date(2026, 7, 1), budget_per_quarter=0) is None


def test_the_same_proposal_is_recorded_once_and_a_started_one_waits_no_more(ledger: AuditLedger) -> None:
    proposal = decide(ledger)
    assert proposal is not None
    for _ in range(2):
        ledger.append([propose(proposal, **WHO)])
    records = ledger.read()
    assert [record.kind for record in records].count("retraining_proposed") == 1
    waiting = find_waiting(records)
    assert waiting is not None
    assert waiting.proposal["reasons"] == list(proposal.reasons)
    ledger.append([start(waiting.proposal, 1, claim="c", **WHO)])
    assert find_waiting(ledger.read()) is None


def test_of_two_processes_at_once_one_starts_it(ledger: AuditLedger) -> None:
    given = {"as_of": "2026-03-31", "proposal": "p", "reasons": []}
    claims = [ledger.append([start(given, 1, claim=claim, **WHO)])[0].comment for claim in ("a", "b")]
    assert claims == ["a", "a"]


def test_one_under_way_is_waited_for_and_one_that_was_killed_is_not(ledger: AuditLedger) -> None:
    begin(ledger, MARCH)
    with pytest.raises(BoathouseError, match="found 2026-03-31/3 started at 2026-03-01 09:00 UTC"):
        require_none_running(ledger.read(), options=options(), now=NOW + timedelta(hours=23))
    require_none_running(ledger.read(), options=options(), now=NOW + timedelta(hours=24))
    assert find_running(ledger.read()) is not None


def test_one_that_failed_opens_an_alarm_and_stops_further_ones_until_it_is_resolved(ledger: AuditLedger) -> None:
    given = begin(ledger, date(2026, 2, 1))
    ledger.append([end(given, 1, succeeded=False, why="exit code 1", **WHO), escalate(given, None, why="x", **WHO)])
    state = project_alerts(ledger.read())[FAILED_ALERT]
    assert (state.phase, state.content["severity"]) == ("open", "alarm")
    assert decide(ledger) is None
    assert monitor(ledger, [make_ranking(0.6)]) == [], "no run of monitoring resolves it"
    ledger.append([relieve(given, state, **WHO)])
    assert project_alerts(ledger.read())[FAILED_ALERT].phase == "resolved"
    assert decide(ledger) is not None
    again = project_alerts(ledger.read())[FAILED_ALERT]
    ledger.append([escalate({**given, "proposal": "q"}, again, why="x", **WHO)])
    assert project_alerts(ledger.read())[FAILED_ALERT].phase == "open"


@pytest.mark.parametrize(
    "changes",
    [{"mode": "maybe"}, {"cool_down_days": -1}, {"budget_per_quarter": 1.5}, {"stale_hours": 0}, {"new_rows": -1}],
)
def test_options_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"retraining.{next(iter(changes))}"):
        options(**changes)
