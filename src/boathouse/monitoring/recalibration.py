"""How much of a model has to change for a labelled window: the recalibration ladder.

Nothing, the intercept, intercept and slope, or a refit: the lowest step that is not clearly worse than the refit, by
closed testing (Vergouwe et al. 2017, Statistics in Medicine 36:4529). Recalibration moves less from window to window
than a refit, whose estimates are noisier (Davis et al. 2020, PMC7153129).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.monitoring.calibrators import fit_logistic, has_both_classes, split_halves, to_log_odds

if TYPE_CHECKING:
    from collections.abc import Mapping

Step = Literal["nothing", "intercept", "intercept_and_slope", "refit"]
STEPS: tuple[Step, ...] = ("nothing", "intercept", "intercept_and_slope", "refit")
PROPOSALS: dict[Step, str] = {
    "nothing": "the model fits these rows: change nothing",
    "intercept": "all probabilities are off by one shift of the log-odds: recalibrate the intercept",
    "intercept_and_slope": "the probabilities are too bold or too timid: recalibrate intercept and slope",
    "refit": "the features say more than the model takes from them: fit again",
}


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """What a labelled window asks for.

    Attributes:
        step: The proposed step.
        intercept: Shift of the log-odds, slope 1, with its standard error.
        slope: Slope of the log-odds, with its standard error; 1 is calibrated, below 1 too bold.
        gains: By how much each step lowers the log loss on entities that it was not fitted on, in nats per row.
        p_values: Of the refit against the steps below it, in their order, as far as they were tested.
        reason: Why there is no proposal; empty where there is.
    """

    step: Step
    intercept: tuple[float, float]
    slope: tuple[float, float]
    gains: Mapping[Step, float]
    p_values: tuple[float, ...]
    reason: str = ""


def propose_step(
    probability: np.ndarray,
    label: np.ndarray,
    features: np.ndarray,
    entities: np.ndarray,
    *,
    alpha: float = 0.05,
    minimum_gain: float = 0.001,
) -> Recalibration:
    """Return the step that labelled rows ask for.

    The refit is a logistic regression of the label on the model's log-odds and the standardised features: it is nested
    above the other steps, so likelihood ratios test them. With many rows each difference is significant: a step above
    another is only proposed if it lowers the log loss by ``minimum_gain`` on entities it was not fitted on.

    Args:
        probability: As the model gave it.
        label: 0 or 1.
        features: One column for each feature, NaN for missing.
        entities: Number of each row's entity.
        alpha: Of each test.
        minimum_gain: Nats per row.
    """
    from scipy.stats import chi2

    if not has_both_classes(label) or len(np.unique(probability)) < 2:
        nan = (float("nan"), float("nan"))
        reason = (
            "there are too few labels of one class."
            if not has_both_classes(label)
            else "all probabilities are the same."
        )
        return Recalibration(step="nothing", intercept=nan, slope=nan, gains={}, p_values=(), reason=reason)
    designs = _designs(probability, features)
    fits = [fit_logistic(matrix, label, offset=offset) for matrix, offset in designs]
    p_values: list[float] = []
    step: Step = "refit"
    for name, fit in zip(STEPS[:-1], fits[:-1], strict=True):
        difference = 2 * (fits[-1].log_likelihood - fit.log_likelihood)
        freed = len(fits[-1].coefficients) - len(fit.coefficients)
        p_values.append(float(chi2.sf(max(difference, 0.0), freed)))
        if p_values[-1] > alpha:
            step = name
            break
    gains = _gains(designs, label, entities)
    return Recalibration(
        step=_lower(step, gains, minimum_gain),
        intercept=(float(fits[1].coefficients[0]), float(fits[1].errors[0])),
        slope=(float(fits[2].coefficients[1]), float(fits[2].errors[1])),
        gains=gains,
        p_values=tuple(p_values),
    )


def _designs(probability: np.ndarray, features: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return matrix and offset of each step."""
    log_odds, rows = to_log_odds(probability), len(probability)
    ones, zeros = np.ones((rows, 1)), np.zeros(rows)
    both = np.column_stack([ones, log_odds])
    return [
        (np.empty((rows, 0)), log_odds),
        (ones, log_odds),
        (both, zeros),
        (np.column_stack([both, _standardise(features)]), zeros),
    ]


def _standardise(features: np.ndarray) -> np.ndarray:
    """Return the columns with mean 0 and deviation 1, missing values at 0; constant columns are left out."""
    finite = np.where(np.isfinite(features), features, np.nan)
    kept = finite[:, [bool(len(np.unique(column[~np.isnan(column)])) > 1) for column in finite.T]]
    scaled = (kept - np.nanmean(kept, axis=0)) / np.nanstd(kept, axis=0) if kept.shape[1] else kept
    return np.clip(np.where(np.isnan(scaled), 0.0, scaled), -5, 5)


def _gains(designs: list[tuple[np.ndarray, np.ndarray]], label: np.ndarray, entities: np.ndarray) -> dict[Step, float]:
    halves, losses = split_halves(entities), np.zeros(len(STEPS))
    for half in (0, 1):
        fitted, held = halves != half, halves == half
        for place, (matrix, offset) in enumerate(designs):
            beta = fit_logistic(matrix[fitted], label[fitted], offset=offset[fitted]).coefficients
            log_odds = np.clip(matrix[held] @ beta + offset[held], -30, 30)
            losses[place] += float(np.logaddexp(0, np.where(label[held] == 1, -log_odds, log_odds)).sum())
    return {name: float((losses[0] - loss) / len(label)) for name, loss in zip(STEPS, losses, strict=True)}


def _lower(step: Step, gains: Mapping[Step, float], minimum_gain: float) -> Step:
    """Return the lowest step up to ``step`` that is not beaten by the minimum gain by a higher one up to it."""
    allowed = STEPS[: STEPS.index(step) + 1]
    best = max(gains[each] for each in allowed)
    return next(each for each in allowed if gains[each] > best - minimum_gain)
