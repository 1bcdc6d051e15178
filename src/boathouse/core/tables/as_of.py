"""What a run pretends to know: the date after which nothing is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.errors import DataQualityError
from boathouse.core.options import parse_date

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame


def resolve_as_of(requested: str | None, rows: DataFrame, *, known_column: str) -> date:
    """Return ``requested`` as a date, or the newest date on which a row of ``rows`` became known.

    Args:
        requested: ISO date; None or an empty text, as a job parameter has it, for the newest.
        rows: A frame that has ``known_column``.
        known_column: Date from which a row of ``rows`` is known.

    Raises:
        OptionError: If ``requested`` is no date.
        DataQualityError: If there are no rows to take the newest date from.
    """
    if requested:
        return parse_date("as_of", requested)
    newest: date | None = rows.agg({known_column: "max"}).collect()[0][0]
    if newest is None:
        raise DataQualityError.no_dates(known_column)
    return newest
