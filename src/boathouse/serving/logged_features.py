"""The features that were looked up for a request, as the log keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from boathouse.endpoints.log_contract import FEATURES_TOO_LONG, LookedUpValues
from boathouse.serving.log_masking import hide_column

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from boathouse.features.online.look_up import FeatureRows
    from boathouse.serving.log_masking import Hide

# Least bytes of a value as JSON, with its comma.
_LEAST = 2
# A matrix goes to JSON as it lies in memory.
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


def describe_features(
    parts: Sequence[tuple[Sequence[int] | None, FeatureRows]], limit: int
) -> tuple[LookedUpValues, ...]:
    """Return what the log gets of the looked-up features: no more rows than may fit, so that none wait in memory.

    Args:
        parts: Places of the rows within the request, None for all in their order, and what was found of them.
        limit: Bytes that the log keeps.
    """
    described = []
    for places, found in parts:
        width = max(1, len(found.features))
        most = max(1, limit // (_LEAST * width))
        values, times = found.matrix, found.times
        if len(values) > most:
            # A part of a matrix would keep the whole of it in memory.
            values, times = values[:most].copy(), times[:most]
        described.append(
            LookedUpValues(features=found.features, values=values, times=times, rows=places, total=len(found.matrix))
        )
    return tuple(described)


def encode_features(
    parts: Sequence[LookedUpValues], *, hidden: Collection[str], hide: Hide, limit: int
) -> tuple[str | None, list[str]]:
    """Return the JSON of looked-up features in at most ``limit`` bytes, and the codes of what was left out.

    The form is a list with an entry for each model: ``columns``; ``data``, one list a row, null for unknown; ``times``,
    when the newest value of each row was observed, microseconds since 1970 UTC, 0 for unknown; and ``rows``, the
    places of the rows within the request, where they are not all of it.

    Args:
        parts: What was looked up.
        hidden: Columns whose values ``hide`` replaces.
        hide: Gives the replacement of a value.
        limit: Bytes of the result.
    """
    share, codes = 1.0, [FEATURES_TOO_LONG] if any(len(each.values) < each.total for each in parts) else []
    while True:
        text = orjson.dumps([_encode_part(each, share, hidden, hide) for each in parts], option=_OPTIONS)
        if len(text) <= limit:
            return text.decode(), codes
        codes = [FEATURES_TOO_LONG]
        if all(int(len(each.values) * share) == 0 for each in parts):
            return None, codes
        share *= min(0.5, limit / len(text))


def _encode_part(part: LookedUpValues, share: float, hidden: Collection[str], hide: Hide) -> dict[str, Any]:
    count = int(len(part.values) * share)
    values = np.ascontiguousarray(part.values[:count], dtype=np.float64)
    times = part.times[:count]
    columns = [place for place, name in enumerate(part.features) if name in hidden]
    data = values if not columns else _hide(values, [(each, part.features[each]) for each in columns], hide)
    encoded: dict[str, Any] = {
        "columns": list(part.features),
        "data": data,
        "times": times.max(axis=1).tolist() if times.size else [0] * count,
    }
    if part.rows is not None:
        encoded["rows"] = list(part.rows[:count])
    return encoded


def _hide(values: np.ndarray, columns: Sequence[tuple[int, str]], hide: Hide) -> list[list[Any]]:
    rows: list[list[Any]] = values.tolist()
    hides: list[tuple[int, Callable[[Any], Any]]] = [(place, hide_column(hide, name)) for place, name in columns]
    for row in rows:
        for place, replace in hides:
            # NaN differs from itself, and becomes null.
            row[place] = replace(row[place]) if row[place] == row[place] else None
    return rows
