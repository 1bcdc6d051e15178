"""What an experiment shows: the division checked, each metric compared with the control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.endpoints.experiments.statistics import (
    AlwaysValid,
    Difference,
    SampleRatio,
    check_sample_ratio,
    compare_means,
    compare_rates,
    follow_difference,
)

if TYPE_CHECKING:
    from boathouse.endpoints.experiments.exposures import Exposures
    from boathouse.endpoints.experiments.planning import ExperimentOptions

Kind = Literal["rate", "value"]


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """One metric of one variant against the control.

    Attributes:
        metric: Name.
        role: ``model`` or ``business``.
        kind: ``rate``: of units with 1; ``value``: mean over units.
        variant: Served entity compared with the control.
        units: Units with an outcome, of the control and of the variant.
        difference: Variant minus control, for a single look at the planned end.
        p_adjusted: Its p-value, corrected for several variants (Holm).
        sequential: The same for looks at any time; None if no effect was planned for.
    """

    metric: str
    role: str
    kind: Kind
    variant: str
    units: tuple[int, int]
    difference: Difference
    p_adjusted: float
    sequential: AlwaysValid | None


@dataclass(frozen=True, kw_only=True)
class ExperimentReport:
    """All results.

    Attributes:
        control: Served entity that the others are compared with.
        exposures: Who was exposed.
        ratio: Whether units were divided as planned.
        results: By metric, then variant.
    """

    control: str
    exposures: Exposures
    ratio: SampleRatio
    results: tuple[MetricResult, ...]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Outcomes of units.

    Attributes:
        name: Name of the metric.
        role: ``model`` or ``business``.
        outcomes: Value by unit; a unit without one is not counted.
        expected_effect: Effect that was planned for, absolute; None: no sequential look.
    """

    name: str
    role: str
    outcomes: Mapping[str, float]
    expected_effect: float | None = None


def report_experiment(
    exposures: Exposures,
    metrics: Sequence[Metric],
    shares: Mapping[str, float],
    options: ExperimentOptions,
) -> ExperimentReport:
    """Return the report.

    Args:
        exposures: Who was exposed to what.
        metrics: Outcomes; those of units that were never exposed are ignored.
        shares: Planned share of each variant; the first is the control.
        options: How sure.

    Raises:
        ExperimentError: If a group is too small for any statement.
    """
    ratio = check_sample_ratio(exposures.count(), shares, level=options.srm_level)
    control, *variants = shares
    results: list[MetricResult] = []
    for metric in metrics:
        groups = {name: _collect(exposures, metric, name) for name in shares}
        found = [_compare(metric, name, groups[control], groups[name], options) for name in variants]
        results += _adjust(found)
    return ExperimentReport(control=control, exposures=exposures, ratio=ratio, results=tuple(results))


def _collect(exposures: Exposures, metric: Metric, variant: str) -> np.ndarray:
    values = [
        metric.outcomes[unit]
        for unit, exposure in exposures.units.items()
        if exposure.variant == variant and unit in metric.outcomes
    ]
    return np.array(values, dtype=np.float64)


def _compare(
    metric: Metric, variant: str, control: np.ndarray, treated: np.ndarray, options: ExperimentOptions
) -> MetricResult:
    kind: Kind = "rate" if set(np.unique(np.concatenate([control, treated]))) <= {0.0, 1.0} else "value"
    if kind == "rate":
        pairs = [(int(each.sum()), len(each)) for each in (control, treated)]
        difference = compare_rates(pairs[0], pairs[1], confidence=options.confidence)
    else:
        difference = compare_means(control, treated, confidence=options.confidence)
    return MetricResult(
        metric=metric.name,
        role=metric.role,
        kind=kind,
        variant=variant,
        units=(len(control), len(treated)),
        difference=difference,
        p_adjusted=difference.p_value,
        sequential=_follow(metric, difference, control, treated, options.confidence),
    )


def _follow(
    metric: Metric, difference: Difference, control: np.ndarray, treated: np.ndarray, confidence: float
) -> AlwaysValid | None:
    if not metric.expected_effect:
        return None
    variance = float(control.var() / len(control) + treated.var() / len(treated))
    return follow_difference(
        difference.estimate, variance, expected_effect=metric.expected_effect, confidence=confidence
    )


def _adjust(results: Sequence[MetricResult]) -> list[MetricResult]:
    """Correct the p-values of one metric's variants (Holm 1979, Scandinavian Journal of Statistics 6:65-70)."""
    order = sorted(range(len(results)), key=lambda place: results[place].difference.p_value)
    adjusted, reached = list(results), 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min(1.0, (len(results) - rank) * results[place].difference.p_value))
        adjusted[place] = replace(results[place], p_adjusted=reached)
    return adjusted
