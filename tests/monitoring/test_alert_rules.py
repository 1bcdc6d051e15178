"""Rules of alerts: what conf may say, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest

from boathouse.errors import OptionError
from boathouse.monitoring.alert_rules import AlertOptions, EmailOptions, check_rules
from tests.fixtures.alert_findings import OWNED, RANKING, make_rule


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "weather"}, "alerts.rules.drifted.kind' is 'weather'"),
        ({"severity": "alarm"}, "drift alone is no alarm"),
        ({"severity": "loud"}, "severity"),
        ({"bound": "middle"}, "bound"),
        ({"action": "pray"}, "alerts.rules.drifted.action' is 'pray'"),
        ({"above": None}, "one of above and below"),
        ({"below": 0.0}, "one of above and below"),
        ({"windows": 2, "needed": 3}, "needed"),
        ({"windows": 0}, "windows"),
        ({"owner": " "}, "owner"),
        ({"above": float("nan")}, "above"),
    ],
)
def test_a_rule_that_says_nothing_sensible_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        make_rule(**changes)


@pytest.mark.parametrize("kind", ["performance", "concept", "kpi", "data", "fairness", "service"])
def test_performance_value_and_data_may_raise_the_alarm(kind: str) -> None:
    assert make_rule(kind=kind, severity="alarm").severity == "alarm"


def test_the_limit_itself_is_allowed() -> None:
    assert [make_rule().is_crossed(value) for value in (0.0, 0.1, 0.11)] == [False, False, True]
    assert [RANKING.is_crossed(value) for value in (0.69, 0.7, 0.9)] == [True, False, False]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"above": 0.2}),
        ({"above": 0.3, "severity": "info"}, {"above": 0.2}),
        ({"above": 0.2, "severity": "info"}, {"above": 0.2}),
        ({}, {"above": None, "below": 0.2}),
    ],
)
def test_rules_that_contradict_each_other_are_an_error(first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"alerts.rules.a and b|alerts.rules.b and a"):
        check_rules([make_rule("a", **first), make_rule("b", **second)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"above": 0.05, "severity": "info"}, {}),
        ({}, {"above": None, "below": -0.2}),
        ({}, {"scope": "*=*", "above": 0.3}),
        ({}, {"bound": "low", "above": 0.05}),
        ({}, {"metric": "ks", "above": 0.3}),
    ],
)
def test_rules_beside_each_other_are_none(first: dict[str, Any], second: dict[str, Any]) -> None:
    check_rules([make_rule("a", **first), make_rule("b", **second)])


def test_conf_is_checked_as_a_whole_and_null_switches_a_rule_off() -> None:
    entry = {"kind": "feature", "metric": "psi", "above": 0.1, "severity": "warning", "action": "nothing", **OWNED}
    options = AlertOptions(rules={"a": entry, "b": None})
    assert [rule.name for rule in options.built_rules] == ["a"]
    with pytest.raises(OptionError, match="alerts.rules.a and b"):
        AlertOptions(rules={"a": entry, "b": entry})
    with pytest.raises(OptionError, match="least"):
        AlertOptions(rules={}, least="all")
    with pytest.raises(OptionError, match="port"):
        AlertOptions(rules={}, email={"host": "h", "sender": "a@b", "to": ["c@d"], "port": 0})


@pytest.mark.parametrize(
    "changes",
    [
        {"to": []},
        {"to": ["no address"]},
        {"to": ["a@b\nBcc: c@d"]},
        {"sender": "a"},
        {"user": "u", "starttls": False},
        {"password_secret": {"name": "x"}},
        {"least": "all"},
        {"attempts": 0},
        {"since": "yesterday"},
    ],
)
def test_mail_that_could_not_be_sent_or_would_tell_a_password_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        EmailOptions(**{"host": "mail.example", "sender": "a@b", "to": ["c@d"], **changes})
