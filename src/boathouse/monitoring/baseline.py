"""The business rule on the same rows as the model: whether the model got worse or the rows got harder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.calibration import choose_threshold
from boathouse.modelling.estimators import FITS
from boathouse.modelling.intervals import BootstrapOptions, bounds_of
from boathouse.modelling.samples import Sample
from boathouse.monitoring.figures import Interval
from boathouse.scoring.flavours import FLAVOURS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boathouse.modelling.selection import BaselineOptions
    from boathouse.monitoring.cohorts import CohortRows
    from boathouse.monitoring.estimates import Estimator
    from boathouse.monitoring.figures import Subject
    from boathouse.monitoring.measures import Measure
    from boathouse.monitoring.options import PerformanceOptions

LABEL_RATE = "the label's rate alone"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rate of the label by one feature, with the threshold that costs least, as of the rows trained on.

    Attributes:
        feature: The one feature; empty for a rule that answers all rows with the label's rate.
        content: The rule's estimator, as stored.
        threshold: Probability of label 1 from which on the decision is 1.
        algorithm: Name of the estimator.
    """

    feature: str
    content: bytes
    threshold: float
    algorithm: str

    @property
    def title(self) -> str:
        """What the rule goes by, in words."""
        return f"the label's rate by {self.feature}" if self.feature else LABEL_RATE

    def answer(self, rows: CohortRows) -> Mapping[str, np.ndarray]:
        """Return probability and decision of each row."""
        values = rows.features[self.feature] if self.feature else np.full(len(rows.label), np.nan)
        probability = 1 / (1 + np.exp(-FLAVOURS[self.algorithm](self.content).log_odds(values[:, None])))
        return {"probability": probability, "decision": (probability >= self.threshold).astype(np.float64)}


def fit_rule(trained: CohortRows, options: BaselineOptions, estimator: Estimator) -> Rule:
    """Return the rule that training registers beside each model, fitted on the rows that the model was trained on.

    It is fitted again from these rows instead of loaded: the rule registered last may be of another training. Where
    they have not its feature, the rule is the label's rate.
    """
    rows = trained.take(trained.known)
    feature = options.feature if options.feature in rows.features else ""
    values = rows.features[feature] if feature else np.full(len(rows.label), 0.0)
    sample = Sample(
        features=(options.feature,),
        matrix=values[:, None],
        label=rows.label.astype(np.int64),
        window=(rows.cohort, rows.cohort),
    )
    algorithm = estimator.task.baseline
    content = FITS[algorithm](sample, {"feature": options.feature, "bins": options.bins}, 0)
    probability = 1 / (1 + np.exp(-FLAVOURS[algorithm](content).log_odds(sample.matrix)))
    threshold = choose_threshold(probability, sample.label, estimator.costs, adverse=estimator.adverse)
    return Rule(feature=feature, content=content, threshold=threshold, algorithm=algorithm)


def compare_with_rule(
    cohort: CohortRows, rule: Rule, subject: Subject, options: PerformanceOptions, estimator: Estimator
) -> list[Measure]:
    """Return the model's metrics less the rule's on the same labelled rows, the interval paired by entity.

    Where the model changes and the difference does not, the rows have become harder or easier for both.
    """
    task, rows = estimator.task, cohort.take(cohort.known)
    ours = rows.pair(task, estimator.adverse)
    theirs = task.gather(task.pair(rows.label, rule.answer(rows), estimator.adverse), rows.entities)
    sampling = BootstrapOptions(samples=options.bootstraps, confidence=options.confidence, seed=options.seed)
    resampled = task.resample_differences(ours, theirs, sampling, estimator.costs)
    own, other = (task.measure_compared(each, estimator.costs) for each in (ours, theirs))
    found = []
    for name in task.compared:
        low, high = bounds_of(resampled[name], options.confidence)
        figure = Interval(value=own[name] - other[name], low=low, high=high)
        detail = f"The model's {name} is {own[name]:.4g}, that of {rule.title} {other[name]:.4g}."
        found.append(
            subject.measure(
                "performance",
                f"{name}_against_baseline",
                cohort,
                figure,
                rows=len(rows.label),
                compared_with=rule.title,
                detail=detail,
            )
        )
    return found
