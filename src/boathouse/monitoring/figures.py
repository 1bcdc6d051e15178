"""Measures of one model: of performance, measured or estimated, and of the labels behind it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.intervals import BootstrapOptions, bounds_of
from boathouse.monitoring.estimates import choose_estimates
from boathouse.monitoring.measures import ALL_ROWS, Measure
from boathouse.monitoring.windows import window_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from boathouse.modelling.task import ScoredRows
    from boathouse.monitoring.cohorts import CohortRows
    from boathouse.monitoring.estimate_table import CohortEstimate
    from boathouse.monitoring.estimates import Estimator
    from boathouse.monitoring.measures import Kind, Status
    from boathouse.monitoring.options import PerformanceOptions
    from boathouse.monitoring.windows import Period

HELD = "estimates_held"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with its interval; NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the measures are of.

    Attributes:
        model: Registered name.
        period: Length of a window.
    """

    model: str
    period: Period

    def measure(  # noqa: PLR0913 - the columns of a measure
        self,
        kind: Kind,
        metric: str,
        cohort: CohortRows,
        figure: Interval | None,
        *,
        status: Status = "measured",
        scope: str = ALL_ROWS,
        rows: int | None = None,
        compared_with: str = "",
        detail: str = "",
    ) -> Measure:
        """Return the measure of one cohort; without a figure, or with one that is not defined, it has no value."""
        value, low, high = (
            (None, None, None) if figure is None else map(_known, (figure.value, figure.low, figure.high))
        )
        undefined = status in {"measured", "estimated"} and value is None
        return Measure(
            kind=kind,
            metric=metric,
            subject=self.model,
            window=window_of(cohort.cohort, self.period),
            value=value,
            low=low,
            high=high,
            rows=len(cohort.label) if rows is None else rows,
            scope=scope,
            model_version=cohort.model_version,
            status="not_estimable" if undefined else status,
            compared_with=compared_with,
            detail=detail or ("It is not defined for these rows." if undefined else ""),
        )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def measure_coverage(cohort: CohortRows, subject: Subject, as_of: date) -> list[Measure]:
    """Return the share of rows with a label, and how many labels contradict each other, if any do."""
    labelled = int(cohort.known.sum())
    mature = cohort.is_mature(as_of)
    detail = f"{labelled:,} of {len(cohort.label):,} labels are known"
    if not mature and cohort.labels_known_on:
        detail += f"; all will be on {cohort.labels_known_on}"
    share = Interval(value=labelled / len(cohort.label) if len(cohort.label) else float("nan"))
    found = [
        subject.measure(
            "performance",
            "label_coverage",
            cohort,
            share,
            status="measured" if mature else "pending",
            detail=f"{detail}.",
        )
    ]
    if cohort.contradicting:
        text = f"{cohort.contradicting:,} rows have two labels that contradict each other; neither counts."
        count = Interval(value=float(cohort.contradicting))
        found.append(subject.measure("performance", "contradicting_labels", cohort, count, detail=text))
    return found


def measure_labelled(
    cohort: CohortRows, subject: Subject, options: PerformanceOptions, estimator: Estimator
) -> list[Measure]:
    """Return every evaluation metric of the labelled rows with its bootstrap interval by entity."""
    labelled = int(cohort.known.sum())
    if labelled < options.minimum_rows:
        text = f"{labelled:,} labels are known; a measurement needs {options.minimum_rows:,}."
        return [
            subject.measure("performance", name, cohort, None, status="too_few", rows=labelled, detail=text)
            for name in estimator.metrics
        ]
    task = estimator.task
    paired = cohort.pair(task, estimator.adverse)
    sampling = BootstrapOptions(samples=options.bootstraps, confidence=options.confidence, seed=options.seed)
    values = {**task.measure(paired, estimator.costs), **estimator.measure(cohort)}
    resampled = task.resample(paired, sampling, estimator.costs)
    means = {task.predicted, task.observed}
    wanted = [name for name in values if name not in means and (name in resampled or name in estimator.metrics)]
    return [
        *_measure_means(cohort, subject, paired, estimator),
        *(
            subject.measure(
                "performance",
                name,
                cohort,
                Interval(value=values[name], **_ends(resampled, name, options.confidence)),
                rows=labelled,
            )
            for name in wanted
        ),
    ]


def _measure_means(cohort: CohortRows, subject: Subject, paired: ScoredRows, estimator: Estimator) -> list[Measure]:
    """Return the means of what was predicted and of what happened, and how far apart: calibration in the large."""
    task, width = estimator.task, NormalDist().inv_cdf((1 + estimator.options.confidence) / 2)
    observed, predicted = float(paired.label.mean()), float(paired.predicted.mean())
    gap, margin = abs(observed - predicted), width * _standard_error(paired.label - paired.predicted)
    spread = width * _standard_error(paired.label)
    detail = (
        f"In the cohort of {cohort.cohort} the mean observed is {observed:.4g} and the mean predicted {predicted:.4g}."
    )
    figures = {
        "calibration_in_the_large": Interval(value=gap, low=max(0.0, gap - margin), high=gap + margin),
        task.predicted: Interval(value=predicted),
        task.observed: Interval(value=observed, low=observed - spread, high=observed + spread),
    }
    return [
        subject.measure("performance", name, cohort, figure, rows=len(paired.label), detail=detail)
        for name, figure in figures.items()
    ]


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")


def _ends(resampled: Mapping[str, np.ndarray], name: str, confidence: float) -> dict[str, float]:
    if name not in resampled:
        return {}
    low, high = bounds_of(resampled[name], confidence)
    return {"low": low, "high": high}


def show_estimates(cohort: CohortRows, subject: Subject, estimates: Iterable[CohortEstimate]) -> list[Measure]:
    """Return the estimates of a cohort without mature labels; each says what it assumes, or why there is none."""
    own = [each for each in estimates if (each.cohort, each.model_version) == (cohort.cohort, cohort.model_version)]
    return [
        subject.measure(
            "performance",
            each.metric,
            cohort,
            None
            if each.value is None or each.low is None or each.high is None
            else Interval(value=each.value, low=each.low, high=each.high),
            status="estimated" if each.status == "estimated" else "not_estimable",
            rows=each.rows,
            detail=f"Not estimable: {each.reason}" if each.reason else f"{each.method}: {each.assumption}",
        )
        for each in choose_estimates(own)
    ]


def score_estimates(cohort: CohortRows, subject: Subject, settled: Iterable[CohortEstimate]) -> list[Measure]:
    """Return the share of a cohort's estimates whose interval held the truth; none where none was made."""
    own = [
        each
        for each in choose_estimates(settled)
        if (each.cohort, each.model_version) == (cohort.cohort, cohort.model_version)
    ]
    if not own:
        return []
    missed = [each.metric for each in own if not each.held]
    detail = f"{len(own) - len(missed)} of {len(own)} intervals held what was measured"
    named = f"; missed: {', '.join(missed)}." if missed else "."
    share = Interval(value=1 - len(missed) / len(own))
    return [subject.measure("performance", HELD, cohort, share, detail=detail + named)]
