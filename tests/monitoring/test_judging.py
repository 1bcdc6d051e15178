"""Rules held against measures: which findings there are, and which of two is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boathouse.monitoring.diagnosis import diagnose
from boathouse.monitoring.judging import find_unmatched, identify_alert, judge
from tests.fixtures.alert_findings import (
    APRIL,
    MARCH,
    MAY,
    RANKING,
    RULES,
    make_measure,
    make_ranking,
    make_rule,
)


def told(*measures: object, rules: object = RULES) -> list[str]:
    return [finding.rule.name for finding in judge(rules, measures, []) if finding.is_told]  # type: ignore[arg-type]


def test_a_measure_beyond_its_limit_is_told_and_one_within_is_judged_too() -> None:
    beyond, within = judge(RULES, [make_measure(0.3), make_measure(0.1, subject="y")], [])
    assert (beyond.crossed, beyond.value, beyond.windows) == (True, 0.3, 1)
    assert (within.crossed, within.windows) == (False, 0)
    assert beyond.alert_id == identify_alert("drifted", "x", "all") != within.alert_id


@pytest.mark.parametrize(("bound", "expected"), [("value", True), ("low", False), ("high", True)])
def test_the_bound_decides_which_end_is_held_against_the_limit(bound: str, expected: bool) -> None:
    (finding,) = judge([make_rule(bound=bound)], [make_measure(0.2, low=0.05, high=0.4)], [])
    assert finding.crossed is expected


@pytest.mark.parametrize(
    "measure",
    [
        make_measure(None, status="not_estimable"),
        make_measure(0.3, status="estimated"),
        make_measure(float("nan")),
        make_measure(0.3, metric="ks"),
        make_measure(0.3, kind="prediction"),
        make_measure(0.3, scope="a=1"),
    ],
)
def test_what_a_rule_does_not_look_at_is_not_judged(measure: object) -> None:
    assert judge([make_rule()], [measure], []) == []  # type: ignore[list-item]


def test_a_measure_without_an_interval_has_no_lower_end() -> None:
    assert judge([make_rule(bound="low")], [make_measure(0.3)], []) == []


def test_patterns_choose_subjects_and_slices() -> None:
    measures = [make_measure(0.3, subject=name, scope=scope) for name in ("ab", "b") for scope in ("all", "s=1", "t=1")]
    found = judge([make_rule(subject="a*", scope="s=*")], measures, [])
    assert [(each.measure.subject, each.measure.scope) for each in found] == [("ab", "s=1")]


@pytest.mark.parametrize(
    ("values", "crossed", "windows"),
    [
        ((0.3, 0.0, 0.3), True, 2),
        ((0.3, 0.3, 0.0), False, 2),
        ((0.0, 0.0, 0.3), False, 1),
        ((0.3, 0.3, 0.3), True, 3),
    ],
)
def test_so_many_of_the_last_windows_and_the_newest(values: tuple[float, ...], crossed: bool, windows: int) -> None:
    *before, now = (make_measure(value, day) for value, day in zip(values, (MARCH, APRIL, MAY), strict=True))
    (finding,) = judge([make_rule(needed=2, windows=3)], [now], before)
    assert (finding.crossed, finding.windows) == (crossed, windows)


def test_a_window_counts_once_and_as_this_run_measured_it() -> None:
    rule = make_rule(needed=2, windows=3)
    before = [make_measure(0.3), make_measure(0.3, APRIL)]
    (finding,) = judge([rule], [make_measure(0.0), make_measure(0.3, APRIL)], before)
    assert (finding.crossed, finding.windows) == (False, 1)


def test_of_one_window_the_newer_version_counts() -> None:
    measures = [make_ranking(0.9, model_version="9"), make_ranking(0.5, model_version="10")]
    for given in (measures, measures[::-1]):
        (finding,) = judge([RANKING], given, [])
        assert (finding.measure.model_version, finding.crossed) == ("10", True)


def test_a_drifted_column_with_wrong_data_gets_one_alert_that_says_not_to_retrain() -> None:
    nulls = make_measure(0.2, kind="data", metric="null_share_change")
    assert told(make_measure(0.9), nulls) == ["nulls"]
    assert told(make_measure(0.9), replace(nulls, subject="y")) == ["drifted", "nulls"]
    assert told(make_measure(0.9), replace(nulls, value=0.0)) == ["drifted"]


def test_of_two_limits_of_one_figure_the_more_urgent_is_told() -> None:
    rules = [make_rule("mild", above=0.05, severity="info"), make_rule()]
    assert told(make_measure(0.3), rules=rules) == ["drifted"]
    assert told(make_measure(0.07), rules=rules) == ["mild"]


def test_a_rule_without_any_measure_is_named() -> None:
    assert find_unmatched([*RULES, make_rule("typo", metric="psy")], [make_measure(None, status="too_few")]) == [
        "ranking",
        "nulls",
        "typo",
    ]


@pytest.mark.parametrize(
    ("beside", "likely"),
    [
        ((), "concept"),
        ((make_measure(0.9),), "covariate"),
        ((make_measure(0.9), make_measure(0.9, kind="data", metric="null_share_change", subject="y")), "data quality"),
        ((make_measure(0.9, kind="label"),), "label"),
        ((make_measure(0.9), make_measure(0.9, kind="concept")), "concept"),
    ],
)
def test_the_likely_kind_of_drift_follows_from_what_is_beyond_a_limit_beside(
    beside: tuple[object, ...], likely: str
) -> None:
    rules = [*RULES, make_rule("labels", kind="label"), make_rule("relation", kind="concept", metric="psi")]
    found = diagnose(judge(rules, [make_ranking(0.6), *beside], []))  # type: ignore[list-item]
    assert found[identify_alert("ranking", "m", "all")].likely == likely


def test_the_diagnosis_names_columns_by_their_excess_and_slices_of_the_same_metric() -> None:
    rules = [*RULES, replace(RANKING, name="slices", scope="*=*")]
    measures = [
        make_ranking(0.6),
        make_ranking(0.5, scope="s=1"),
        make_measure(0.2),
        make_measure(0.9, subject="y"),
        make_measure(0.05, subject="z"),
    ]
    found = diagnose(judge(rules, measures, []))
    assert found[identify_alert("ranking", "m", "all")].columns == (("y", "psi", 0.9), ("x", "psi", 0.2))
    assert found[identify_alert("ranking", "m", "all")].slices == (("s=1", 0.5),)
    assert found[identify_alert("drifted", "x", "all")].columns == ()
