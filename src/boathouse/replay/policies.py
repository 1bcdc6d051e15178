"""Policies of retraining: what each does at the end of a month, given what is known then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boathouse.replay.records import Raised

Action = Literal["start", "retrain", "recalibrate", "nothing", "wait"]
# Severities that ask for something to be done; lower ones are watched.
ALARMS = frozenset({"alarm", "high", "critical"})
# The action of an alert that retraining answers.
RETRAIN = "retrain"
# Alerts during which no model is trained: what it would learn from may be broken.
DATA = frozenset({"data"})


@dataclass(frozen=True, kw_only=True)
class MonthFacts:
    """What is known at the end of a month.

    Attributes:
        has_champion: Whether a version scores.
        cohorts: Cohorts whose labels are known.
        new_labels: Whether labels became known in the month.
        alerts: Alerts of the month.
    """

    has_champion: bool
    cohorts: int
    new_labels: bool
    alerts: Sequence[Raised] = ()

    @property
    def alarms(self) -> tuple[Raised, ...]:
        """The alerts that ask for something to be done."""
        return tuple(each for each in self.alerts if each.severity in ALARMS)


@dataclass(frozen=True)
class Choice:
    """What is done, and why in a sentence."""

    action: Action
    reason: str


def _never(facts: MonthFacts) -> Choice:  # noqa: ARG001 - one signature for all
    return Choice("nothing", "the policy keeps the first model")


def _always(facts: MonthFacts) -> Choice:  # noqa: ARG001
    return Choice("retrain", "labels became known")


def _on_alert(facts: MonthFacts) -> Choice:
    found = sorted(f"{each.kind} of {each.subject}" for each in facts.alerts if each.action == RETRAIN)
    if not found:
        return Choice("nothing", "no alert asks for it")
    return Choice("retrain", f"{found[0]}{f' and {len(found) - 1} more' if len(found) > 1 else ''}")


def _recalibrate(facts: MonthFacts) -> Choice:  # noqa: ARG001
    return Choice("recalibrate", "labels became known")


POLICIES: Mapping[str, Callable[[MonthFacts], Choice]] = MappingProxyType(
    {"never": _never, "always": _always, "monthly": _always, "on-alert": _on_alert, "recalibrate": _recalibrate}
)


def choose_action(policy: str, facts: MonthFacts) -> Choice:
    """Return what ``policy`` does at the end of a month.

    A first model is trained as soon as labels are known, whatever the policy; nothing is trained without new labels, or
    while an alarm says that the data is broken.
    """
    broken = sorted({each.subject for each in facts.alarms if each.kind in DATA})
    if not facts.cohorts:
        return Choice("wait", "no label is known yet")
    if broken:
        return Choice("wait", f"the data of {', '.join(broken[:3])} has to be checked first")
    if not facts.has_champion:
        return Choice("start", "there is no champion yet")
    if not facts.new_labels:
        return Choice("nothing", "no label became known")
    return POLICIES[policy](facts)
