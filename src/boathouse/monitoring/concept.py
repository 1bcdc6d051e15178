"""Measures of what has changed between features and label, and of how fairly groups are decided on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from boathouse.monitoring.calibrators import separate
from boathouse.monitoring.decomposition import TERMS, decompose
from boathouse.monitoring.error_rates import compare_error_rates
from boathouse.monitoring.estimates import take_shared
from boathouse.monitoring.figures import Interval
from boathouse.monitoring.label_shift import ASSUMPTION, estimate_label_shift
from boathouse.monitoring.recalibration import PROPOSALS, STEPS, propose_step
from boathouse.monitoring.support import check_support

if TYPE_CHECKING:
    from boathouse.evaluation.fairness import FairnessOptions
    from boathouse.monitoring.cohorts import CohortRows
    from boathouse.monitoring.estimates import Estimator
    from boathouse.monitoring.figures import Subject
    from boathouse.monitoring.measures import Measure

SEEN = "; the model was fitted on these, so that its loss there is too low"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A labelled cohort and what it is compared with.

    Attributes:
        cohort: The labelled rows judged.
        reference: Labelled rows before it.
        title: What the reference is, in words.
    """

    cohort: CohortRows
    reference: CohortRows
    title: str


def measure_change(compared: Comparison, subject: Subject, estimator: Estimator) -> list[Measure]:
    """Return the change of the errors, its parts by kind of drift, and what recalibration the rows ask for."""
    found = _decompose(compared, subject, estimator)
    if estimator.task.has_categories:
        found = [_compare_errors(compared, subject, estimator), *found, *_propose(compared.cohort, subject, estimator)]
    return found


def _compare_errors(compared: Comparison, subject: Subject, estimator: Estimator) -> Measure:
    sides = []
    for rows in (compared.reference, compared.cohort):
        paired = estimator.task.pair(rows.label, rows.answer, estimator.adverse)
        sides.append(((paired.decision != paired.label).astype(np.float64), rows.entities))
    found = compare_error_rates(sides[0], sides[1], confidence=estimator.options.confidence)
    detail = (
        f"{found.now:.2%} of the decisions were wrong, {found.before:.2%} before (p {found.p_value:.2g}, by entity)."
    )
    return subject.measure(
        "concept",
        "error_rate_change",
        compared.cohort,
        Interval(value=found.change, low=found.low, high=found.high),
        compared_with=compared.title,
        detail=detail,
    )


def _decompose(compared: Comparison, subject: Subject, estimator: Estimator) -> list[Measure]:
    """Return the terms of the change of the mean squared error, and the change itself."""
    sides = (compared.reference, compared.cohort)
    losses, entities = [], []
    for rows in sides:
        paired = estimator.task.pair(rows.label, rows.answer, estimator.adverse)
        losses.append((paired.label - paired.predicted) ** 2)
        entities.append(rows.entities)
    mine, theirs = take_shared(compared.cohort, compared.reference)
    both = (entities[0], entities[1])
    separation = separate(theirs, mine, both, seed=estimator.options.seed)
    terms = decompose((losses[0], losses[1]), both, separation, estimator.options.sampling)
    return [
        subject.measure(
            "concept",
            f"loss_{name}" if name == "change" else f"loss_change_{name}",
            compared.cohort,
            Interval(value=term.value, low=term.low, high=term.high),
            compared_with=compared.title,
            detail=_describe_term(name, term.value, losses, compared.cohort),
        )
        for name, term in terms.items()
    ]


def _describe_term(name: str, value: float, losses: list[np.ndarray], cohort: CohortRows) -> str:
    now, before = (float(loss.mean()) for loss in reversed(losses))
    whole = (
        f"In the cohort of {cohort.cohort} the squared error per row is {now:.4f}, of the rows trained on {before:.4f}"
    )
    return f"{whole}; {value:+.4f} of the change: {TERMS[name]}." if name in TERMS else f"{whole}."


def _propose(cohort: CohortRows, subject: Subject, estimator: Estimator) -> list[Measure]:
    paired = estimator.task.pair(cohort.label, cohort.answer, estimator.adverse)
    features = np.column_stack(
        [cohort.features[name] for name in sorted(cohort.features)] or [np.empty((len(cohort.label), 0))]
    )
    options = estimator.options
    found = propose_step(paired.probability, paired.label, features, cohort.entities, minimum_gain=options.minimum_gain)
    if found.reason:
        return [
            subject.measure(
                "concept", "recalibration_step", cohort, None, status="too_few", detail=f"No proposal: {found.reason}"
            )
        ]
    gain = found.gains[found.step]
    detail = f"{PROPOSALS[found.step]} (log loss lower by {gain:.4f} nats a row on entities not fitted on)."
    step = Interval(value=float(STEPS.index(found.step)))
    pairs = {"calibration_intercept": found.intercept, "calibration_slope": found.slope}
    return [
        subject.measure("concept", "recalibration_step", cohort, step, detail=detail),
        *(
            subject.measure("concept", name, cohort, _normal(value, error, options.confidence))
            for name, (value, error) in pairs.items()
        ),
    ]


def _normal(value: float, error: float, confidence: float) -> Interval:
    from scipy.stats import norm

    half = float(norm.ppf((1 + confidence) / 2)) * error
    return Interval(value=value, low=value - half, high=value + half)


def measure_label_shift(
    cohort: CohortRows, labelled: CohortRows, subject: Subject, estimator: Estimator
) -> list[Measure]:
    """Return the rate of the adverse label in a cohort without labels, if only the share of the labels has changed.

    Where rows are unlike any labelled one, P(X|Y) has changed, and there is none.
    """
    task, adverse = estimator.task, estimator.adverse
    before = task.pair(labelled.label, labelled.answer, adverse)
    now = task.pair(np.zeros(len(cohort.label)), cohort.answer, adverse)
    mine, theirs = take_shared(cohort, labelled)
    support = check_support(theirs, mine, estimator.options.support)
    found = estimate_label_shift(before.label, before.decision, now.decision, estimator.options.sampling)
    if not support.is_enough:
        found = replace(found, reason=support.reason)
    figure = None if found.reason else Interval(value=found.rate, low=found.low, high=found.high)
    return [
        subject.measure(
            "concept",
            "label_rate_by_label_shift",
            cohort,
            figure,
            status="not_estimable" if found.reason else "estimated",
            detail=f"Not estimable: {found.reason}" if found.reason else f"bbse: {ASSUMPTION}",
        )
    ]


def measure_groups(
    cohort: CohortRows, subject: Subject, options: FairnessOptions, estimator: Estimator
) -> list[Measure]:
    """Return for each group how its rates differ from those of all other rows, signed, with normal intervals.

    ``selection_rate_gap`` needs no labels; ``true_positive_rate_gap`` and ``false_positive_rate_gap`` are of labelled
    rows alone. A row is one entity: within a cohort rows are independent.
    """
    task, adverse = estimator.task, estimator.adverse
    seen = task.pair(np.zeros(len(cohort.label)), cohort.answer, adverse)
    acted = task.find_acted(seen)
    if acted is None:
        return []
    happened = cohort.label if adverse == 1 else 1 - cohort.label
    bases = {
        "selection_rate_gap": np.ones(len(acted), dtype=bool),
        "true_positive_rate_gap": cohort.known & (happened == 1),
        "false_positive_rate_gap": cohort.known & (happened == 0),
    }
    return [
        _measure_gap(cohort, subject, f"{column}={value}", name, gap)
        for column in sorted(set(options.sensitive) & set(cohort.groups))
        for value in np.unique(cohort.groups[column]).tolist()
        for name, base in bases.items()
        if base.any()
        for inside in [cohort.groups[column] == value]
        for gap in [_compare_rates(acted[base & inside], acted[base & ~inside], options, estimator)]
    ]


@dataclass(frozen=True, kw_only=True)
class _Gap:
    rows: int
    figure: Interval | None
    detail: str


def _compare_rates(own: np.ndarray, others: np.ndarray, options: FairnessOptions, estimator: Estimator) -> _Gap:
    fewest = min(len(own), len(others))
    if fewest < options.min_group_rows:
        text = f"{fewest:,} rows on one side; {options.min_group_rows:,} are needed."
        return _Gap(rows=len(own), figure=None, detail=text)
    rates = [float(side.mean()) for side in (own, others)]
    error = float(np.sqrt(sum(rate * (1 - rate) / len(side) for rate, side in zip(rates, (own, others), strict=True))))
    return _Gap(
        rows=len(own),
        figure=_normal(rates[0] - rates[1], error, estimator.options.confidence),
        detail=f"{rates[0]:.2%} in the group, {rates[1]:.2%} in all other rows.",
    )


def _measure_gap(cohort: CohortRows, subject: Subject, scope: str, name: str, gap: _Gap) -> Measure:
    return subject.measure(
        "fairness",
        name,
        cohort,
        gap.figure,
        status="measured" if gap.figure else "too_few",
        scope=scope,
        rows=gap.rows,
        compared_with="all other rows",
        detail=gap.detail,
    )
