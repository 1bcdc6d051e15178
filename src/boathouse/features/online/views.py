"""Views in the store: names and types it can hold, the keys it is asked for, and the view of published predictions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from boathouse.errors import OnlineStoreError
from boathouse.scoring.feature_spec import ViewSpec

KEY_TYPES = ("bigint", "string")
PREDICTION_FEATURES = ("probability", "decision", "model_version")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
_SECONDS_A_DAY = 86_400
_TYPES: dict[str, type] = {"bigint": int, "string": str}
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def check_view(view: ViewSpec) -> ViewSpec:
    """Return ``view`` after a check of its names, which become names of tables and columns, and the types of its keys.

    Raises:
        OnlineStoreError: Naming what the store cannot hold.
    """
    names = [view.label, *view.key_names, *view.features]
    odd = sorted(name for name in names if not _NAME.fullmatch(name))
    if odd:
        raise OnlineStoreError(
            f"View '{view.label}' has names that the online store cannot use: {', '.join(odd)}. "
            "Allowed: a small letter, then small letters, digits and _, at most 51 in all."
        )
    wrong = sorted(f"{name} {dtype}" for name, dtype in view.keys if dtype not in KEY_TYPES)
    if wrong or not view.keys:
        shown = ", ".join(wrong) or "no key"
        raise OnlineStoreError(
            f"View '{view.label}' has {shown}; the online store needs keys of type {' or '.join(KEY_TYPES)}."
        )
    return view


def max_age_s(view: ViewSpec) -> int | None:
    """Return the age in seconds from which a value of ``view`` is stale, or None."""
    return None if view.max_age_days is None else view.max_age_days * _SECONDS_A_DAY


def prediction_view(model: str, keys: tuple[tuple[str, str], ...]) -> ViewSpec:
    """Return the view of the newest prediction of each key by a registered model.

    Its time is the date that the prediction is as of; the version is a number, as versions of the registry are.

    Args:
        model: Registered name, ``<env>.<schema>.<model>``.
        keys: Key columns and their types.
    """
    declared = repr((keys, PREDICTION_FEATURES))
    return ViewSpec(
        name=f"predictions_{model.rsplit('.', maxsplit=1)[-1]}",
        digest=hashlib.sha256(declared.encode()).hexdigest()[:16],
        keys=keys,
        features=PREDICTION_FEATURES,
    )


def check_keys(keys: Sequence[Sequence[Any]], views: Sequence[ViewSpec]) -> None:
    """Check that each key has a value of the right type for each key column of ``views``; None is a legal value.

    Raises:
        OnlineStoreError: Naming the column and the type found, never the value.
    """
    columns = {name: dtype for view in reversed(views) for name, dtype in reversed(view.keys)}
    names = list(reversed(columns))
    widths = {len(key) for key in keys} - {len(names)}
    if widths:
        raise OnlineStoreError(f"A key has {min(widths)} value(s); the views are looked up by {', '.join(names)}.")
    for place, name in enumerate(names):
        _check_column([key[place] for key in keys], name, columns[name])


def _check_column(values: Sequence[Any], name: str, dtype: str) -> None:
    expected = _TYPES[dtype]
    wrong = sorted({each.__name__ for each in set(map(type, values)) - {expected, type(None)}})
    if wrong:
        raise OnlineStoreError.key_type(name, wrong[0], expected.__name__)
    known = [value for value in values if value is not None]
    if not known:
        return
    if expected is int and not (min(known) >= _LOWEST and max(known) <= _HIGHEST):
        raise OnlineStoreError.key_type(name, "an int of more than 64 bits", "int of 64 bits")
    if expected is str and any("\0" in value for value in known):
        raise OnlineStoreError.key_type(name, "a text with a zero byte", "text without one")
