"""What a model has to be better than: the business rule in words, and decisions that need no model at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from boathouse.evaluation.comparison import Estimate
from boathouse.evaluation.report import Reference
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions, bounds_of
from boathouse.modelling.task import BINARY, ScoredRows, Task
from boathouse.scoring.flavours import RateTableEstimator
from boathouse.scoring.scorer import Scorer


def measure_references(
    ours: ScoredRows, options: BootstrapOptions, costs: CostOptions, *, task: Task = BINARY
) -> list[Reference]:
    """Return what acting on nothing and on everything costs beside ``ours``; none for a task without decisions."""
    cost = task.measure_compared(ours, costs).get(task.words.cost, float("nan"))
    return [
        Reference(name=name, cost=theirs, difference=Estimate(cost - theirs, *bounds_of(samples, options.confidence)))
        for name, (theirs, samples) in task.resample_references(ours, options, costs).items()
    ]


def measure_acted(scored: ScoredRows, task: Task) -> float:
    """Return the share of the rows that are acted on, 0 to 1; NaN for a task without decisions."""
    acted = task.find_acted(scored)
    return float("nan") if acted is None else float(acted.mean())


def describe_rule(scorer: Scorer, task: Task = BINARY) -> str:
    """Return on which values of its one feature a rule acts, in words; empty for a model that is no such rule.

    Each group of values is asked for the decision that the model takes, so that the words are of what ships.
    """
    rule = scorer.estimator
    if not isinstance(rule, RateTableEstimator):
        return ""
    matrix = np.full((len(rule.bounds), len(scorer.spec.features)), np.nan)
    matrix[:, rule.column] = rule.bounds
    answer = scorer.answer(matrix)
    acted = task.find_acted(task.pair(np.zeros(len(matrix)), answer, scorer.spec.adverse))
    return "" if acted is None else _name_groups(scorer.spec.features[rule.column], rule.bounds, acted == 1)


def _name_groups(feature: str, bounds: np.ndarray, acted: np.ndarray) -> str:
    """Return the groups that are acted on: the first takes what is below it too, the last what is above it."""
    if acted.all() or not acted.any():
        return f"{feature} of any value" if acted.all() else f"{feature} of no value"
    edges = np.flatnonzero(np.diff(np.concatenate([[False], acted, [False]]).astype(np.int8)))
    runs = edges.reshape(-1, 2).tolist()
    return f"{feature} " + " or ".join(_name_run(bounds.tolist(), start, end) for start, end in runs)


def _name_run(bounds: Sequence[float], start: int, end: int) -> str:
    if end == len(bounds):
        return f"from {bounds[start]:g} on"
    if start == 0:
        return f"below {bounds[end]:g}"
    return f"from {bounds[start]:g} to below {bounds[end]:g}"
