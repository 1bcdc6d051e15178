"""The declared behaviour tests: changes that are what they say, features that move with them, models they catch."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml

from boathouse.evaluation.behaviour import BehaviourCases, BehaviourOptions, run_behaviour
from boathouse.scoring.scorer import load_scorer, write_scorer
from boathouse.scoring.spec import Calibration, ScorerSpec
from boathouse.use_case import USE_CASE, behaviour
from boathouse.use_case.behaviour import BEHAVIOUR_TESTS, CUSTOMERS, STATEMENTS, build_cases
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AS_OF = date(2005, 6, 30)
DATES = [date(2005, 4, 30), date(2005, 5, 31), AS_OF]
# Status in April, May and June of each customer.
STATUS = {1: (-1, -1, -1), 2: (0, 2, 0), 3: (2, 0, 3), 4: (0, 0, 0)}
LIMITS = yaml.safe_load((CONF / "base/evaluation/parameters_evaluation.yml").read_text(encoding="utf-8"))
OPTIONS = BehaviourOptions(**LIMITS["evaluation"]["behaviour"])


def words(status: int) -> str:
    return "late" if status >= 1 else {0: "revolving", -1: "paid_in_full"}[status]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    people = [(key, 1000 * key, "man", "university", "married", 30) for key in STATUS]
    rows = [
        (key, day.replace(day=1), day, status, max(status, 0), words(status), 100 * key, 10 * key)
        for key, history in STATUS.items()
        for day, status in zip(DATES, history, strict=True)
    ]
    return {
        CUSTOMERS: pd.DataFrame(people, columns="customer_id limit_bal sex education marriage age".split()),
        STATEMENTS: pd.DataFrame(
            rows,
            columns="customer_id statement_month statement_date pay_status months_late usage bill_amt pay_amt".split(),
        ),
    }


@pytest.fixture(scope="module")
def cases(tables: dict[str, pd.DataFrame], spark: SparkSession) -> dict[str, BehaviourCases]:
    people = spark.createDataFrame(
        tables[CUSTOMERS], "customer_id bigint, limit_bal int, sex string, education string, marriage string, age int"
    )
    rows = spark.createDataFrame(
        tables[STATEMENTS],
        "customer_id bigint, statement_month date, statement_date date, pay_status int, months_late int, "
        "usage string, bill_amt int, pay_amt int",
    )
    # A statement after the date, which no case may know.
    later = rows.where("statement_date = '2005-06-30'").selectExpr(
        "customer_id",
        "date '2005-07-01' statement_month",
        "date '2005-07-31' statement_date",
        "8 pay_status",
        "8 months_late",
        "'late' usage",
        "bill_amt",
        "pay_amt",
    )
    found = build_cases(people, rows.unionByName(later), use_case=USE_CASE, as_of=AS_OF, options=OPTIONS)
    return {each.test.name: each for each in found}


def statuses(tables: Any) -> dict[int, tuple[int, ...]]:
    return {key: tuple(group["pay_status"]) for key, group in tables[STATEMENTS].groupby("customer_id", sort=True)}


def test_changes_of_tables_are_what_they_say(tables: dict[str, pd.DataFrame]) -> None:
    before = {name: table.copy() for name, table in tables.items()}
    assert set(behaviour.swap_sex(tables)[CUSTOMERS]["sex"]) == {"woman"}
    other = behaviour.marry_or_part(tables)[CUSTOMERS]
    assert (set(other["marriage"]), set(other["age"])) == ({"single"}, {60})
    newest = statuses(behaviour.delay_newest(tables))
    assert newest == {1: (-1, -1, 2), 2: (0, 2, 2), 3: (2, 0, 4), 4: (0, 0, 2)}
    late = behaviour.delay_every_late_month(tables)
    assert statuses(late) == {1: (-1, -1, -1), 2: (0, 3, 0), 3: (3, 0, 4), 4: (0, 0, 0)}
    assert (late[STATEMENTS]["months_late"] == late[STATEMENTS]["pay_status"].clip(lower=0)).all()
    assert all(before[name].equals(tables[name]) for name in tables), "a change must not touch what it was given"


def test_derived_features_move_with_the_change(cases: dict[str, BehaviourCases]) -> None:
    later = cases["a_later_payment_is_no_better"]
    assert later.before["months_late"].tolist() == [0, 0, 3, 0]
    assert later.after["months_late"].tolist() == [2, 2, 4, 2]
    assert later.after["months_late_max_3m"].tolist() == [2, 2, 4, 2]
    assert later.after["times_late_6m"].tolist() == [1, 2, 2, 1]
    assert later.after["months_since_late"].tolist() == [0, 0, 0, 0]
    assert later.after["is_revolving"].tolist() == [0, 0, 0, 0]
    assert later.before["is_paid_in_full"].tolist() == [1, 0, 0, 0]
    assert later.after["paid_in_full_share_6m"] == pytest.approx([2 / 3, 0, 0, 0])
    assert (later.after["bill_amt"] == later.before["bill_amt"]).all()


def test_features_do_not_see_sex_and_cases_do_not_see_the_future(cases: dict[str, BehaviourCases]) -> None:
    sexes = cases["sex_changes_nothing"]
    assert all(np.array_equal(sexes.before[name], sexes.after[name], equal_nan=True) for name in USE_CASE.feature_names)
    assert sexes.before["months_observed"].tolist() == [3, 3, 3, 3]


def test_hand_made_customers_are_what_they_say(cases: dict[str, BehaviourCases]) -> None:
    perfect, late = cases["a_perfect_payer_scores_low"].after, cases["a_late_payer_scores_high"].after
    assert len(perfect["limit_bal"]) == len(late["limit_bal"]) == 5
    assert set(perfect["paid_in_full_share_6m"]) == {1.0}
    assert set(perfect["months_late_max_3m"]) == {0.0}
    assert perfect["utilisation_max_6m"] == pytest.approx([0.1] * 5)
    assert set(late["months_late_mean_6m"]) == {3.0}
    assert set(late["pay_amt"]) == {0.0}
    assert late["utilisation"] == pytest.approx([0.98] * 5)


def test_one_value_is_missing_at_a_time(cases: dict[str, BehaviourCases]) -> None:
    blank = cases["one_missing_value_is_bearable"]
    rows = 4 * len(USE_CASE.feature_names)
    added = sum(np.isnan(blank.after[name]) & ~np.isnan(blank.before[name]) for name in USE_CASE.feature_names)
    assert len(added) == rows
    assert added.max() == 1
    known = sum((~np.isnan(blank.before[name][:4])).sum() for name in USE_CASE.feature_names)
    assert added.sum() == known
    assert all(np.isnan(each).all() for each in cases["nothing_known_is_bearable"].after.values())


def test_noise_leaves_counts_and_flags_alone(cases: dict[str, BehaviourCases]) -> None:
    noise = cases["noise_hardly_matters"]
    assert (noise.after["months_late"] == noise.before["months_late"]).all()
    assert (noise.after["is_revolving"] == noise.before["is_revolving"]).all()
    ratio = noise.after["bill_amt"] / noise.before["bill_amt"]
    assert 0 < np.abs(ratio - 1).max() < 0.06


def judge(cases: dict[str, BehaviourCases], feature: str, bounds: list[float], rates: list[float]) -> set[str]:
    """Return the tests that a model fails which gives each range of one feature a probability."""
    import json

    spec = ScorerSpec(
        algorithm="rate_table",
        features=USE_CASE.feature_names,
        label="missed",
        calibration=Calibration("none"),
        threshold=0.5,
        reason_texts=dict.fromkeys(USE_CASE.feature_names, "a reason"),
    )
    odds = [float(np.log(rate / (1 - rate))) for rate in rates]
    table = {
        "column": USE_CASE.feature_names.index(feature),
        "bounds": bounds,
        "log_odds": odds[:-1],
        "missing_log_odds": odds[-1],
    }
    scorer = load_scorer(write_scorer(spec, json.dumps(table).encode()))
    fitted = cases["sex_changes_nothing"].before
    return {
        each.name for each in run_behaviour(scorer, list(cases.values()), OPTIONS, fitted=fitted) if not each.passed
    }


@pytest.mark.parametrize(
    ("feature", "bounds", "rates", "failed"),
    [
        # A sensible rule: late is bad, unknown is in between.
        ("months_late", [0, 1], [0.05, 0.9, 0.3], set()),
        # The reverse; the unknown is less than half of the mean, which is high then.
        (
            "months_late",
            [0, 1],
            [0.9, 0.05, 0.3],
            {
                "a_later_payment_is_no_better",
                "a_perfect_payer_scores_low",
                "a_late_payer_scores_high",
                "nothing_known_is_bearable",
            },
        ),
        # Four months late are taken for better than three.
        (
            "months_late",
            [0, 1, 4],
            [0.05, 0.9, 0.2, 0.3],
            {"a_later_payment_is_no_better", "a_later_history_is_no_better"},
        ),
        # What is not known is taken for good.
        ("months_late", [0, 1], [0.05, 0.9, 0.05], {"nothing_known_is_bearable"}),
        # Age and marriage decide.
        ("is_married", [0, 1], [0.1, 0.12, 0.11], {"marriage_and_age_change_nothing", "a_late_payer_scores_high"}),
        ("age", [0, 50], [0.1, 0.12, 0.11], {"marriage_and_age_change_nothing", "a_late_payer_scores_high"}),
    ],
)
def test_models_that_misbehave_are_caught(
    cases: dict[str, BehaviourCases], feature: str, bounds: list[float], rates: list[float], failed: set[str]
) -> None:
    assert judge(cases, feature, bounds, rates) == failed


def test_a_model_that_jumps_at_a_trifle_is_caught(cases: dict[str, BehaviourCases]) -> None:
    bill = float(cases["noise_hardly_matters"].before["bill_amt"][0])
    assert "noise_hardly_matters" in judge(cases, "bill_amt", [0, bill], [0.05, 0.9, 0.3])


def test_a_feature_that_lets_sex_in_is_caught(cases: dict[str, BehaviourCases]) -> None:
    sexes = cases["sex_changes_nothing"]
    leaking = {**sexes.after, "limit_bal": sexes.after["limit_bal"] + 1}
    changed = {**cases, "sex_changes_nothing": replace(sexes, after=leaking)}
    limit = float(sexes.before["limit_bal"][0])
    assert "sex_changes_nothing" in judge(changed, "limit_bal", [0, limit + 0.5], [0.2, 0.21, 0.2])


def test_every_declared_test_has_a_limit_and_no_limit_is_left_over() -> None:
    assert set(OPTIONS.limits) == {each.name for each in BEHAVIOUR_TESTS}
