"""Keys that are asked for: refused alike by both databases, and never shown, if they are of another form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boathouse.core.errors import OnlineStoreError

if TYPE_CHECKING:
    from boathouse.online_store.views import OnlineView

_TYPES: dict[str, type] = {"bigint": int, "string": str}
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def check_keys(keys: Sequence[Sequence[Any]], views: Sequence[OnlineView]) -> None:
    """Check that each key has a value of the right type for each key column of ``views``; None is a legal value.

    Raises:
        OnlineStoreError: Naming the column and the type found, never the value.
    """
    columns = {name: dtype for view in reversed(views) for name, dtype in reversed(view.keys)}
    names = list(reversed(columns))
    widths = {len(key) for key in keys} - {len(names)}
    if widths:
        raise OnlineStoreError.key_width(min(widths), names)
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
