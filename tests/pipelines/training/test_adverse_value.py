"""A label whose value 1 is good, from training to monitoring: 0 is what is acted on, priced, explained and reported.

Every expectation is counted here from labels and decisions alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from boathouse.evaluation.behaviour import BehaviourResult
from boathouse.evaluation.evaluate import TestRows
from boathouse.evaluation.explanation import ExplanationOptions
from boathouse.evaluation.fairness import FairnessOptions
from boathouse.evaluation.model_card import CardWords, write_model_card
from boathouse.evaluation.report import EvaluationReport
from boathouse.modelling.calibration import CalibrationOptions, CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.leakage import LeakageFindings, LeakageOptions
from boathouse.modelling.result import LoadedModel, NoModel, TrainedModel
from boathouse.modelling.selection import BaselineOptions, FeatureOptions, SearchOptions
from boathouse.modelling.splits import SplitOptions
from boathouse.monitoring.options import PerformanceOptions
from boathouse.monitoring.performance import ScoredCohort
from boathouse.pipelines.evaluation import nodes as evaluation
from boathouse.pipelines.monitoring import nodes as monitoring
from boathouse.pipelines.training import nodes as training
from boathouse.problem.spec import Groups
from boathouse.scoring.spec import OutputColumn
from boathouse.tables.contract import Column, TableContract
from tests.fixtures.toy.use_case import USE_CASE

FIRST, DAYS, PRODUCTS = date(2024, 3, 1), 5, 300
SPLIT = SplitOptions(validation_cohorts=1, test_cohorts=1)
COSTS = CostOptions(missed=5.0, false_alarm=1.0)
SEARCH = SearchOptions("log_loss", 1, [{"algorithm": "logistic_regression", "C": 1.0, "max_iter": 300}])
BOOTSTRAP = BootstrapOptions(samples=20, confidence=0.9, seed=1)
FAIRNESS = FairnessOptions(sensitive=["size"], min_group_rows=10)
GROUPED = replace(
    USE_CASE,
    groups=Groups(
        contract=TableContract(
            name="model_input.groups",
            description="Groups of the products.",
            grain="One row per product of a shop",
            columns=(*USE_CASE.entity.keys, Column(name="size", dtype="string", description="Size of the shop.")),
            keys=USE_CASE.keys,
        ),
        tables=("clean.products",),
        compute=lambda products: products,
    ),
)


def make_training_set() -> pd.DataFrame:
    """Return days of products: the more of one is sold, the likelier it sells well the next day, which is good."""
    generator = np.random.default_rng(3)
    rows = DAYS * PRODUCTS
    day = np.repeat(np.arange(DAYS), PRODUCTS)
    demand = generator.normal(size=rows)
    days = [FIRST + timedelta(days=int(each)) for each in day]
    return pd.DataFrame(
        {
            "shop_id": np.tile(np.arange(PRODUCTS) % 10 + 1, DAYS),
            "product_code": np.tile([f"P{number // 10:02}" for number in range(PRODUCTS)], DAYS),
            "observed_on": days,
            "split": np.where(day == DAYS - 1, "test", np.where(day == DAYS - 2, "validation", "train")),
            "sells_well": (demand + generator.normal(size=rows) > -0.8).astype(np.int64),
            "price": generator.uniform(1, 20, rows),
            "units_sold": demand + generator.normal(scale=0.3, size=rows),
            "units_sold_7d": demand,
            "label_known_on": [each + timedelta(days=1) for each in days],
            "prices_observed_on": days,
            "recent_sales_observed_on": days,
        }
    )


TRAINING_SET = make_training_set()


def load(model: TrainedModel, version: str) -> LoadedModel:
    window = "/".join(day.isoformat() for day in model.training_window)
    tags = {"training_window": window}
    return LoadedModel(name="test.models.sells_well", version=version, files=model.files, tags=tags)


@pytest.fixture(scope="module")
def models() -> tuple[LoadedModel, LoadedModel]:
    """Return candidate and baseline."""
    train, validation, _ = training.take_samples(
        TRAINING_SET,
        features=FeatureOptions([]),
        leakage=LeakageOptions(0.99),
        as_of=date(2024, 4, 1),
        use_case=GROUPED,
    )
    trials, _ = training.search_models(train, validation, SEARCH, use_case=GROUPED)
    candidate, _ = training.finish_candidate(
        trials, train, validation, CalibrationOptions("platt"), costs=COSTS, use_case=GROUPED, split=SPLIT
    )
    rule = BaselineOptions("units_sold", 5)
    baseline = training.fit_baseline(train, validation, rule, search=SEARCH, costs=COSTS, use_case=GROUPED, split=SPLIT)
    return load(candidate, "2"), load(baseline, "1")


@pytest.fixture(scope="module")
def rows() -> TestRows:
    """Return the test rows with the size of their shop."""
    keys = TRAINING_SET.loc[TRAINING_SET["split"] == "test", ["shop_id", "product_code"]]
    groups = keys.assign(size=np.where(keys["shop_id"] > 5, "large", "small"))
    return evaluation.take_test_rows(TRAINING_SET, FAIRNESS, SPLIT, groups, use_case=GROUPED)


@pytest.fixture(scope="module")
def report(models: tuple[LoadedModel, LoadedModel], rows: TestRows) -> EvaluationReport:
    """Return the report on the candidate."""
    behaviour: list[BehaviourResult] = []
    return evaluation.evaluate_candidate(
        models[0],
        models[1],
        NoModel("test.models.sells_well", "champion"),
        rows,
        explanation=evaluation.explain_candidate(models[0], rows, ExplanationOptions(100, 1)),
        behaviour=behaviour,
        leakage=LeakageFindings(features=3, suspicious={}, future_rows={}),
        bootstrap=BOOTSTRAP,
        comparison=BOOTSTRAP,
        fairness=FAIRNESS,
        costs=COSTS,
        use_case=GROUPED,
    )


@pytest.fixture(scope="module")
def decided(models: tuple[LoadedModel, LoadedModel], rows: TestRows) -> np.ndarray:
    """Return the candidate's decision on each test row."""
    return np.asarray(models[0].scorer.answer(rows.matrix_for(models[0]))["decision"])


def test_to_miss_a_product_that_sells_badly_costs_most(
    report: EvaluationReport, rows: TestRows, decided: np.ndarray
) -> None:
    missed, alarms = ((rows.label == 0) & (decided == 1)).sum(), ((rows.label == 1) & (decided == 0)).sum()
    assert 0 < missed < alarms
    assert report.metrics["expected_cost"].value == pytest.approx((5 * missed + alarms) / len(rows.label))
    assert report.metrics["recall"].value == pytest.approx((decided[rows.label == 0] == 0).mean())
    assert report.metrics["precision"].value == pytest.approx((rows.label[decided == 0] == 0).mean())
    # The threshold is where acting on 0 costs least: far below it all would be acted on for a label that is bad.
    assert report.subject.threshold > 0.5


def test_products_that_will_not_sell_get_reasons_of_what_they_lack(
    models: tuple[LoadedModel, LoadedModel], rows: TestRows, decided: np.ndarray
) -> None:
    scorer, matrix = models[0].scorer, rows.matrix_for(models[0])
    assert scorer.find_explained(scorer.answer(matrix)).tolist() == np.flatnonzero(decided == 0).tolist()
    week = scorer.spec.features.index("units_sold_7d")
    least, most = matrix[[matrix[:, week].argmin()]], matrix[[matrix[:, week].argmax()]]
    assert "The sales of a week" in scorer.reasons(least, 3)[0]
    assert "The sales of a week" not in scorer.reasons(most, 3)[0]


def test_groups_are_held_against_each_other_by_how_often_0_is_decided(
    report: EvaluationReport, rows: TestRows, decided: np.ndarray
) -> None:
    (fairness,) = report.fairness
    for group in fairness.groups:
        inside = rows.groups["size"] == group.group
        assert group.selection_rate == pytest.approx((decided[inside] == 0).mean())
        assert group.true_positive_rate == pytest.approx((decided[inside & (rows.label == 0)] == 0).mean())
    observed = {each.value: each.observed for each in report.slices}
    assert observed["large"] == pytest.approx((rows.label[rows.groups["size"] == "large"] == 0).mean())


def test_the_card_says_what_was_measured_of_which_value(report: EvaluationReport) -> None:
    words = CardWords(entity="product", entities="products", currency="EUR", adverse=USE_CASE.label.adverse)
    card = write_model_card(report, words, task=USE_CASE.task)
    (fairness,) = report.fairness
    large = next(each for each in fairness.groups if each.group == "large")
    assert "Decision 0 is the adverse one for the product." in card
    assert "Metrics, observed and predicted values below are those of value 0 of the label." in card
    assert "A group that is decided 0 more often has the adverse decision more often." in card
    assert "| group | rows | decided 0 | TPR | FPR | PPV |" in card
    assert f"| size = large | {large.rows} | {large.selection_rate:.3f} |" in card
    assert "| Cost per product (EUR) |" in card


def test_a_scored_cohort_is_reported_by_how_often_0_was_foreseen(
    models: tuple[LoadedModel, LoadedModel], rows: TestRows, decided: np.ndarray
) -> None:
    answer = models[0].scorer.answer(rows.matrix_for(models[0]))
    cohort = ScoredCohort(
        cohort=date(2024, 3, 5),
        model_version="2",
        answer={name: np.asarray(values, dtype=np.float64) for name, values in answer.items()},
        label=rows.label.astype(np.float64),
        labels_known_on=date(2024, 3, 6),
    )
    options = PerformanceOptions(minimum_rows=10, bootstraps=20, confidence=0.9, seed=1)
    (measured,) = monitoring.measure_cohorts([cohort], options, use_case=GROUPED)
    assert measured.figures["mean_probability"] == pytest.approx(1 - answer["probability"].mean())
    assert measured.figures["decision_rate"] == pytest.approx((decided == 0).mean())
    assert measured.figures["observed_rate"] == pytest.approx((rows.label == 0).mean())
    assert measured.figures["recall"] == pytest.approx((decided[rows.label == 0] == 0).mean())


def test_tables_of_predictions_have_the_columns_of_the_task() -> None:
    column = OutputColumn(name="units", dtype="double", signature="double", description="Units foreseen.")
    outputs = replace(USE_CASE.task.outputs, columns=(column,))
    counting = replace(USE_CASE, task=replace(USE_CASE.task, outputs=outputs))
    for name in ("inference.predictions", "inference.stream_predictions"):
        assert {"probability", "decision", "reasons"} <= set(USE_CASE.contracts[name].column_names)
        names = counting.contracts[name].column_names
        assert {"units", "reasons"} <= set(names)
        assert not {"probability", "decision"} & set(names)
