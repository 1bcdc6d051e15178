"""A task decides what is fitted, measured, written and judged; the adverse value decides who is acted on.

A second task, made up here, goes the whole way without anything asking it for a probability.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from boathouse.errors import ModelError, OptionError, UntrustedModelError
from boathouse.evaluation.evaluate import TestRows, evaluate
from boathouse.evaluation.fairness import FairnessOptions
from boathouse.evaluation.model_card import write_model_card
from boathouse.evaluation.report import EvaluationReport
from boathouse.evaluation.tables import comparison_rows, evaluation_rows
from boathouse.lifecycle.decision import Decided, decide_promotion
from boathouse.lifecycle.gates import GATES, GateOptions, gates_of, judge_gates
from boathouse.modelling.calibration import CalibrationOptions, CostOptions, Tuned
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.leakage import LeakageOptions, find_suspicious
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.modelling.samples import take_split
from boathouse.modelling.selection import SearchOptions, finish_model, run_trials
from boathouse.modelling.task import BINARY, TASKS, Task, Words
from boathouse.modelling.task import Figure as TaskFigure
from boathouse.monitoring.history import ReportHead, TableRows, build_history
from boathouse.monitoring.options import PerformanceOptions
from boathouse.monitoring.performance import CohortPerformance, ScoredCohort, measure_cohort
from boathouse.monitoring.plots import plot_performance, plot_scores
from boathouse.monitoring.report import render_report
from boathouse.problem.scored_tables import prediction_columns
from boathouse.scoring.batch import score_batch
from boathouse.scoring.pyfunc import ScorerModel
from boathouse.scoring.scorer import load_scorer
from boathouse.scoring.spec import OUTPUTS, Calibration, OutputColumn, Outputs
from boathouse.serving.answers import Scores, encode_predictions
from boathouse.tables.contract import Column
from tests.fixtures.gate_cases import GOOD, NOW, OPTIONS
from tests.fixtures.modelling_sample import FEATURES, make_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

POINTS = Outputs(
    task="points",
    columns=(OutputColumn(name="points", dtype="double", signature="double", description="Points of a game."),),
    compute=lambda spec, numbers: (10 * numbers,),
    find_explained=lambda spec, answer: answer[0] > 20,
)


class Played:
    """Rows of the made-up task: points that were made and points that were foreseen."""

    def __init__(self, label: np.ndarray, predicted: np.ndarray) -> None:
        self.label, self.predicted = label, predicted

    def take(self, rows: np.ndarray) -> Self:
        return type(self)(self.label[rows], self.predicted[rows])


def miss(label: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.abs(predicted - label).mean())


def resample(ours: Played, theirs: Played, options: BootstrapOptions, costs: CostOptions) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(options.seed)
    picks = generator.integers(0, len(ours.label), size=(options.samples, len(ours.label)))
    values = [[miss(each.label[rows], each.predicted[rows]) for rows in picks] for each in (ours, theirs)]
    return {"miss": np.array(values[0]) - np.array(values[1])}


SCORE = Task(
    name="points",
    outputs=POINTS,
    estimators=("rate_table", "logistic_regression"),
    baseline="rate_table",
    search_metrics={"miss": False},
    compared={"miss": False},
    decisive="miss",
    slice_metrics={"miss": miss},
    summaries=(TaskFigure(name="mean_points", title="mean points", description="Mean points"),),
    figures=(
        TaskFigure(name="miss", title="mean distance", description="Mean distance", interval=True),
        TaskFigure(name="made_points", title="points made", description="Mean points made"),
    ),
    predicted="mean_points",
    observed="made_points",
    gates=("unseen_rows", "no_leakage"),
    words=Words(answer="points", observed="points made", contribution="points", metrics={"miss": "Mean distance"}),
    has_categories=False,
    read_label=lambda values, split, label: values.astype(np.int64),
    measure_trial=lambda label, numbers: {"miss": miss(label, 10 * numbers)},
    tune=lambda numbers, label, calibration, costs, adverse: Tuned(
        calibration=Calibration("none"), threshold=float("nan"), metrics={"miss": miss(label, 10 * numbers)}
    ),
    rank_alone=lambda label, values: 0.5,
    pair=lambda label, answer, adverse: Played(label, answer["points"]),
    measure=lambda rows, costs: {"miss": miss(rows.label, rows.predicted)},
    resample=lambda rows, options, costs: resample(rows, Played(rows.label, rows.label), options, costs),
    measure_compared=lambda rows, costs: {"miss": miss(rows.label, rows.predicted)},
    resample_differences=resample,
    find_acted=lambda rows: None,
    summarise=lambda answer, adverse: {"mean_points": float(answer["points"].mean())},
    measure_cohort=lambda rows: {"miss": miss(rows.label, rows.predicted), "made_points": float(rows.label.mean())},
)
COSTS = CostOptions(missed=5, false_alarm=1)
BOOTSTRAP = BootstrapOptions(samples=20, confidence=0.9, seed=1)
TRAIN, VALIDATION = make_sample(), make_sample(300, 8)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the made-up task on the closed lists."""
    monkeypatch.setitem(TASKS, "points", SCORE)
    monkeypatch.setitem(OUTPUTS, "points", POINTS)


def train(candidate: Mapping[str, Any], version: str, window: str = "2005-04-30/2005-07-31") -> LoadedModel:
    options = SearchOptions("miss", 1, [candidate])
    (trial,) = run_trials(TRAIN, VALIDATION, options, task=SCORE)
    model = finish_model(
        trial,
        TRAIN,
        VALIDATION,
        calibration=CalibrationOptions("none"),
        costs=COSTS,
        label="goals",
        reason_texts={name: f"The {name}" for name in FEATURES},
        task=SCORE,
    )
    assert set(model.metrics) == {"miss"}
    return LoadedModel(name="test.models.goals", version=version, files=model.files, tags={"training_window": window})


RULE = {"algorithm": "rate_table", "feature": "signal", "bins": 4}
LINE = {"algorithm": "logistic_regression", "C": 1.0, "max_iter": 200}


def report_on(champion: LoadedModel | NoModel) -> EvaluationReport:
    sample = make_sample(200, 9)
    rows = TestRows(
        columns={name: sample.matrix[:, column] for column, name in enumerate(FEATURES)},
        label=sample.label,
        groups={"side": np.where(sample.matrix[:, 0] > 0, "left", "right")},
        period=("2005-08-31", "2005-08-31"),
    )
    return evaluate(
        train(LINE, "2"),
        baseline=train(RULE, "1"),
        champion=champion,
        rows=rows,
        bootstrap=BOOTSTRAP,
        comparison=BOOTSTRAP,
        fairness=FairnessOptions(sensitive=["side"], min_group_rows=10),
        costs=COSTS,
        importance={},
        task=SCORE,
    )


@pytest.mark.usefixtures("known")
def test_another_task_is_trained_and_answers_with_its_own_columns() -> None:
    model = train(LINE, "1")
    matrix = make_sample(5, 3).matrix
    odds = model.scorer.estimator.log_odds(matrix)
    assert list(model.scorer.answer(matrix)) == ["points"]
    assert model.scorer.predict(matrix).tolist() == (10 * odds).tolist()
    assert np.isnan(load_scorer(model.files).spec.threshold)
    batch = pa.RecordBatch.from_arrays([pa.array(column) for column in matrix.T], names=list(FEATURES))
    scored = score_batch(batch, model.scorer, 1)
    assert scored.schema.names == [*FEATURES, "points", "reasons"]
    assert [bool(texts) for texts in scored["reasons"].to_pylist()] == (10 * odds > 20).tolist()
    called = ScorerModel(model.scorer).predict(pd.DataFrame(matrix, columns=list(FEATURES)))
    assert list(called.columns) == ["points", "reasons"]
    text = encode_predictions(Scores({"points": np.array([1.5])}))
    assert text == b'{"predictions": [{"points": 1.5, "reasons": "[]"}]}'


def test_columns_of_predictions_follow_from_the_answer() -> None:
    assert [each.name for each in prediction_columns(POINTS)][:4] == [
        *("prediction_id", "points", "reasons", "model_name")
    ]
    probability, decision = prediction_columns()[1:3]
    assert probability == Column(
        name="probability", dtype="double", description="Probability of label 1.", minimum=0, maximum=1
    )
    assert (decision.dtype, decision.allowed) == ("int", (0, 1))
    assert (POINTS.schema, POINTS.signature) == (
        "points double, reasons array<string>",
        (("points", "double"), ("reasons", "string")),
    )
    assert OUTPUTS["binary"].signature == (("probability", "double"), ("decision", "long"), ("reasons", "string"))


@pytest.mark.usefixtures("known")
def test_another_task_is_evaluated_by_its_own_metrics() -> None:
    report = report_on(train(RULE, "1"))
    assert set(report.metrics) == set(report.baseline.difference) == {"miss"}
    assert [(each.value, set(each.metrics)) for each in report.slices] == [("left", {"miss"}), ("right", {"miss"})]
    assert report.fairness == []
    assert {row[5] for row in evaluation_rows(report)} == {"miss", "calibration_error", "rows", "observed", "predicted"}
    verdicts = {
        row[7]: row[-1]
        for row in comparison_rows(report, BOOTSTRAP, task=SCORE)
        if row[2] == "baseline" and row[5] == ":all"
    }
    low, high = report.baseline.difference["miss"].low, report.baseline.difference["miss"].high
    # Less is better here.
    assert verdicts["miss"] == ("better" if high < 0 else "worse" if low > 0 else "tie")
    assert EvaluationReport.from_dict(report.to_dict()).to_dict() == report.to_dict()


@pytest.mark.usefixtures("known")
def test_reports_of_another_task_have_its_words() -> None:
    card = write_model_card(report_on(train(RULE, "1")), task=SCORE)
    assert "| Mean distance |" in card
    assert "below zero for Mean distance." in card
    assert "| feature | mean contribution, points |" in card
    assert "No decisions were measured by group." in card
    performance = CohortPerformance(
        cohort=date(2005, 8, 31),
        model_version="1",
        status="measured",
        labels_known_on=None,
        rows=80,
        labelled=60,
        figures={"mean_points": 5.0, "miss": 2.0, "miss_low": 1.5, "miss_high": 2.5, "made_points": 3.0},
    )
    head = ReportHead(model="m", version="1", environment="dev", as_of=date(2005, 9, 30), window="w")
    decisive, means = plot_performance([performance], task=SCORE).axes
    scores = plot_scores({"a": np.array([-3.0, 40.0])}, task=SCORE).axes[0]
    names = [*vars(performance), *performance.figures]
    row = {"as_of": head.as_of, **{name: performance.read(name) for name in names if name != "figures"}}
    page = render_report(build_history(head, TableRows(performance=[row]), task=SCORE, period="month"), task=SCORE)
    for text in ("mean distance of version 1 is measured", "2 [1.5, 2.5]", "mean points"):
        assert text in page
    for text in (card, page):
        assert not OWN_WORDS.findall(text)
    assert decisive.get_title() == "mean distance of cohorts with labels"
    assert [line.get_ydata().tolist() for line in means.lines] == [[5.0], [3.0]]
    assert scores.get_xlabel() == "Points of a game"
    assert scores.get_xlim()[1] >= 40


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("low", "high", "outcome"), [(-3.0, -1.0, "promoted"), (1.0, 3.0, "kept"), (-1.0, 1.0, "kept")]
)
def test_the_champion_is_beaten_by_the_decisive_metric_in_its_own_direction(
    low: float, high: float, outcome: str
) -> None:
    report = report_on(train(RULE, "1"))
    assert report.champion is not None
    estimate = replace(report.champion.difference["miss"], value=(low + high) / 2, low=low, high=high)
    judged = replace(report, champion=replace(report.champion, difference={"miss": estimate}))
    decision = decide_promotion(judged, [], Decided(NOW, "test"), task=SCORE)
    assert decision.outcome == outcome
    assert decision.reason.startswith("Mean distance differs from the champion's by")


@pytest.mark.usefixtures("known")
def test_only_the_gates_that_a_task_names_are_judged() -> None:
    assert list(gates_of(BINARY)) == list(GATES)
    mine = gates_of(SCORE)
    assert {"unseen_rows", "no_leakage", "signature", "approval"} <= set(mine)
    assert not {"minimum_roc_auc", "calibration", "demographic_parity"} & set(mine)
    options = replace(OPTIONS, modes=dict.fromkeys(mine, "enforce"))
    without = replace(GOOD, report=replace(GOOD.report, metrics={}))
    assert [gate.name for gate in judge_gates(without, options, task=SCORE)] == list(mine)
    with pytest.raises(OptionError, match="modes"):
        judge_gates(GOOD, options)
    with pytest.raises(OptionError, match="modes"):
        judge_gates(GOOD, OPTIONS, task=SCORE)


def test_modes_are_those_of_a_task_that_is_known() -> None:
    with pytest.raises(OptionError, match="minimum_roc_auc"):
        GateOptions(**{**vars(OPTIONS), "modes": dict.fromkeys(gates_of(SCORE), "warn")})


@pytest.mark.parametrize(("labelled", "status"), [(60, "measured"), (0, "pending")])
def test_a_cohort_of_another_task_has_its_own_figures(labelled: int, status: str) -> None:
    label = np.where(np.arange(80) < labelled, 3.0, np.nan)
    cohort = ScoredCohort(
        cohort=date(2005, 8, 31),
        model_version="1",
        answer={"points": np.full(80, 5.0)},
        label=label,
        labels_known_on=None,
    )
    options = PerformanceOptions(minimum_rows=10, bootstraps=20, confidence=0.9, seed=1)
    found = measure_cohort(cohort, options, task=SCORE)
    assert (found.status, found.labelled, found.read("mean_points")) == (status, labelled, 5.0)
    figures = [found.read(name) for name in ("miss", "miss_low", "miss_high")]
    assert figures == ([2.0, 2.0, 2.0] if labelled else [None, None, None])
    assert found.gap(SCORE) == (-2.0 if labelled else None)
    assert (found.gap(BINARY), found.read("mean_probability"), found.read("roc_auc")) == (None, None, None)


def test_what_a_task_does_not_offer_is_refused() -> None:
    options = SearchOptions("log_loss", 1, [LINE])
    with pytest.raises(OptionError, match="rate_table"):
        run_trials(TRAIN, VALIDATION, options, task=replace(BINARY, estimators=("rate_table",)))
    with pytest.raises(OptionError, match="roc_auc"):
        run_trials(TRAIN, VALIDATION, options, task=replace(BINARY, search_metrics={"roc_auc": True}))


@pytest.mark.usefixtures("known")
def test_a_model_of_an_unknown_task_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    files = train(LINE, "1").files
    monkeypatch.delitem(OUTPUTS, "points")
    with pytest.raises(UntrustedModelError, match="'points'; known: binary"):
        load_scorer(files)


def test_the_label_is_read_as_the_task_says() -> None:
    table = pd.DataFrame(
        {"key": [1, 2], "day": [date(2005, 4, 30)] * 2, "split": ["train"] * 2, "y": [4, 4], "a": [1.0, 2.0]}
    )
    with pytest.raises(ModelError, match="same 'y'"):
        take_split(table, "train", features=["a"], label="y", keys=["key", "day"])
    sample = take_split(table, "train", features=["a"], label="y", keys=["key", "day"], task=SCORE)
    assert sample.label.tolist() == [4, 4]
    assert find_suspicious(make_sample(), LeakageOptions(0.6)) != {}
    assert find_suspicious(make_sample(), LeakageOptions(0.6), task=SCORE) == {}


def finish(adverse: int) -> LoadedModel:
    """Return a model of a label that is turned round where 0 is the adverse value."""
    turn = [replace(each, label=each.label if adverse == 1 else 1 - each.label) for each in (TRAIN, VALIDATION)]
    (trial,) = run_trials(turn[0], turn[1], SearchOptions("log_loss", 1, [LINE]))
    model = finish_model(
        trial,
        turn[0],
        turn[1],
        calibration=CalibrationOptions("platt"),
        costs=COSTS,
        label="y",
        reason_texts={name: f"The {name}" for name in FEATURES},
        adverse=adverse,
    )
    tags = {"training_window": "2005-04-30/2005-07-31"}
    return LoadedModel(name="test.models.y", version="1", files=model.files, tags=tags)


def test_a_favourable_label_is_acted_on_explained_and_measured_as_its_opposite() -> None:
    """The same data told the other way round: the same rows are acted on, for the same reasons, at the same cost."""
    bad, good = finish(1), finish(0)
    sample = make_sample(500, 4)
    answers = [each.scorer.answer(sample.matrix) for each in (bad, good)]
    np.testing.assert_allclose(answers[1]["probability"], 1 - answers[0]["probability"], atol=1e-6)
    # A row whose probability is next to the threshold may be on the other side of it.
    assert (answers[1]["decision"] == 1 - answers[0]["decision"]).mean() > 0.99
    explained = [each.scorer.find_explained(answer) for each, answer in zip((bad, good), answers, strict=True)]
    assert 0 < len(explained[0]) < 500
    assert explained[1].tolist() == np.flatnonzero(answers[1]["decision"] == 0).tolist()
    assert bad.scorer.reasons(sample.matrix, 2) == good.scorer.reasons(sample.matrix, 2)
    measured = []
    for model, answer, label in zip((bad, good), answers, (sample.label, 1 - sample.label), strict=True):
        rows = BINARY.pair(label, answer, model.scorer.spec.adverse)
        measured.append(BINARY.measure(rows, COSTS))
    for name, value in measured[0].items():
        rows_or_rate = 5 if name.endswith(("positives", "negatives")) else 0.05
        assert measured[1][name] == pytest.approx(value, abs=rows_or_rate), name
    assert measured[0]["recall"] > measured[0]["precision"]


def test_a_cohort_is_seen_from_the_adverse_value() -> None:
    """By hand: 0 is adverse and happened to 3 of 20; it was decided for 5, of which 2 rightly."""
    label = np.repeat([0.0, 1.0, 0.0, 1.0], [2, 3, 1, 14])
    answer = {"probability": np.repeat([0.25, 0.75], [5, 15]), "decision": np.repeat([0.0, 1.0], [5, 15])}
    cohort = ScoredCohort(cohort=date(2005, 8, 31), model_version="1", answer=answer, label=label, labels_known_on=None)
    options = PerformanceOptions(minimum_rows=10, bootstraps=20, confidence=0.9, seed=1)
    found = measure_cohort(cohort, options, adverse=0)
    means = ("mean_probability", "decision_rate", "observed_rate")
    assert [found.figures[name] for name in means] == pytest.approx([0.375, 0.25, 0.15])
    assert (found.figures["precision"], found.figures["recall"]) == pytest.approx((2 / 5, 2 / 3))
    usual = measure_cohort(cohort, options)
    assert [usual.figures[name] for name in means] == pytest.approx([0.625, 0.75, 0.85])
    assert usual.figures["roc_auc"] == pytest.approx(found.figures["roc_auc"])


# Modules that may know what a probability is: the binary task, what it is made of, and its ONNX graph.
BINARY_MODULES = {
    *("modelling/task.py", "modelling/binary.py", "modelling/calibration.py"),
    *("modelling/metrics.py", "modelling/intervals.py"),
    *("scoring/spec.py", "scoring/scorer.py", "scoring/export/graph.py"),
    # What estimates a probability's performance, recalibrates it, or makes the baseline's.
    *("monitoring/calibrators.py", "monitoring/estimation.py", "monitoring/estimates.py"),
    *("monitoring/concept.py", "monitoring/baseline.py"),
}
DECIDING = (
    *("modelling", "evaluation", "scoring", "inference", "lifecycle", "monitoring", "problem", "pipelines"),
    *("features", "lineage", "serving"),
)
ASKS = re.compile(
    r"predict_probability|\.probability\b|\"(mean_)?probability\"|\bto_probability|\.decide\(|(?<!def )\broc_auc\("
)
# What a report of any task takes from the task's words.
OWN_WORDS = re.compile(r"log-odds|probability|probabilities|ROC AUC|Brier", re.IGNORECASE)


def find_questions(text: str) -> list[str]:
    """Return the lines that take an answer for a probability."""
    return [line.strip() for line in text.splitlines() if ASKS.search(line)]


def test_nothing_else_asks_for_a_probability() -> None:
    source = Path(__file__).parents[2] / "src/boathouse"
    asking = {
        path.relative_to(source).as_posix(): find_questions(path.read_text(encoding="utf-8"))
        for room in DECIDING
        for path in (source / room).rglob("*.py")
    }
    assert {name.partition("/")[0] for name in asking} == set(DECIDING)
    assert {name: lines for name, lines in asking.items() if lines and name not in BINARY_MODULES} == {}
    assert asking["modelling/task.py"]
    for name in ("model_card.md.j2", "page.html.j2"):
        assert OWN_WORDS.findall((source / "reports/templates" / name).read_text(encoding="utf-8")) == []


def test_a_question_would_be_found() -> None:
    assert find_questions("x = 1\ny = scorer.predict_probability(matrix)\n") == [
        "y = scorer.predict_probability(matrix)"
    ]
