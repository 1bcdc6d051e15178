"""Daily use of a card, made up from a month's spending: the real book has months only.

Nothing is known of the days, so this is an assumption and no observation: a card that spends more is used on more
days, up to twelve a month; the days are any of the month; the shares of the days are exponential. What is kept exactly
is the sum: the days of a month add up to its spending. A month whose bill sank by more than was paid has no use.
"""

from __future__ import annotations

import numpy as np

from boathouse.simulation.draws import Draws

# NT$ that a day of use stands for where little is spent; the days grow with the square root.
_SPENT_A_DAY = 400.0
_MOST_DAYS, _DAYS_OF_A_MONTH = 12, 31
_MOST_USES_A_DAY = 3

Days = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def spread_spending(draws: Draws, numbers: np.ndarray, spent: np.ndarray, starts: np.ndarray) -> Days:
    """Return place of the customer, day, amount and number of uses, one element a customer and day of use.

    Args:
        draws: Random numbers.
        numbers: Numbers of the customers.
        spent: NT$ by customer and month, whole; what is not positive makes no use.
        starts: First day of each month and of the one after the last, as days since 1970-01-01.

    Returns:
        Four arrays ordered by customer and day. Amounts are whole NT$, at least 1; uses are 1 to 3.
    """
    months = [
        _spread_month(draws, numbers, spent[:, month], starts[month : month + 2]) for month in range(len(starts) - 1)
    ]
    amounts = np.stack(months, axis=1)
    who, month, day = np.nonzero(amounts)
    when = starts[month] + day
    uses = 1 + draws.below("uses", numbers[who] * 2**20 + when, _MOST_USES_A_DAY)
    amount = amounts[who, month, day]
    return who, when, amount, np.minimum(uses, amount)


def _spread_month(draws: Draws, numbers: np.ndarray, spent: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return NT$ by customer and day of the month that begins on the first and ends before the second bound."""
    total = np.maximum(spent, 0)
    places = numbers[:, None] * _DAYS_OF_A_MONTH + np.arange(_DAYS_OF_A_MONTH)
    order = draws.uniform(f"day/{bounds[0]}", places)
    order[:, bounds[1] - bounds[0] :] = np.inf
    wanted = np.clip(np.ceil(np.sqrt(total / _SPENT_A_DAY)), 0, _MOST_DAYS)
    chosen = np.argsort(np.argsort(order, axis=1, kind="stable"), axis=1, kind="stable") < wanted[:, None]
    weight = np.where(chosen, -np.log1p(-draws.uniform(f"share/{bounds[0]}", places)), 0.0)
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    amount = np.floor(share * total[:, None]).astype(np.int64)
    # What rounding left over goes to the greatest day.
    rows = np.arange(len(amount))
    amount[rows, weight.argmax(axis=1)] += total - amount.sum(axis=1)
    return np.asarray(amount)
