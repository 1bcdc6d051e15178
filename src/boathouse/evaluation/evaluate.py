"""The candidate against baseline and champion, all on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from boathouse.evaluation.comparison import Estimate, compare, compare_slices, estimate, measure_slices
from boathouse.evaluation.fairness import FairnessOptions, GroupFairness, measure_fairness
from boathouse.evaluation.references import describe_rule, measure_acted, measure_references
from boathouse.evaluation.report import ComparedModel, EvaluationReport, Subject
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.metrics import bin_calibration
from boathouse.modelling.result import HELD_OUT_TAG, LoadedModel, NoModel
from boathouse.modelling.task import BINARY, ScoredRows, Task
from boathouse.scoring.files import digest_of

# The tag of a version that holds first and last date of its training rows, both inclusive: 2005-04-30/2005-07-31.
WINDOW_TAG = "training_window"


@dataclass(frozen=True, kw_only=True)
class TestRows:
    """The rows every model is measured on.

    Attributes:
        columns: Features by name, float64, NaN for missing.
        label: What happened; for a binary task 0 and 1.
        groups: Sensitive columns by name.
        period: First and last date, ISO.
        days: Date of each row, ISO; empty if all are of the first date of the period.
        entities: A number for each row, by which rows of one entity are resampled together; empty if each row is of
            its own.
        held_out: The entities that the rows are of, as :attr:`SplitOptions.held_out` names them; empty where the rows
            were kept from training by their date.
    """

    __test__ = False

    columns: Mapping[str, np.ndarray]
    label: np.ndarray
    groups: Mapping[str, np.ndarray]
    period: tuple[str, str]
    days: np.ndarray = field(default_factory=lambda: np.empty(0, dtype="U10"))
    entities: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    held_out: str = ""

    @property
    def row_days(self) -> np.ndarray:
        """Date of each row, ISO."""
        return self.days if len(self.days) else np.full(len(self.label), self.period[0])

    def matrix_for(self, model: LoadedModel) -> np.ndarray:
        """Return the features in the order in which ``model`` takes them."""
        return np.column_stack([self.columns[name] for name in model.scorer.spec.features])


@dataclass(frozen=True)
class _Measured:
    scored: ScoredRows
    values: dict[str, float]
    resampled: dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """How each model is measured."""

    task: Task
    rows: TestRows
    bootstrap: BootstrapOptions
    costs: CostOptions
    adverse: int

    def of(self, model: LoadedModel) -> _Measured:
        answer = model.scorer.answer(self.rows.matrix_for(model))
        scored = self.task.gather(self.task.pair(self.rows.label, answer, self.adverse), self.rows.entities)
        values = self.task.measure(scored, self.costs)
        return _Measured(scored, values, self.task.resample(scored, self.bootstrap, self.costs))


def evaluate(  # noqa: PLR0913 - three models, the rows and the options of each measure
    candidate: LoadedModel,
    *,
    baseline: LoadedModel,
    champion: LoadedModel | NoModel,
    rows: TestRows,
    bootstrap: BootstrapOptions,
    comparison: BootstrapOptions,
    fairness: FairnessOptions,
    costs: CostOptions,
    importance: Mapping[str, float],
    task: Task = BINARY,
) -> EvaluationReport:
    """Return the report on ``candidate``; all models are resampled with the same rows.

    Two models are compared only on rows that neither of them was trained on; else all differences are
    undefined, and an undefined number passes no gate. The label's adverse value is the one that the candidate was
    trained with.
    """
    measure = _Measure(task=task, rows=rows, bootstrap=bootstrap, costs=costs, adverse=candidate.scorer.spec.adverse)
    ours = measure.of(candidate)
    models = {"candidate": candidate, "baseline": baseline, "champion": champion}
    seen = {
        role: count_seen_rows(each.tags, rows.row_days, held_out=rows.held_out)
        for role, each in models.items()
        if isinstance(each, LoadedModel)
    }
    comparer = _Comparer(ours, measure, comparison, seen)
    return EvaluationReport(
        subject=describe(candidate),
        rows=len(rows.label),
        period=rows.period,
        confidence=bootstrap.confidence,
        metrics=estimate(ours.values, ours.resampled, bootstrap),
        baseline=comparer.against(baseline, "baseline"),
        champion=comparer.against(champion, "champion") if isinstance(champion, LoadedModel) else None,
        slices=[
            each
            for name in fairness.sensitive
            for each in measure_slices(name, rows.groups[name], ours.scored.label, ours.scored.predicted, task=task)
        ],
        fairness=_judge_groups(ours.scored, rows, fairness, task),
        calibration=bin_calibration(ours.scored.label, ours.scored.predicted),
        importance=importance,
        seen=seen,
        rule=describe_rule(baseline.scorer, task),
        references=[] if seen["candidate"] else measure_references(ours.scored, comparison, costs, task=task),
        acted=measure_acted(ours.scored, task),
    )


def _judge_groups(scored: ScoredRows, rows: TestRows, options: FairnessOptions, task: Task) -> list[GroupFairness]:
    """Return the rates by group; none for a task without decisions."""
    acted = task.find_acted(scored)
    if acted is None:
        return []
    return [
        measure_fairness(name, rows.groups[name], scored.label, acted, min_group_rows=options.min_group_rows)
        for name in options.sensitive
    ]


def describe(model: LoadedModel) -> Subject:
    """Return what identifies ``model``."""
    spec = model.scorer.spec
    return Subject(
        name=model.name,
        version=model.version,
        algorithm=spec.algorithm,
        threshold=spec.threshold,
        digest=digest_of(model.files),
    )


@dataclass(frozen=True)
class _Comparer:
    ours: _Measured
    measure: _Measure
    comparison: BootstrapOptions
    seen: Mapping[str, float]

    def against(self, model: LoadedModel, role: str) -> ComparedModel:
        theirs = self.measure.of(model)
        bootstrap, acted = self.measure.bootstrap, measure_acted(theirs.scored, self.measure.task)
        metrics: dict[str, Estimate] = estimate(theirs.values, theirs.resampled, bootstrap)
        sides = [(each.values, each.resampled) for each in (self.ours, theirs)]
        difference = compare(sides[0], sides[1], bootstrap)
        if self.seen["candidate"] != 0 or self.seen[role] != 0:
            unfair = Estimate(float("nan"), float("nan"), float("nan"))
            difference = dict.fromkeys(difference, unfair)
            return ComparedModel(subject=describe(model), metrics=metrics, difference=difference, acted=acted)
        slices = compare_slices(
            self.ours.scored,
            theirs.scored,
            self.measure.rows.groups,
            options=self.comparison,
            costs=self.measure.costs,
            task=self.measure.task,
        )
        # The gates read these: more resamples stand behind them than behind the other metrics.
        difference |= slices[0].difference
        return ComparedModel(
            subject=describe(model), metrics=metrics, difference=difference, slices=slices, acted=acted
        )


def count_seen_rows(tags: Mapping[str, str], days: np.ndarray, *, held_out: str = "") -> float:
    """Return how many rows are dated within the training window that ``tags`` name; NaN if they name none.

    Dates decide, not keys: a model may have been trained on other entities of the same cohort, and what holds for
    one cohort's entities is not new to it. Where entities were kept from training instead, those of the rows have to
    be the ones that the model's tags name; then no row was seen.

    Args:
        tags: Tags of a model version.
        days: Date of each row, ISO.
        held_out: The entities that the rows are of; empty where their dates decide.
    """
    if held_out and tags.get(HELD_OUT_TAG) == held_out:
        return 0.0
    window = read_window(tags)
    if window is None:
        return float("nan")
    first, last = (each.isoformat() for each in window)
    return float(np.count_nonzero((days >= first) & (days <= last)))


def read_window(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """Return first and last date of the training rows, or None if the tag is missing or no such pair."""
    first, _, last = tags.get(WINDOW_TAG, "").partition("/")
    try:
        window = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return window if window[0] <= window[1] else None
