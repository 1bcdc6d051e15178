"""Who was exposed to which variant: read from the inference log, one unit once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from boathouse.endpoints.routing import name_unit

if TYPE_CHECKING:
    from boathouse.endpoints.log_rows import LoggedRow


@dataclass(frozen=True)
class Exposure:
    """The first time a unit met the experiment.

    Attributes:
        unit: The unit's text as the log has it: hashed if the column is personal.
        variant: Served entity that answered its row.
        exposed_at: When, UTC.
        score: The model's score at that time; None if it cannot be read.
    """

    unit: str
    variant: str
    exposed_at: datetime
    score: float | None


@dataclass(frozen=True)
class Exposures:
    """All of an experiment.

    Attributes:
        units: One exposure a unit, by its text.
        crossed: Units that more than one variant answered; they are in no group. Salt or shares were
            changed on the way.
        without_unit: Rows without a unit; the control answered them, and they are no part of the experiment.
        unassigned: Rows without a known variant in the log.
    """

    units: dict[str, Exposure]
    crossed: int
    without_unit: int
    unassigned: int

    def count(self) -> dict[str, int]:
        """Return the number of units of each variant."""
        counts: dict[str, int] = {}
        for exposure in self.units.values():
            counts[exposure.variant] = counts.get(exposure.variant, 0) + 1
        return counts


def find_exposures(
    rows: Iterable[LoggedRow], unit_column: str, name: Callable[[object], str | None] = name_unit
) -> Exposures:
    """Return the exposure of each unit; answers alone count, not the scores of mirrors.

    Args:
        rows: Of the log, in the order of time.
        unit_column: Column of the unit in the requests.
        name: Gives the text of a unit from what the log has of it; None where there is no unit.
    """
    units: dict[str, Exposure] = {}
    crossed: set[str] = set()
    without_unit = unassigned = 0
    for row in rows:
        if row.mode != "answer" or row.status_code >= 400:
            continue
        unit = name(row.inputs.get(unit_column))
        if unit is None:
            without_unit += 1
        elif row.served_entity is None:
            unassigned += 1
        elif unit not in units:
            units[unit] = Exposure(unit, row.served_entity, row.time, row.score)
        elif units[unit].variant != row.served_entity:
            crossed.add(unit)
    kept = {unit: exposure for unit, exposure in units.items() if unit not in crossed}
    return Exposures(kept, len(crossed), without_unit, unassigned)
