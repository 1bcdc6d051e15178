"""The report: complete, the same after JSON, and readable as a card and as plots."""

from __future__ import annotations

import json

import numpy as np
import pytest

from boathouse.errors import OptionError
from boathouse.evaluation.comparison import measure_slices
from boathouse.evaluation.evaluate import TestRows, evaluate
from boathouse.evaluation.explanation import Explanation, plot_calibration, plot_contributions
from boathouse.evaluation.fairness import FairnessOptions
from boathouse.evaluation.model_card import CardWords, write_model_card
from boathouse.evaluation.report import EvaluationReport
from boathouse.evaluation.tables import EVALUATIONS, evaluation_rows
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.metrics import bin_calibration, calibration_error
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.modelling.task import BINARY
from tests.fixtures.model_store import FEATURES, make_model

ROWS = 600
GENERATOR = np.random.default_rng(7)
LATE = GENERATOR.choice([0.0, 2.0], ROWS)
TEST_ROWS = TestRows(
    columns={"months_late": LATE, "limit": np.ones(ROWS)},
    label=(GENERATOR.random(ROWS) < np.where(LATE > 0, 0.6, 0.1)).astype(np.int64),
    groups={"sex": GENERATOR.choice(["man", "woman"], ROWS), "age": np.full(ROWS, "old")},
    period=("2005-08-31", "2005-08-31"),
)


WINDOW = "2005-04-30/2005-07-31"


def load(risk: float, version: str, window: str = WINDOW) -> LoadedModel:
    tags = {"training_window": window}
    return LoadedModel(name="test.models.late", version=version, files=make_model(risk).files, tags=tags)


COMPARISON = BootstrapOptions(samples=40, confidence=0.9, seed=1)


def report_on(champion: LoadedModel | NoModel) -> EvaluationReport:
    return evaluate(
        load(0.6, "2"),
        baseline=load(0.04, "1"),
        champion=champion,
        rows=TEST_ROWS,
        bootstrap=BootstrapOptions(samples=20, confidence=0.9, seed=1),
        comparison=COMPARISON,
        fairness=FairnessOptions(sensitive=["sex", "age"], min_group_rows=10),
        costs=CostOptions(missed=5, false_alarm=1),
        importance={"months_late": 1.5, "limit": 0.0},
    )


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    return report_on(load(0.6, "1"))


def test_the_same_model_as_champion_differs_by_nothing(report: EvaluationReport) -> None:
    assert report.champion is not None
    gain = report.champion.difference["roc_auc"]
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)
    assert report.baseline.difference["roc_auc"].value > 0.2


def test_every_number_has_an_interval_around_it(report: EvaluationReport) -> None:
    for name, each in report.metrics.items():
        assert each.low <= each.value <= each.high, name


@pytest.mark.parametrize("champion", [load(0.6, "1"), NoModel("test.models.late", "champion")])
def test_it_survives_json_with_undefined_numbers(champion: LoadedModel | NoModel) -> None:
    written = report_on(champion)
    text = json.dumps(written.to_dict(), allow_nan=False)
    read = EvaluationReport.from_dict(json.loads(text))
    assert json.dumps(read.to_dict()) == text
    assert read.metrics == written.metrics
    assert (read.champion is None) is isinstance(champion, NoModel)


def test_rows_of_the_table_are_unique_by_its_keys(report: EvaluationReport) -> None:
    names = [column.name for column in EVALUATIONS.columns]
    rows = [dict(zip(names, row, strict=True)) for row in evaluation_rows(report)]
    keys = [tuple(row[key] for key in EVALUATIONS.keys) for row in rows]
    assert len(keys) == len(set(keys)) > 20


def test_slices_are_measured_on_their_own_rows() -> None:
    probability = np.array([0.1, 0.9, 0.8, 0.3])
    slices = measure_slices("sex", np.array(["w", "m", "m", "w"]), np.array([0, 1, 0, 0]), probability)
    assert [(each.value, each.rows, each.observed) for each in slices] == [("m", 2, 0.5), ("w", 2, 0.0)]
    assert slices[0].predicted == pytest.approx(0.85)
    assert slices[0].metrics["roc_auc"] == 1.0
    assert np.isnan(slices[1].metrics["roc_auc"])
    assert slices[1].metrics["brier_score"] == pytest.approx((0.01 + 0.09) / 2)


def test_calibration_bins_hold_equally_many_rows() -> None:
    probability = np.linspace(0, 1, 100)
    bins = bin_calibration((probability > 0.5).astype(np.int64), probability)
    assert [each.rows for each in bins] == [10] * 10
    assert [each.observed for each in bins] == [0.0] * 5 + [1.0] * 5
    assert calibration_error(bins) == pytest.approx(0.25, abs=0.01)


def test_the_card_says_what_an_approver_asks(report: EvaluationReport) -> None:
    card = write_model_card(report, CardWords(entity="customer", entities="customers", currency="NT$"))
    auc = report.metrics["roc_auc"]
    assert card.startswith("# test.models.late, version 2\n")
    assert f"| ROC AUC | {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}] |" in card
    assert "candidate less baseline" in card
    assert "candidate less champion" in card
    for part in (
        "## Fairness",
        "## Calibration",
        "## Parts of the customers",
        "| Cost per customer (NT$) |",
        "sex = woman",
        "| months_late | 1.500 |",
    ):
        assert part in card
    assert "nan" not in card.lower()


@pytest.mark.parametrize("adverse", [0, 1])
def test_the_card_takes_the_adverse_decision_from_the_problem(report: EvaluationReport, adverse: int) -> None:
    card = write_model_card(report, CardWords(adverse=adverse))
    assert f"Decision {adverse} is the adverse one for the entity." in card
    assert f"Decision {1 - adverse} is the adverse one" not in card
    assert f"A group that is decided {adverse} more often has the adverse decision more often." in card
    assert f"| group | rows | decided {adverse} | TPR | FPR | PPV |" in card
    assert "| Cost per entity |" in card


@pytest.mark.parametrize("adverse", [2, -1, True])
def test_the_adverse_decision_is_a_value_of_the_label(adverse: int) -> None:
    with pytest.raises(OptionError, match="adverse"):
        CardWords(adverse=adverse)


def test_plots_say_what_their_axes_are(report: EvaluationReport) -> None:
    values = GENERATOR.normal(size=(30, 2))
    values[:5, 1] = np.nan
    explanation = Explanation(FEATURES, values, GENERATOR.normal(size=(30, 2)))
    curve = plot_calibration(report.calibration, title="Late", words=BINARY.words).axes[0]
    shares = plot_contributions(explanation, title="Late", words=BINARY.words).axes[0]
    assert (curve.get_title(), curve.get_xlabel()) == ("Late", "predicted probability (mean of bin)")
    assert len(curve.lines[1].get_xdata()) == len(report.calibration)
    assert [label.get_text() for label in shares.get_yticklabels()][::-1] == list(explanation.importance)
    assert "log-odds" in shares.get_xlabel()
