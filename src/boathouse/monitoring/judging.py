"""Rules held against measures: what is beyond its limit, and which of two findings about one thing is told."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from boathouse.monitoring.alert_rules import SEVERITIES
from boathouse.monitoring.measures import ALL_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.monitoring.alert_rules import AlertRule
    from boathouse.monitoring.measures import Measure
    from boathouse.monitoring.windows import Window

# Findings about one subject in one of these groups have one cause and get one action. Wrong data come first: nothing
# else that is found of such a column can be trusted.
_ORDER = {"data": 0, "concept": 1, "performance": 2, "feature": 3}
_GROUPS = {"data": "column", "feature": "column", "performance": "model", "concept": "model"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one rule says of one subject and scope.

    Attributes:
        rule: The rule.
        measure: The measure of the newest window.
        value: What was held against the limit.
        crossed: Whether it is beyond, in as many windows as the rule needs.
        windows: Windows beyond the limit, of those that the rule looks at.
        superseded_by: Name of the rule whose finding about the same subject is told instead; empty for none.
    """

    rule: AlertRule
    measure: Measure
    value: float
    crossed: bool
    windows: int
    superseded_by: str = ""

    @property
    def alert_id(self) -> str:
        """Id of the alert that it is about."""
        return identify_alert(self.rule.name, self.measure.subject, self.measure.scope)

    @property
    def is_told(self) -> bool:
        """Whether an alert follows from it."""
        return self.crossed and not self.superseded_by


def identify_alert(rule: str, subject: str, scope: str) -> str:
    """Return the id of the alert of a rule, subject and scope: twelve hexadecimal digits, always the same."""
    return hashlib.sha256(f"{rule}\n{subject}\n{scope}".encode()).hexdigest()[:12]


def judge(rules: Sequence[AlertRule], measures: Iterable[Measure], history: Iterable[Measure]) -> list[Finding]:
    """Return what each rule says of each subject and scope that it matches, within limits or beyond.

    A subject without a figure in this run, as one that cannot be estimated, is not judged: its alert stays as it is.

    Args:
        rules: In the order of conf.
        measures: Those of this run.
        history: Those of earlier runs; of a window that this run measured too, this run's count.

    Returns:
        Findings in the order of rules, subjects and scopes; told is one of those about the same subject.
    """
    now, before = list(measures), list(history)
    return _supersede([finding for rule in rules for finding in _judge_rule(rule, now, before)])


def find_unmatched(rules: Iterable[AlertRule], measures: Iterable[Measure]) -> list[str]:
    """Return the names of the rules of all rows that match no measure, of any status.

    One of slices matches nothing where conf has no slices.
    """
    known = list(measures)
    return [
        rule.name for rule in rules if rule.scope == ALL_ROWS and not any(_matches(rule, measure) for measure in known)
    ]


def _judge_rule(rule: AlertRule, now: list[Measure], before: list[Measure]) -> list[Finding]:
    current = _collect(rule, now)
    earlier = _collect(rule, before)
    return [_judge_series(rule, earlier.get(key, {}) | series) for key, series in sorted(current.items())]


def _collect(rule: AlertRule, measures: Iterable[Measure]) -> dict[tuple[str, str], dict[Window, Measure]]:
    """Return the measures that count for ``rule``, by subject and scope, and by window.

    Two versions may have scored one window: the newer one counts.
    """
    found: dict[tuple[str, str], dict[Window, Measure]] = defaultdict(dict)
    for measure in measures:
        if measure.status != rule.status or not _matches(rule, measure) or _read(rule, measure) is None:
            continue
        series = found[measure.subject, measure.scope]
        other = series.get(measure.window)
        if other is None or _order_version(other) <= _order_version(measure):
            series[measure.window] = measure
    return found


def _order_version(measure: Measure) -> tuple[int, str]:
    version = measure.model_version
    return (int(version) if version.isdigit() else -1), version


def _matches(rule: AlertRule, measure: Measure) -> bool:
    return (
        (measure.kind, measure.metric) == (rule.kind, rule.metric)
        and fnmatchcase(measure.subject, rule.subject)
        and fnmatchcase(measure.scope, rule.scope)
    )


def _read(rule: AlertRule, measure: Measure) -> float | None:
    """Return what the rule holds against its limit; a measure without an interval has none of its ends."""
    value: float | None = getattr(measure, rule.bound)
    # NaN is beyond no limit and within none.
    return None if value is None or value != value else value  # noqa: PLR0124


def _judge_series(rule: AlertRule, series: dict[Window, Measure]) -> Finding:
    newest = sorted(series, key=lambda window: (window.end, window.start))[-rule.windows :]
    values = {window: _read(rule, series[window]) for window in newest}
    beyond = [window for window, value in values.items() if value is not None and rule.is_crossed(value)]
    last = newest[-1]
    return Finding(
        rule=rule,
        measure=series[last],
        value=float(values[last] or 0.0),
        crossed=last in beyond and len(beyond) >= rule.needed,
        windows=len(beyond),
    )


def _supersede(findings: list[Finding]) -> list[Finding]:
    """Return the findings with one told of those about the same subject and scope: the most urgent cause."""
    told: dict[tuple[str, ...], Finding] = {}
    for finding in findings:
        if finding.crossed:
            best = told.setdefault(_about(finding), finding)
            if _urgency(finding) < _urgency(best):
                told[_about(finding)] = finding
    return [
        replace(finding, superseded_by=told[_about(finding)].rule.name)
        if finding.crossed and told[_about(finding)] is not finding
        else finding
        for finding in findings
    ]


def _about(finding: Finding) -> tuple[str, ...]:
    measure = finding.measure
    return _GROUPS.get(measure.kind, measure.kind), measure.subject, measure.scope


def _urgency(finding: Finding) -> tuple[int, int]:
    """Return what sorts the finding that is told before the others: wrong data, then severity, then the kind."""
    kind = finding.measure.kind
    severity = -SEVERITIES.index(finding.rule.severity)
    return (0 if kind == "data" else 1) * len(SEVERITIES) + severity, _ORDER.get(kind, len(_ORDER))
