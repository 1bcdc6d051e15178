"""The candidate against baseline and champion, all on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from boathouse.core.evaluation.calibration_curve import bin_calibration
from boathouse.core.evaluation.comparison import Estimate, compare, estimate
from boathouse.core.evaluation.intervals import BootstrapOptions, Scored, resample_metrics
from boathouse.core.evaluation.metrics import measure
from boathouse.core.evaluation.paired import compare_slices
from boathouse.core.evaluation.report import EvaluationReport, Rival, Subject
from boathouse.core.evaluation.slices import measure_slices
from boathouse.core.evaluation.unseen import count_seen_rows
from boathouse.core.fairness import FairnessOptions, measure_fairness
from boathouse.core.modelling.result import LoadedModel, NoModel
from boathouse.core.modelling.threshold import CostOptions
from boathouse.core.scoring.files import digest_of


@dataclass(frozen=True, kw_only=True)
class TestRows:
    """The rows every model is measured on.

    Attributes:
        columns: Features by name, float64, NaN for missing.
        label: 0 and 1.
        groups: Sensitive columns by name.
        period: First and last date, ISO.
        days: Date of each row, ISO; empty if all are of the first date of the period.
    """

    __test__ = False

    columns: Mapping[str, np.ndarray]
    label: np.ndarray
    groups: Mapping[str, np.ndarray]
    period: tuple[str, str]
    days: np.ndarray = field(default_factory=lambda: np.empty(0, dtype="U10"))

    @property
    def row_days(self) -> np.ndarray:
        """Date of each row, ISO."""
        return self.days if len(self.days) else np.full(len(self.label), self.period[0])

    def matrix_for(self, model: LoadedModel) -> np.ndarray:
        """Return the features in the order in which ``model`` takes them."""
        return np.column_stack([self.columns[name] for name in model.scorer.spec.features])


@dataclass(frozen=True)
class _Measured:
    scored: Scored
    values: dict[str, float]
    resampled: dict[str, np.ndarray]


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
) -> EvaluationReport:
    """Return the report on ``candidate``; all models are resampled with the same rows.

    A rival is compared only on rows that neither it nor the candidate was trained on; else all differences are
    undefined, and an undefined number passes no gate.
    """
    ours = _measure(candidate, rows, bootstrap, costs)
    decided = ours.scored
    models = {"candidate": candidate, "baseline": baseline, "champion": champion}
    seen = {
        role: count_seen_rows(each.tags, rows.row_days)
        for role, each in models.items()
        if isinstance(each, LoadedModel)
    }
    rival = _Comparer(ours, rows, bootstrap, comparison, costs, seen)
    return EvaluationReport(
        subject=describe(candidate),
        rows=len(rows.label),
        period=rows.period,
        confidence=bootstrap.confidence,
        metrics=estimate(ours.values, ours.resampled, bootstrap),
        baseline=rival.against(baseline, "baseline"),
        champion=rival.against(champion, "champion") if isinstance(champion, LoadedModel) else None,
        slices=[
            each
            for name in fairness.sensitive
            for each in measure_slices(name, rows.groups[name], rows.label, decided.probability)
        ],
        fairness=[
            measure_fairness(
                name, rows.groups[name], rows.label, decided.decision, min_group_rows=fairness.min_group_rows
            )
            for name in fairness.sensitive
        ],
        calibration=bin_calibration(rows.label, decided.probability),
        importance=importance,
        seen=seen,
    )


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
    rows: TestRows
    bootstrap: BootstrapOptions
    comparison: BootstrapOptions
    costs: CostOptions
    seen: Mapping[str, float]

    def against(self, model: LoadedModel, role: str) -> Rival:
        theirs = _measure(model, self.rows, self.bootstrap, self.costs)
        metrics: dict[str, Estimate] = estimate(theirs.values, theirs.resampled, self.bootstrap)
        sides = [(each.values, each.resampled) for each in (self.ours, theirs)]
        difference = compare(sides[0], sides[1], self.bootstrap)
        if self.seen["candidate"] != 0 or self.seen[role] != 0:
            unfair = Estimate(float("nan"), float("nan"), float("nan"))
            return Rival(subject=describe(model), metrics=metrics, difference=dict.fromkeys(difference, unfair))
        slices = compare_slices(
            self.ours.scored, theirs.scored, self.rows.groups, options=self.comparison, costs=self.costs
        )
        # The gates read these three: more resamples stand behind them than behind the other metrics.
        difference |= slices[0].difference
        return Rival(subject=describe(model), metrics=metrics, difference=difference, slices=slices)


def _measure(model: LoadedModel, rows: TestRows, bootstrap: BootstrapOptions, costs: CostOptions) -> _Measured:
    probability = model.scorer.predict_probability(rows.matrix_for(model))
    scored = Scored(rows.label, probability, model.scorer.decide(probability))
    prices = {"missed": costs.missed, "false_alarm": costs.false_alarm}
    values = measure(scored.label, scored.probability, scored.decision, **prices)
    return _Measured(scored, values, resample_metrics(scored, bootstrap, **prices))
