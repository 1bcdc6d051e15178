"""Whether errors have become more frequent: between two cohorts, and along labels in the order they arrive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.options import require_between


@dataclass(frozen=True, kw_only=True)
class RateChange:
    """The share of errors in two cohorts.

    Attributes:
        before: Share of errors in the earlier cohort, 0 to 1.
        now: Share in the later one.
        change: ``now`` less ``before``.
        low: Lower end of the interval of the change.
        high: Upper end likewise.
        p_value: Of no change, two-sided.
    """

    before: float
    now: float
    change: float
    low: float
    high: float
    p_value: float


def compare_error_rates(
    before: tuple[np.ndarray, np.ndarray], now: tuple[np.ndarray, np.ndarray], *, confidence: float
) -> RateChange:
    """Return the two-proportion test of the errors, its variance by entity.

    Entities that stand in both cohorts are compared with themselves: what they have in common cancels out. Without
    such entities, and with one row each, it is the two-proportion z-test with unpooled variance.

    Args:
        before: Errors (1 or 0) of the earlier cohort, and the number of each row's entity.
        now: The same of the later one.
        confidence: Coverage of the interval, 0.5 to 0.999.
    """
    from scipy.stats import norm

    rates = [float(errors.mean()) for errors, _ in (before, now)]
    change = rates[1] - rates[0]
    _, places = np.unique(np.concatenate([before[1], now[1]]), return_inverse=True)
    parts = [(errors - rate) / len(errors) for (errors, _), rate in zip((before, now), rates, strict=True)]
    influence = np.bincount(places, weights=np.concatenate([-parts[0], parts[1]]))
    spread = float(np.sqrt((influence**2).sum()))
    half = float(norm.ppf((1 + confidence) / 2)) * spread
    p_value = float(2 * norm.sf(abs(change) / spread)) if spread else float(change == 0)
    return RateChange(
        before=rates[0], now=rates[1], change=change, low=change - half, high=change + half, p_value=p_value
    )


@dataclass(frozen=True, kw_only=True)
class ErrorStream:
    """What a stream of labels has shown so far.

    Attributes:
        evidence: Logarithm of the e-value at its last row; above log(1 / alpha) at any time is an alarm.
        largest: Its largest value so far.
        alarm_at: Number of rows after which it was an alarm; None for none.
    """

    evidence: float
    largest: float
    alarm_at: int | None


def watch_errors(errors: np.ndarray, *, tolerated: float, alpha: float = 0.05, bet: float = 0.5) -> ErrorStream:
    """Return the e-process of the hypothesis that each row is an error with at most the ``tolerated`` probability.

    The e-value is the product of ``1 + bet * (error - tolerated)``. However long it is watched, it exceeds 1 / alpha
    with at most the probability alpha while the hypothesis holds (Ville's inequality; Waudby-Smith & Ramdas 2024).

    Args:
        errors: 1 or 0, in the order in which the labels became known.
        tolerated: Share of errors, 0 to 1, both exclusive.
        alpha: Share of false alarms over any number of rows.
        bet: How much each row may move the e-value, 0 to 1 (inclusive); fixed before the rows are seen.
    """
    require_between("tolerated", tolerated, 0.0, 1.0)
    require_between("alpha", alpha, 1e-9, 1.0)
    require_between("bet", bet, 0.0, 1.0)
    if not len(errors):
        return ErrorStream(evidence=0.0, largest=0.0, alarm_at=None)
    evidence = np.cumsum(np.log1p(bet * (errors - tolerated)))
    over = np.flatnonzero(evidence >= -np.log(alpha))
    return ErrorStream(
        evidence=float(evidence[-1]),
        largest=max(0.0, float(evidence.max())),
        alarm_at=int(over[0]) + 1 if len(over) else None,
    )
