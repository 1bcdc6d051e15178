"""What each policy does, given what is known at the end of a month."""

from __future__ import annotations

import pytest

from boathouse.replay.policies import POLICIES, MonthFacts, choose_action
from boathouse.replay.records import Raised

QUIET = MonthFacts(has_champion=True, cohorts=3, new_labels=True)
WORSE = Raised("performance", "alarm", "price", "retrain")
BROKEN = Raised("data", "alarm", "price")


def facts(*alerts: Raised, has_champion: bool = True, cohorts: int = 3, new_labels: bool = True) -> MonthFacts:
    return MonthFacts(has_champion=has_champion, cohorts=cohorts, new_labels=new_labels, alerts=alerts)


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        ("never", "nothing"),
        ("always", "retrain"),
        ("monthly", "retrain"),
        ("on-alert", "nothing"),
        ("recalibrate", "recalibrate"),
    ],
)
def test_a_quiet_month(policy: str, action: str) -> None:
    assert choose_action(policy, QUIET).action == action


@pytest.mark.parametrize("policy", POLICIES)
def test_what_holds_for_every_policy(policy: str) -> None:
    assert choose_action(policy, facts(has_champion=False)).action == "start"
    assert choose_action(policy, facts(cohorts=0, has_champion=False)).action == "wait"
    assert choose_action(policy, facts(WORSE, new_labels=False)).action == "nothing"
    # Nothing is trained on data that may be broken.
    assert choose_action(policy, facts(WORSE, BROKEN)).action == "wait"


def test_on_alert_acts_on_alerts_that_retraining_answers() -> None:
    assert choose_action("on-alert", facts(WORSE)).action == "retrain"
    assert "performance of price" in choose_action("on-alert", facts(WORSE)).reason
    for kind, action in (("feature", "nothing"), ("prediction", "recalibrate"), ("service", "source_fix")):
        assert choose_action("on-alert", facts(Raised(kind, "alarm", "price", action))).action == "nothing"


def test_values_that_the_champion_never_saw_are_something_new_to_learn() -> None:
    filled = Raised("feature", "warning", "price", "retrain")
    assert choose_action("on-alert", facts(filled)).action == "retrain"
    assert choose_action("never", facts(filled)).action == "nothing"
