"""Which served entity answers which row: by weight, or by the unit of an experiment."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from typing import TYPE_CHECKING

from boathouse.tables.keys import is_missing, read_typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.endpoints.config import EndpointConfig

# Fifteen hexadecimal digits fit into a signed 64-bit number, so that SQL can compute the same place:
# conv(substr(sha2(concat(salt, ':', unit), 256), 1, 15), 16, 10).
_DIGITS = 15
PLACES = 16**_DIGITS


def locate_units(salt: str, units: Iterable[str]) -> list[int]:
    """Return the place of each unit on a circle of ``PLACES``: uniform, and for ever the same for salt and unit.

    The place is the number that the first 15 hexadecimal digits of SHA-256 of ``<salt>:<unit>`` (UTF-8)
    write. It depends on nothing else: no process, no instance, no order.
    """
    start = hashlib.sha256(f"{salt}:".encode())
    places = []
    for unit in units:
        # Copying the state that has read the salt is cheaper than reading it again.
        state = start.copy()
        state.update(unit.encode())
        places.append(int(state.hexdigest()[:_DIGITS], 16))
    return places


def name_unit(value: object, dtype: str | None = None) -> str | None:
    """Return the text of a unit as it is hashed, or None where there is none: null, NaN or nothing but spaces.

    A key that came as 17, 17.0, "17" or "0017" is the same unit.

    Args:
        value: As it came.
        dtype: Type of the column, if it is a key of the use case (see :mod:`boathouse.tables.keys`). A value of any
            other column, and one that is no such key, is its text, and a whole number that came as a floating-point
            one is whole.
    """
    if is_missing(value):
        return None
    key = None if dtype is None else read_typed(value, dtype)
    if key is None:
        key = int(value) if isinstance(value, float) and value.is_integer() else str(value).strip(" ")
    return str(key)


class Router:
    """The routes of one configuration; pure, so that every worker and instance gives the same answers."""

    def __init__(self, config: EndpointConfig) -> None:
        """Lay the routes side by side on the circle, in the order of the document."""
        routes = [route for route in config.routes if route.traffic_percentage > 0]
        self._names = [route.served_entity_name for route in routes]
        reached, ends = 0.0, []
        for route in routes:
            reached += route.traffic_percentage
            ends.append(round(reached / 100 * PLACES))
        # The last route takes what is left, so that no rounding leaves a gap.
        self._ends = ends[:-1]
        self._split = config.split

    @property
    def control(self) -> str:
        """The entity that answers rows without a unit in an A/B test: the first of the routes."""
        return self._names[0]

    def assign(self, units: Sequence[str | None], request_id: str) -> list[str]:
        """Return the served entity of each row, in the order of ``units``.

        In an A/B test a row goes where its unit belongs (see :func:`locate_units`); a row without one goes
        to :attr:`control` and is no part of the experiment. Otherwise the request's id is drawn once, and
        all of its rows go the same way.

        Args:
            units: One text per row, or None where the row has no unit.
            request_id: Unique id that the endpoint gave the request.
        """
        if len(self._names) == 1:
            return self._names * len(units)
        if self._split.kind != "ab":
            [place] = locate_units(self._split.salt, [request_id])
            return [self._names[bisect_right(self._ends, place)]] * len(units)
        known = [unit for unit in units if unit is not None]
        places = iter(locate_units(self._split.salt, known))
        names, ends, control = self._names, self._ends, self.control
        return [control if unit is None else names[bisect_right(ends, next(places))] for unit in units]

    def mirrors(self) -> tuple[str, ...]:
        """Return the entities that score a copy of each answered request; none unless the split is ``shadow``."""
        return self._split.mirrors if self._split.kind == "shadow" else ()
