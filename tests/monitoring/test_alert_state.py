"""States of alerts: what events say, what a rerun, a killed run and two runs beside each other leave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import BoathouseError
from boathouse.monitoring.actions import ACTIONS, describe_action
from boathouse.monitoring.alert_log import Step, acknowledge, mute, resolve, unmute
from boathouse.monitoring.alert_state import AlertState, project_alerts
from boathouse.monitoring.alert_table import alert_state_rows, list_for_report, render_prometheus
from boathouse.monitoring.judging import identify_alert
from boathouse.monitoring.tables import ALERTS
from tests.fixtures.alert_findings import (
    APRIL,
    MARCH,
    MAY,
    NOW,
    RULES,
    make_measure,
    make_ranking,
    make_rule,
    monitor,
    open_events,
)

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.lifecycle.ledger import AuditLedger

X = identify_alert("drifted", "x", "all")
ANN = Step(actor="ann", now=NOW, comment="known")


@pytest.fixture
def ledger(tmp_path: Path) -> AuditLedger:
    """Return a table of events that is not there yet."""
    return open_events(tmp_path)


def state_of(ledger: AuditLedger, alert_id: str = X) -> AlertState:
    return project_alerts(ledger.read())[alert_id]


def test_an_alert_is_opened_once_seen_while_it_lasts_and_resolved(ledger: AuditLedger) -> None:
    assert monitor(ledger, [make_measure(0.3)]) == ["opened"]
    assert monitor(ledger, [make_measure(0.4, APRIL)], APRIL) == ["seen"]
    seen = state_of(ledger)
    assert (seen.phase, seen.windows, seen.first_seen, seen.last_seen) == ("open", 2, MARCH, APRIL)
    assert seen.content["value"] == 0.4
    assert monitor(ledger, [make_measure(0.05, MAY)], MAY) == ["resolved"]
    closed = state_of(ledger)
    assert (closed.phase, closed.resolved_on, closed.changed_by) == ("resolved", MAY, "boathouse")
    assert closed.comment == "psi is 0.05, within the limit of 0.1."


def test_the_same_window_again_counts_no_further_window(ledger: AuditLedger) -> None:
    """Labels of March may still be the newest in April."""
    monitor(ledger, [make_ranking(0.6)])
    assert monitor(ledger, [make_ranking(0.6)], APRIL) == ["seen"]
    ranking = state_of(ledger, identify_alert("ranking", "m", "all"))
    assert (ranking.windows, ranking.last_seen) == (1, APRIL)


def test_a_rerun_of_the_same_as_of_changes_nothing(ledger: AuditLedger) -> None:
    measures = [make_measure(0.1 + 0.2), make_ranking(0.6), make_measure(0.9, kind="data", metric="null_share_change")]
    monitor(ledger, measures)
    before = ledger.read()
    assert monitor(ledger, measures) == []
    assert ledger.read() == before
    assert len(before) == 2, "the column has one alert, on its data"


def test_corrected_data_correct_the_alert_of_the_same_as_of(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    assert monitor(ledger, [make_measure(0.2)]) == ["seen"]
    assert state_of(ledger).content["value"] == 0.2
    assert monitor(ledger, [make_measure(0.0)]) == ["resolved"]
    assert monitor(ledger, [make_measure(0.2)]) == ["reopened"]
    assert state_of(ledger).phase == "open"


def test_a_subject_without_a_figure_keeps_its_alert(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    assert monitor(ledger, [make_measure(None, APRIL, status="not_estimable")], APRIL) == []
    assert state_of(ledger).phase == "open"


def test_an_alert_that_comes_back_is_the_same_and_begins_again(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    acknowledge(ledger, X, ANN)
    monitor(ledger, [make_measure(0.0, APRIL)], APRIL)
    assert monitor(ledger, [make_measure(0.3, MAY)], MAY) == ["reopened"]
    again = state_of(ledger)
    assert (again.phase, again.windows, again.first_seen, again.changed_by) == ("open", 1, MAY, "")


def test_what_a_person_resolved_is_opened_by_a_newer_window_alone(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    resolve(ledger, X, ANN)
    assert monitor(ledger, [make_measure(0.3)]) == []
    assert monitor(ledger, [make_measure(0.3)], APRIL) == []
    assert monitor(ledger, [make_measure(0.3, APRIL)], APRIL) == ["reopened"]


def test_a_finding_that_another_rule_says_more_of_is_resolved(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    nulls = make_measure(0.2, APRIL, kind="data", metric="null_share_change")
    assert monitor(ledger, [make_measure(0.3, APRIL), nulls], APRIL) == ["resolved", "opened"]
    assert state_of(ledger).comment == "The rule nulls says more of the same subject."


def test_a_run_that_was_killed_before_its_events_is_made_good_by_the_next(ledger: AuditLedger, tmp_path: Path) -> None:
    """The table follows from the events: killed before them nothing is there, killed after them nothing is missing."""
    measures = [make_measure(0.3), make_measure(0.4, subject="y")]
    monitor(ledger, measures)
    whole = open_events(tmp_path / "other")
    monitor(whole, measures)
    rows = [
        alert_state_rows(project_alerts(each.read()), as_of=MARCH, now=NOW, environment="test")
        for each in (ledger, whole)
    ]
    assert rows[0] == rows[1]
    assert [row[3] for row in rows[0]] == ["x", "y"]


def test_two_runs_beside_each_other_open_one_alert(ledger: AuditLedger) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: monitor(ledger, [make_measure(0.3), make_measure(0.3, subject="y")]), range(4)))
    assert [record.kind for record in ledger.read()] == ["opened", "opened"]
    assert ledger.verify() == []


def test_an_event_of_an_earlier_run_that_comes_late_takes_nothing_back(ledger: AuditLedger, tmp_path: Path) -> None:
    slow = open_events(tmp_path / "slow")
    monitor(slow, [make_measure(0.3)])
    monitor(ledger, [make_measure(0.4, APRIL)], APRIL)
    late = [*ledger.read(), *slow.read()]
    state = project_alerts(late)[X]
    assert (state.first_seen, state.last_seen, state.content["value"], state.windows) == (MARCH, APRIL, 0.4, 2)


def test_the_past_is_shown_as_it_was(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    monitor(ledger, [make_measure(0.0, APRIL)], APRIL)
    acknowledged = project_alerts(ledger.read(), until=MARCH)
    assert acknowledged[X].phase == "open"
    assert project_alerts(ledger.read(), until=date(2026, 1, 1)) == {}


def test_a_person_looks_after_an_alert_under_their_name(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    state = acknowledge(ledger, X[:5], ANN)
    assert (state.phase, state.changed_by, state.comment) == ("acknowledged", "ann", "known")
    before = ledger.read()
    acknowledge(ledger, X, ANN)
    assert ledger.read() == before
    assert monitor(ledger, [make_measure(0.3, APRIL)], APRIL) == ["seen"]
    assert state_of(ledger).phase == "acknowledged"


def test_a_muted_alert_is_muted_until_the_day(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    until = NOW.date() + timedelta(days=7)
    state = mute(ledger, X, ANN, until=until)
    assert [state.name_state(until - timedelta(days=1)), state.name_state(until)] == ["muted", "open"]
    assert list_for_report({X: state}, now=NOW, environment="test") == []
    assert unmute(ledger, X, replace(ANN, comment="again")).name_state(NOW.date()) == "open"
    with pytest.raises(BoathouseError, match="found .* not muted"):
        unmute(ledger, X, ANN)


@pytest.mark.parametrize("until", [NOW.date(), date(2020, 1, 1)])
def test_a_mute_that_would_mute_nothing_is_refused(ledger: AuditLedger, until: date) -> None:
    monitor(ledger, [make_measure(0.3)])
    with pytest.raises(BoathouseError, match=f"Expected a day after 2026-03-01 to mute until, found {until}"):
        mute(ledger, X, ANN, until=until)


def test_an_unknown_id_names_the_open_ones(ledger: AuditLedger) -> None:
    with pytest.raises(BoathouseError, match="found no alert for 'nope'. Open: none"):
        acknowledge(ledger, "nope", ANN)
    monitor(ledger, [make_measure(0.3), make_measure(0.3, subject="y")])
    with pytest.raises(BoathouseError, match=f"Open: .*{X}"):
        resolve(ledger, "nope", ANN)
    with pytest.raises(BoathouseError, match="found no alert for ''"):
        resolve(ledger, "", ANN)


def test_what_is_resolved_is_not_resolved_or_acknowledged(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)])
    resolve(ledger, X, ANN)
    for step in (resolve, acknowledge):
        with pytest.raises(BoathouseError, match=f"found {X} resolved on 2026-03-01 by ann"):
            step(ledger, X, ANN)


def test_rows_have_every_column_of_the_contract_also_when_nothing_is_wrong(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3), make_ranking(0.6)])
    states = project_alerts(ledger.read())
    rows = alert_state_rows(states, as_of=MARCH, now=NOW, environment="test")
    (quiet,) = alert_state_rows({}, as_of=MARCH, now=NOW, environment="test")
    names = ALERTS.column_names
    assert {len(row) for row in (*rows, quiet)} == {len(names)}
    first = dict(zip(names, rows[0], strict=True))
    assert (first["severity"], first["action_name"], first["state"]) == ("alarm", "retrain", "open")
    assert first["action"] == "Retrain on a newer window: boathouse retrain --env test"
    assert quiet[:4] == (MARCH, "none", "none", "all checks")


def test_prometheus_gets_every_alert_with_its_labels_escaped(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3), make_measure(0.3, subject='a"\\b'), make_ranking(0.6)])
    mute(ledger, X, ANN, until=NOW.date() + timedelta(days=7))
    lines = render_prometheus(project_alerts(ledger.read()), now=NOW, environment="test").splitlines()
    assert sum(line.startswith("boathouse_alert{") for line in lines) == 3
    assert 'boathouse_alerts{environment="test",severity="warning"} 1' in lines
    assert 'boathouse_alerts{environment="test",severity="info"} 0' in lines
    assert any('subject="a\\"\\\\b"' in line for line in lines)
    assert any(f'alert_id="{X}"' in line and 'state="muted"' in line for line in lines)


def test_one_alert_gets_exactly_one_action_and_its_command(ledger: AuditLedger) -> None:
    monitor(ledger, [make_measure(0.3)], rules=[*RULES, make_rule("slices", scope="*=*", action="recalibrate")])
    assert state_of(ledger).read("action") in ACTIONS
    assert describe_action("nothing", "prod", X).endswith(f"boathouse alerts ack {X} --comment WHY --env prod")
