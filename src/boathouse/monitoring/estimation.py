"""Performance estimated before labels are known: from calibrated probabilities, or from predicted errors.

Confidence-based estimation (CBPE) takes the label of each row as drawn with its calibrated probability, independently
of the others: expected metrics and their standard deviations follow. It assumes that the relation of features and
label, P(Y|X), is what it was where the probabilities were calibrated. Method: NannyML's documentation of CBPE;
Białek et al., "Estimating Model Performance Under Covariate Shift Without Labels", arXiv 2401.08348 (PAPE, M-CBPE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.monitoring.calibrators import split_halves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boathouse.modelling.calibration import CostOptions
    from boathouse.monitoring.calibrators import Calibrator

Method = Literal["cbpe", "pape", "dle"]
ASSUMPTIONS: dict[Method, str] = {
    "cbpe": "The label depends on the probability as in the labelled rows it was calibrated on; "
    "the relation of features and label has not changed.",
    "pape": "The relation of features and label has not changed; the mix of rows may have, "
    "and the calibration is weighted for it.",
    "dle": "The size of the error depends on the features as in the labelled rows.",
}
# Probabilities are kept this far from 0 and 1 in logarithms, as the measured log loss does.
_EDGE = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """One metric of rows whose labels are not known.

    Attributes:
        value: Expected metric; NaN where it is not defined.
        sd: Standard deviation of the metric that will be measured, about ``value``.
    """

    value: float
    sd: float

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Return the normal interval that is to hold the metric measured later with this probability."""
        from scipy.stats import norm

        half = float(norm.ppf((1 + confidence) / 2)) * self.sd
        return self.value - half, self.value + half


@dataclass(frozen=True, kw_only=True)
class ScoredAnswer:
    """What a model of a binary task answered, seen from the adverse value.

    Attributes:
        probability: As the model gave it, 0 to 1.
        decision: 1 where the adverse value was decided, else 0.
    """

    probability: np.ndarray
    decision: np.ndarray


def estimate_binary(answer: ScoredAnswer, calibrated: np.ndarray, costs: CostOptions) -> dict[str, Estimated]:
    """Return the expected metrics by name, with the standard deviation that drawing the labels gives.

    Accuracy, Brier score, log loss and cost are means over rows and their values exact; precision, recall and the area
    under the ROC curve are quotients of expectations, with deviations by the delta method.

    Args:
        answer: Probability and decision by which the model is judged.
        calibrated: Probability of the adverse label of each row, as far as is known; 0 to 1.
        costs: Prices of wrong decisions.
    """
    acted, given = answer.decision == 1, np.clip(answer.probability, _EDGE, 1 - _EDGE)
    zeros = np.zeros(len(calibrated))
    by_label = {
        "accuracy_score": (acted.astype(np.float64), 1.0 - acted),
        "brier_score": ((1 - answer.probability) ** 2, answer.probability**2),
        "log_loss": (-np.log(given), -np.log1p(-given)),
        "expected_cost": (np.where(acted, zeros, costs.missed), np.where(acted, costs.false_alarm, zeros)),
    }
    return {
        "roc_auc": estimate_roc_auc(answer.probability, calibrated),
        **{name: _mean(calibrated, *losses) for name, losses in by_label.items()},
        "precision": _mean(calibrated[acted], np.ones(acted.sum()), np.zeros(acted.sum())),
        "recall": _recall(calibrated, acted),
        "observed_rate": _mean(calibrated, np.ones(len(calibrated)), zeros),
    }


def _mean(probability: np.ndarray, if_positive: np.ndarray, if_negative: np.ndarray) -> Estimated:
    """Return the mean of what each row counts for, by the label that it may get."""
    rows = len(probability)
    if not rows:
        return Estimated(value=float("nan"), sd=float("nan"))
    expected = probability * if_positive + (1 - probability) * if_negative
    variance = probability * (1 - probability) * (if_positive - if_negative) ** 2
    return Estimated(value=float(expected.mean()), sd=float(np.sqrt(variance.sum()) / rows))


def _recall(probability: np.ndarray, acted: np.ndarray) -> Estimated:
    positives = probability.sum()
    if not positives:
        return Estimated(value=float("nan"), sd=float("nan"))
    value = float(probability[acted].sum() / positives)
    variance = (probability * (1 - probability) * (acted - value) ** 2).sum()
    return Estimated(value=value, sd=float(np.sqrt(variance) / positives))


def estimate_roc_auc(score: np.ndarray, probability: np.ndarray, *, self_pairs: bool = False) -> Estimated:
    """Return the expected area under the ROC curve: expected ordered pairs over expected pairs; ties count half.

    Args:
        score: By which the rows are ranked.
        probability: Of label 1, calibrated.
        self_pairs: Whether a row also counts as a pair with itself, as where a curve is drawn from expected counts.
            A row has one label, so by default it does not.
    """
    negative = 1 - probability
    _, ranks, counts = np.unique(score, return_inverse=True, return_counts=True)
    places = len(counts)
    positives = np.bincount(ranks, weights=probability, minlength=places)
    negatives = np.bincount(ranks, weights=negative, minlength=places)
    negatives_below = (np.cumsum(negatives) - negatives / 2)[ranks]
    positives_above = (positives.sum() - np.cumsum(positives) + positives / 2)[ranks]
    own = 0.0 if self_pairs else 1.0
    ordered = (probability * (negatives_below - own * negative / 2)).sum()
    pairs = positives.sum() * negatives.sum() - own * (probability * negative).sum()
    if pairs <= 0:
        return Estimated(value=float("nan"), sd=float("nan"))
    value = float(ordered / pairs)
    # How the quotient changes as the row turns from negative to positive, all others as expected.
    by_order = (negatives_below - negative / 2) - (positives_above - probability / 2)
    by_pairs = (negatives.sum() - negative) - (positives.sum() - probability)
    variance = (probability * negative * (by_order - value * by_pairs) ** 2).sum()
    return Estimated(value=value, sd=float(np.sqrt(variance) / pairs))


def estimate_calibrated(
    answer: ScoredAnswer, calibrators: tuple[Calibrator, list[Calibrator]], costs: CostOptions
) -> dict[str, Estimated]:
    """Return the expected metrics; their deviation holds that of the calibration too.

    Args:
        answer: Rows without labels.
        calibrators: The calibrator, and those refitted on resamples of the labelled entities; none where it was not
            fitted.
        costs: Prices of wrong decisions.
    """
    fitted, resampled = calibrators
    estimates = estimate_binary(answer, fitted(answer.probability), costs)
    if len(resampled) < 2:
        return estimates
    others = [estimate_binary(answer, each(answer.probability), costs) for each in resampled]
    # An isotonic curve follows the labels that it was fitted on too closely, a resampled one again as much.
    biased = fitted.form == "isotonic"
    return {
        name: _widen(each, [other[name].value for other in others], biased=biased) for name, each in estimates.items()
    }


def _widen(estimate: Estimated, values: list[float], *, biased: bool) -> Estimated:
    """Return the estimate with the spread of ``values``, less its bias as the bootstrap finds it."""
    known = [value for value in values if not np.isnan(value)]
    if len(known) < 2:
        return estimate
    bias = float(np.mean(known)) - estimate.value if biased else 0.0
    return Estimated(value=estimate.value - bias, sd=float(np.hypot(estimate.sd, np.std(known, ddof=1))))


def estimate_error(
    labelled: Mapping[str, np.ndarray],
    errors: np.ndarray,
    entities: np.ndarray,
    current: Mapping[str, np.ndarray],
    *,
    seed: int,
) -> Estimated:
    """Return the expected mean absolute error of rows without labels: direct loss estimation (DLE).

    A regression learns the absolute error from the features, and is averaged over the current rows. Its deviation is
    taken from how far it misses entities that it was not fitted on.

    Args:
        labelled: Features of labelled rows by name.
        errors: Their absolute errors, in the label's unit.
        entities: Number of each labelled row's entity.
        current: The same features of the rows to estimate.
        seed: Of the fit.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    names = sorted(labelled)
    known, asked = (np.column_stack([rows[name] for name in names]) for rows in (labelled, current))
    halves = split_halves(entities)
    residuals, means = np.empty(len(errors)), []
    for half in (0, 1):
        model = HistGradientBoostingRegressor(max_iter=60, random_state=seed)
        model.fit(known[halves != half], errors[halves != half])
        residuals[halves == half] = errors[halves == half] - model.predict(known[halves == half])
        means.append(float(model.predict(asked).mean()))
    spread = residuals.std(ddof=1)
    sampling = spread * np.sqrt(1 / len(asked) + 1 / len(known))
    return Estimated(value=float(np.mean(means)), sd=float(np.hypot(sampling, abs(means[0] - means[1]) / 2)))
