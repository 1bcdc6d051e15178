"""Policies as paths through one matrix, on cells whose costs are counted by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions, Scored
from boathouse.replay.comparison import (
    ALWAYS,
    JUDGED,
    NEVER,
    ON_ALERT,
    ORACLE,
    POLICIES,
    RECALIBRATE,
    compare_policies,
    plot_policies,
    policy_rows,
)
from boathouse.replay.matrix import (
    Cell,
    Interval,
    Matrix,
    find_oracle,
    follow,
    judge_retraining,
    list_schedules,
    schedule_on_alarm,
    weighted_auc,
)
from boathouse.replay.words import SIX_MONTHS, Terms, describe_matrix, summarise_policies

MAY, JUNE, JULY, AUGUST = (date(2024, month, 28) for month in (5, 6, 7, 8))
COSTS = CostOptions(missed=5.0, false_alarm=1.0)
SAMPLING = BootstrapOptions(samples=200, confidence=0.95, seed=3)
TERMS = Terms("sales", "EUR", "ROC AUC")
ROWS = 400


def make_cell(wrong: int, *, seed: int = 0) -> Cell:
    """Return a cell of which ``wrong`` of the positive rows were missed: 5 each."""
    label = np.tile([1, 0], ROWS // 2)
    decision = label.copy()
    missed = np.random.default_rng(seed).permutation(np.flatnonzero(label))[:wrong]
    decision[missed] = 0
    return Cell.of(Scored(label, np.where(decision == 1, 0.8, 0.2), decision, np.arange(ROWS, dtype=np.uint64)), COSTS)


def make_matrix(*, later: int) -> Matrix:
    """Return a matrix in which the first model misses 50 a month, those trained later ``later``."""
    cohorts, cutoffs = (MAY, JUNE, JULY, AUGUST), (MAY, JUNE, JULY)
    pairs = [(cutoff, day) for cutoff in cutoffs for day in cohorts if day >= cutoff]
    trained = {pair: make_cell(50 if pair[0] == MAY else later, seed=3 if pair[0] == MAY else 4) for pair in pairs}
    return Matrix(
        cutoffs=cutoffs,
        cohorts=cohorts,
        trained=trained,
        recalibrated={pair: make_cell(40, seed=5) for pair in pairs},
        references={"nothing": {day: make_cell(200) for day in cohorts}},
    )


def test_costs_are_those_of_wrong_decisions() -> None:
    rows = Scored(np.array([1, 1, 0, 0]), np.full(4, 0.5), np.array([1, 0, 1, 0]))
    assert Cell.of(rows, COSTS).costs.tolist() == [0.0, 5.0, 1.0, 0.0]
    assert Cell.of(rows, COSTS).losses == pytest.approx(np.full(4, np.log(2)))


def test_a_model_decides_from_the_month_after_its_training() -> None:
    assert follow((MAY, JULY), (MAY, JUNE, JULY, AUGUST)) == {MAY: MAY, JUNE: MAY, JULY: MAY, AUGUST: JULY}


def test_every_schedule_begins_with_the_first_training() -> None:
    assert list_schedules((MAY, JUNE, JULY)) == [(MAY,), (MAY, JUNE), (MAY, JULY), (MAY, JUNE, JULY)]


def test_the_oracle_costs_least_and_trains_no_more_than_that_needs() -> None:
    assert find_oracle(make_matrix(later=10)) == (MAY, JUNE)
    assert find_oracle(make_matrix(later=60)) == (MAY,)


def test_on_alarm_looks_at_the_model_in_use() -> None:
    matrix = make_matrix(later=10)
    known = {MAY: MAY, JUNE: MAY, JULY: JUNE}
    seen: list[float] = []

    def is_alarming(cell: Cell) -> bool:
        seen.append(float(cell.costs.sum()))
        return len(seen) == 2

    assert schedule_on_alarm(matrix, is_alarming, known) == (MAY, JULY)
    assert seen == [250.0, 250.0]


def test_policies_are_measured_against_never_and_against_hindsight() -> None:
    results = compare_policies(
        make_matrix(later=10), SAMPLING, is_alarming=lambda _cell: False, newest_known={JUNE: MAY, JULY: JUNE}
    )
    found = {each.policy: each for each in results}
    assert list(found) == [NEVER, ALWAYS, ON_ALERT, RECALIBRATE, ORACLE, "nothing"]
    # Two months by the first model at 250, two by later ones at 50; May is always the first model's.
    assert found[NEVER].cost.value == 4 * 250
    assert found[ALWAYS].cost.value == found[ORACLE].cost.value == 2 * 250 + 2 * 50
    assert found[ALWAYS].saved.value == 400
    assert found[ALWAYS].regret == Interval(0.0, 0.0, 0.0)
    assert found[NEVER].regret.value == 400
    assert found[ON_ALERT].saved == Interval(0.0, 0.0, 0.0)
    # Recalibrated from the start, at 200 a month.
    assert found[RECALIBRATE].cost.value == 4 * 200
    assert found["nothing"].cost.value == 4 * 1000
    assert found[ALWAYS].saved.excludes_zero
    for each in results:
        assert each.cost.low <= each.cost.value <= each.cost.high
        assert each.rows == 4 * ROWS


def test_the_interval_says_whether_it_was_worth_it() -> None:
    def judge(later: int, policy: str = ALWAYS) -> str:
        results = compare_policies(
            make_matrix(later=later), SAMPLING, is_alarming=lambda _: False, newest_known={JUNE: MAY, JULY: JUNE}
        )
        return judge_retraining([each for each in results if each.policy == policy], currency="EUR")[0]

    assert "was worth it: it saved EUR 400" in judge(10)
    assert "cannot be told from never retraining" in judge(49)
    assert "was not worth it: it cost EUR 500" in judge(100)
    assert judge(10, ON_ALERT) == "on-alert did what never retraining does: it had no reason to train again."


def test_the_same_seed_gives_the_same_intervals() -> None:
    first, second = (
        compare_policies(
            make_matrix(later=10), SAMPLING, is_alarming=lambda _: False, newest_known={JUNE: MAY, JULY: JUNE}
        )
        for _ in range(2)
    )
    assert first == second


def test_the_area_of_a_resample_is_that_of_rows_repeated() -> None:
    generator = np.random.default_rng(1)
    label, probability = generator.integers(0, 2, 60), np.round(generator.random(60), 1)
    entities = np.repeat(np.arange(20), 3)
    counts = generator.multinomial(20, np.full(20, 0.05), size=4)
    found = weighted_auc(Scored(label, probability, label), counts.astype(np.float64), entities)
    weights = [np.ones(60), *(count[entities] for count in counts)]
    assert found == pytest.approx([roc_auc_score(label, probability, sample_weight=each) for each in weights])


def test_table_page_and_plot_have_every_policy() -> None:
    matrix = make_matrix(later=10)
    results = compare_policies(matrix, SAMPLING, is_alarming=lambda _: False, newest_known={JUNE: MAY, JULY: JUNE})
    rows = policy_rows(results, as_of=AUGUST)
    assert {len(row) for row in rows} == {len(POLICIES.columns)}
    assert dict(zip(POLICIES.column_names, rows[1], strict=True))["trained"] == "2024-05,2024-06,2024-07"
    page = "\n".join(summarise_policies(results, TERMS, confidence=0.95, judged=JUDGED))
    assert SIX_MONTHS in page
    assert all(each.policy in page for each in results)
    assert describe_matrix(matrix, TERMS)[2].split() == ["2024-05", "0.6", "0.6", "0.6", "0.6"]
    figure = plot_policies(matrix, results, currency="EUR")
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == [ORACLE, *reversed(JUDGED)]
