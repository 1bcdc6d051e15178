"""Which kind of drift changed the performance: DISDE (Cai, Namkoong & Yadlowsky, arXiv 2303.02011).

The change of the mean loss from reference to current rows is the sum of three terms, taken over a distribution S of
features that both have in common: S weighs reference rows by the probability of being current, current rows by that of
being reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.intervals import BootstrapOptions, bounds_of, draw_counts

if TYPE_CHECKING:
    from boathouse.monitoring.calibrators import Separation

TERMS = {
    "features": "rows that the reference has too have become more frequent or rarer: P(X)",
    "relation": "the same rows are predicted better or worse: P(Y|X)",
    "unseen": "rows that the reference hardly has",
}


@dataclass(frozen=True, kw_only=True)
class Term:
    """One part of the change.

    Attributes:
        value: Change of the mean loss; above 0 is worse.
        low: Lower end of its interval.
        high: Upper end likewise.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class LossRows:
    """Rows of one side with what they cost the model.

    Attributes:
        loss: Loss of each row, such as the squared error of its probability.
        current: Probability of the row to be a current one, where both sides are equally many.
        entities: Number of each row's entity.
    """

    loss: np.ndarray
    current: np.ndarray
    entities: np.ndarray


def decompose_change(reference: LossRows, current: LossRows, options: BootstrapOptions) -> dict[str, Term]:
    """Return the terms ``features``, ``relation`` and ``unseen``, and their sum ``change``, with intervals by entity.

    The sum is the difference of the mean losses exactly. Entities of both sides are resampled together; the classifier
    behind the weights is not refitted.
    """
    sides = (reference, current)
    sums = [_row_sums(side, weights) for side, weights in zip(sides, _weights(reference, current), strict=True)]
    entities, places = np.unique(np.concatenate([side.entities for side in sides]), return_inverse=True)
    split = len(reference.loss)
    per_entity = np.concatenate(
        [_add_up(side, rows, len(entities)) for side, rows in zip(sums, (places[:split], places[split:]), strict=True)],
        axis=1,
    )
    values = _terms(per_entity.sum(axis=0, keepdims=True))
    resampled = np.concatenate([_terms(counts @ per_entity) for counts in draw_counts(len(entities), options)])
    names = (*TERMS, "change")
    return {
        name: Term(value=float(values[0, place]), **_ends(resampled[:, place], options.confidence))
        for place, name in enumerate(names)
    }


def decompose(
    losses: tuple[np.ndarray, np.ndarray],
    entities: tuple[np.ndarray, np.ndarray],
    separation: Separation,
    options: BootstrapOptions,
) -> dict[str, Term]:
    """Return :func:`decompose_change` of reference and current losses, told apart by ``separation``."""
    reference, current = (
        LossRows(loss=loss, current=probability, entities=numbers)
        for loss, probability, numbers in zip(losses, (separation.reference, separation.current), entities, strict=True)
    )
    return decompose_change(reference, current, options)


def _weights(reference: LossRows, current: LossRows) -> tuple[np.ndarray, np.ndarray]:
    return reference.current, 1 - current.current


def _row_sums(side: LossRows, weights: np.ndarray) -> np.ndarray:
    """Return loss, one, weighted loss and weight of each row: every mean is a quotient of their sums."""
    return np.column_stack([side.loss, np.ones(len(side.loss)), weights * side.loss, weights])


def _add_up(rows: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    return np.column_stack([np.bincount(places, weights=column, minlength=count) for column in rows.T])


def _terms(sums: np.ndarray) -> np.ndarray:
    """Return features, relation, unseen and change of each row of sums."""
    before, shared_before, now, shared_now = (sums[:, 2 * each] / sums[:, 2 * each + 1] for each in range(4))
    return np.column_stack([shared_before - before, shared_now - shared_before, now - shared_now, now - before])


def _ends(values: np.ndarray, confidence: float) -> dict[str, float]:
    low, high = bounds_of(values, confidence)
    return {"low": low, "high": high}
