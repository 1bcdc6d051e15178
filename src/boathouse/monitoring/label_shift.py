"""How the share of labels has changed, from what was decided: black-box shift estimation (BBSE).

It assumes label shift: P(X|Y) is as before, only P(Y) has changed (Lipton, Wang & Smola 2018, arXiv 1802.03916).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.modelling.intervals import BootstrapOptions, bounds_of

ASSUMPTION = "Rows of either label look as in the labelled rows; only the share of the labels has changed."
# From here on the decision hardly depends on the label, and the weights are noise.
_SINGULAR = 1e-3


@dataclass(frozen=True, kw_only=True)
class LabelShift:
    """Weights by label, and the rates that follow.

    Attributes:
        weights: Of label 0 and label 1: the share of current rows with it over its share in the reference.
        rate: Share of label 1 in the current rows, 0 to 1; NaN where it cannot be estimated.
        low: Lower end of the rate's interval.
        high: Upper end likewise.
        reason: Why there are no weights; empty where there are.
    """

    weights: tuple[float, float]
    rate: float
    low: float = float("nan")
    high: float = float("nan")
    reason: str = ""

    def correct(self, probability: np.ndarray) -> np.ndarray:
        """Return probabilities under the current share of labels, from those under the reference's."""
        negative, positive = self.weights
        weighted = probability * positive
        return np.asarray(weighted / (weighted + (1 - probability) * negative))


def weigh_labels(joint: np.ndarray, decided: np.ndarray) -> LabelShift:
    """Return the weights w that solve ``joint @ w = decided``.

    Args:
        joint: Shares of reference rows by decision (first axis) and label (second axis); they sum to 1.
        decided: Shares of the current rows by decision; they sum to 1.
    """
    if abs(np.linalg.det(joint)) < _SINGULAR * joint.sum(axis=0).prod():
        return LabelShift(
            weights=(float("nan"), float("nan")),
            rate=float("nan"),
            reason="the decision hardly depends on the label, or one of both is always the same.",
        )
    negative, positive = np.linalg.solve(joint, decided).tolist()
    if min(negative, positive) < 0:
        return LabelShift(
            weights=(float("nan"), float("nan")),
            rate=float("nan"),
            reason="more rows are decided one way than any share of labels explains: it is no label shift.",
        )
    return LabelShift(weights=(negative, positive), rate=float(joint.sum(axis=0)[1] * positive))


def estimate_label_shift(
    label: np.ndarray, decision: np.ndarray, current: np.ndarray, options: BootstrapOptions
) -> LabelShift:
    """Return the label shift of the current rows, its rate with an interval from resampled counts.

    Args:
        label: Of the reference rows, 0 or 1.
        decision: Of the reference rows, 0 or 1.
        current: Decisions on the current rows, 0 or 1.
        options: Resamples and confidence.
    """
    joint = np.bincount((decision * 2 + label).astype(np.int64), minlength=4) / len(label)
    decided = np.bincount(current.astype(np.int64), minlength=2) / len(current)
    found = weigh_labels(joint.reshape(2, 2), decided)
    if found.reason:
        return found
    generator = np.random.default_rng(options.seed)
    joints = generator.multinomial(len(label), joint, size=options.samples) / len(label)
    decisions = generator.multinomial(len(current), decided, size=options.samples) / len(current)
    rates = [weigh_labels(each.reshape(2, 2), shares).rate for each, shares in zip(joints, decisions, strict=True)]
    low, high = bounds_of(np.array(rates), options.confidence)
    return LabelShift(weights=found.weights, rate=found.rate, low=low, high=high)
