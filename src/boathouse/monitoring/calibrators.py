"""From a model's probability to what it means in labelled rows, and how alike two sets of rows are.

Rows of one entity always fall into the same fold, since the same entities stand in every cohort.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.modelling.free_cores import free_threads
from boathouse.modelling.intervals import draw_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boathouse.modelling.intervals import BootstrapOptions

Form = Literal["none", "logistic", "isotonic"]
# Below so many labels of either class a curve is noise; then the model's own probability is taken.
FEWEST_OF_A_CLASS = 25
# A ratio of densities is cut here: one row must not stand for hundreds.
LARGEST_RATIO = 20.0
# Steps of Newton's method; a logistic regression of few columns takes about six.
_STEPS = 25
_EDGE = 1e-6
# Trees of the classifier that separates two sets of rows.
_ROUNDS = 40
# At most; two is what the smallest machine has.
_THREADS = 2


def to_log_odds(probability: np.ndarray) -> np.ndarray:
    """Return the log-odds, of probabilities kept 1e-6 away from 0 and 1."""
    clipped = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def split_halves(entities: np.ndarray) -> np.ndarray:
    """Return which half each row is of, 0 or 1; all rows of an entity are of the same."""
    # Numbers may be hashes or consecutive: the multiplication mixes both.
    mixed = entities.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((mixed >> np.uint64(63)).astype(np.int64))


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """A logistic regression without penalty.

    Attributes:
        coefficients: One for each column, on the scale of the log-odds.
        errors: Their standard errors.
        log_likelihood: Of the rows that it was fitted on, by weight.
    """

    coefficients: np.ndarray
    errors: np.ndarray
    log_likelihood: float


def fit_logistic(
    matrix: np.ndarray, label: np.ndarray, *, weights: np.ndarray | None = None, offset: np.ndarray | None = None
) -> Logistic:
    """Return the maximum-likelihood fit by Newton's method.

    Args:
        matrix: Columns with coefficients; a constant is a column like any other.
        label: 0 or 1.
        weights: Of the rows; one each by default.
        offset: Log-odds added with coefficient 1; none by default.
    """
    weight = np.ones(len(label)) if weights is None else weights
    shift = np.zeros(len(label)) if offset is None else offset
    beta = np.zeros(matrix.shape[1])
    # Where classes are separable the likelihood has no maximum: this keeps the steps finite and changes nothing else.
    ridge = 1e-8 * weight.sum() * np.eye(matrix.shape[1])
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(matrix @ beta + shift, -30, 30)))
        information = (matrix * (weight * probability * (1 - probability))[:, None]).T @ matrix + ridge
        step = np.linalg.solve(information, matrix.T @ (weight * (label - probability)) - ridge @ beta)
        beta = beta + np.clip(step, -5, 5)
        if not len(step) or np.abs(step).max() < 1e-9:
            break
    probability = np.clip(1 / (1 + np.exp(-np.clip(matrix @ beta + shift, -30, 30))), 1e-15, 1 - 1e-15)
    likelihood = weight @ np.where(label == 1, np.log(probability), np.log1p(-probability))
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return Logistic(coefficients=beta, errors=errors, log_likelihood=float(likelihood))


@dataclass(frozen=True, kw_only=True)
class Calibrator:
    """A map from a model's probability to the share of adverse labels behind it.

    Attributes:
        form: ``none`` (the probability itself), ``logistic`` (on the log-odds) or ``isotonic``.
        knots: Intercept and slope, or probabilities of a curve.
        values: The curve at its knots; empty for the other forms.
    """

    form: Form
    knots: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def __call__(self, probability: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities."""
        if self.form == "none":
            return probability
        if self.form == "isotonic":
            return np.asarray(np.interp(probability, self.knots, self.values))
        intercept, slope = self.knots
        return np.asarray(1 / (1 + np.exp(-(intercept + slope * to_log_odds(probability)))))


def fit_form(form: Form, probability: np.ndarray, label: np.ndarray, weights: np.ndarray | None = None) -> Calibrator:
    """Return the calibrator of one form fitted to labelled rows, weighted if ``weights`` are given."""
    if form == "none":
        return Calibrator(form="none")
    if form == "logistic":
        matrix = np.column_stack([np.ones(len(label)), to_log_odds(probability)])
        intercept, slope = fit_logistic(matrix, label, weights=weights).coefficients.tolist()
        return Calibrator(form="logistic", knots=(intercept, slope))
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(out_of_bounds="clip", y_min=0.0, y_max=1.0).fit(probability, label, weights)
    return Calibrator(
        form="isotonic", knots=tuple(curve.X_thresholds_.tolist()), values=tuple(curve.y_thresholds_.tolist())
    )


def has_both_classes(label: np.ndarray) -> bool:
    """Return whether there are labels enough of both classes to calibrate by."""
    positives = int(label.sum())
    return min(positives, len(label) - positives) >= FEWEST_OF_A_CLASS


def choose_form(
    probability: np.ndarray, label: np.ndarray, entities: np.ndarray, weights: np.ndarray | None = None
) -> Form:
    """Return the form with the smallest squared error on entities that it was not fitted on.

    It is ``none``, the model's own probability, where there are too few labels of a class to fit anything.
    """
    if not has_both_classes(label) or len(np.unique(probability)) < 2:
        return "none"
    weight = np.ones(len(label)) if weights is None else weights
    halves = split_halves(entities)
    losses: dict[Form, float] = {"logistic": 0.0, "isotonic": 0.0}
    for half in (0, 1):
        fitted, held = halves != half, halves == half
        if len(np.unique(label[fitted])) < 2:
            return "none"
        for form in losses:
            calibrator = fit_form(form, probability[fitted], label[fitted], weight[fitted])
            losses[form] += float(weight[held] @ (calibrator(probability[held]) - label[held]) ** 2)
    return min(losses, key=losses.__getitem__)


def fit_calibrators(
    probability: np.ndarray,
    label: np.ndarray,
    entities: np.ndarray,
    *,
    options: BootstrapOptions,
    weights: np.ndarray | None = None,
) -> tuple[Calibrator, list[Calibrator]]:
    """Return the calibrator of labelled rows, and those of resamples of their entities.

    The spread of the resampled ones is what the calibration itself is unsure of; there are none where it is ``none``.

    Args:
        probability: As the model gave it.
        label: 0 or 1.
        entities: Number of each row's entity.
        options: How many resamples.
        weights: Of the rows, such as ratios of densities; one each by default.
    """
    form = choose_form(probability, label, entities, weights)
    fitted = fit_form(form, probability, label, weights)
    if form == "none":
        return fitted, []
    weight = np.ones(len(label)) if weights is None else weights
    resampled: list[Calibrator] = []
    for counts in draw_counts(len(label), options, entities):
        for drawn in counts:
            rows = np.flatnonzero(drawn)
            if len(np.unique(label[rows])) == 2:
                each = fit_form(form, probability[rows], label[rows], (weight * drawn)[rows])
                resampled.append(each)
    return fitted, resampled


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well reference and current rows can be told apart by their features.

    Attributes:
        reference: Probability of each reference row to be a current one, where both are equally many; 0.5 for no
            difference. From a classifier that did not see the row's entity.
        current: The same of each current row.
        area: Area under the ROC curve of the classifier; 0.5 for no difference.
    """

    reference: np.ndarray
    current: np.ndarray
    area: float

    @property
    def ratios(self) -> np.ndarray:
        """Density of the current rows over that of the reference at each reference row, mean 1, cut at 20."""
        ratio = np.minimum(self.reference / (1 - self.reference), LARGEST_RATIO)
        return np.asarray(ratio / ratio.mean())

    @property
    def effective_share(self) -> float:
        """Effective number of weighted reference rows as a share of all of them (Kish 1965); 1 for equal weights."""
        ratios = self.ratios
        return float(ratios.sum() ** 2 / (ratios @ ratios) / len(ratios))

    @property
    def extreme_share(self) -> float:
        """Share of the current rows where the ratio is beyond its cut: the reference has next to no such rows."""
        return float((self.current / (1 - self.current) > LARGEST_RATIO).mean())


def separate(
    reference: Mapping[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    entities: tuple[np.ndarray, np.ndarray],
    *,
    seed: int,
) -> Separation:
    """Return how well a classifier separates ``current`` from ``reference``, cross-fitted by entity.

    Args:
        reference: Features by name, numbers, NaN for missing.
        current: The same features.
        entities: Number of each row's entity, of both sides.
        seed: Of the fit.
    """
    from boathouse.modelling.metrics import roc_auc

    names = sorted(reference)
    matrix = np.concatenate([np.column_stack([side[name] for name in names]) for side in (reference, current)])
    matrix[np.isinf(matrix)] = np.nan
    sizes = len(entities[0]), len(entities[1])
    label = np.repeat([0, 1], sizes)
    weights = np.repeat([0.5 / sizes[0], 0.5 / sizes[1]], sizes) * len(label)
    log_odds = _cross_fit(matrix, label, weights, np.concatenate(entities), seed)
    area = roc_auc(label, log_odds)
    # A slope below 1 takes back what the classifier has learnt of noise; under no change all become 0.5.
    both = np.column_stack([np.ones(len(label)), log_odds])
    intercept, slope = fit_logistic(both, label, weights=weights).coefficients.tolist()
    probability = 1 / (1 + np.exp(-np.clip(intercept + max(slope, 0.0) * log_odds, -30, 30)))
    return Separation(reference=probability[: sizes[0]], current=probability[sizes[0] :], area=area)


def _cross_fit(
    matrix: np.ndarray, label: np.ndarray, weights: np.ndarray, entities: np.ndarray, seed: int
) -> np.ndarray:
    """Return for each row the log-odds of a booster fitted on the other half of the entities."""
    import xgboost

    options = {
        "objective": "binary:logistic",
        "max_depth": 3,
        "eta": 0.2,
        "min_child_weight": 25,
        "seed": seed,
        "nthread": free_threads(_THREADS),
    }
    halves, log_odds = split_halves(entities), np.zeros(len(label))
    for half in (0, 1):
        fitted, held = halves != half, halves == half
        if len(np.unique(label[fitted])) < 2 or not held.any():
            continue
        data = xgboost.DMatrix(matrix[fitted], label[fitted], weight=weights[fitted])
        booster = xgboost.train(options, data, _ROUNDS)
        log_odds[held] = booster.predict(xgboost.DMatrix(matrix[held]), output_margin=True)
    return log_odds
