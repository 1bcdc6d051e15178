"""Whether a model was trained on the rows it is measured on: told from its training window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

# The tag of a version that holds first and last date of its training rows, both inclusive: 2005-04-30/2005-07-31.
WINDOW_TAG = "training_window"


def count_seen_rows(tags: Mapping[str, str], days: np.ndarray) -> float:
    """Return how many rows are dated within the training window that ``tags`` tell; NaN if they tell none.

    Dates decide, not keys: a model may have been trained on other customers of the same month, and what holds for
    one month's customers is not new to it.

    Args:
        tags: Tags of a model version.
        days: Date of each row, ISO.
    """
    window = read_window(tags)
    if window is None:
        return float("nan")
    first, last = (each.isoformat() for each in window)
    return float(np.count_nonzero((days >= first) & (days <= last)))


def read_window(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """Return first and last date of the training rows, or None if the tag is missing or no such pair."""
    first, _, last = tags.get(WINDOW_TAG, "").partition("/")
    try:
        window = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return window if window[0] <= window[1] else None
