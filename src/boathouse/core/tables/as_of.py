"""As-of date: cutoff of the data visible to a run; and the cutoff of what it trains on, which may be earlier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.errors import DataQualityError, OptionError
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


def resolve_train_until(requested: str | date | None, as_of: date) -> date:
    """Return the cutoff of training: labels known later than it train, validate and test nothing.

    Args:
        requested: ISO date; None or an empty text for ``as_of``.
        as_of: Cutoff of the data visible to the run.

    Raises:
        OptionError: If ``requested`` is no date, or later than ``as_of``.
    """
    if not requested:
        return as_of
    until = parse_date("train_until", requested)
    if until > as_of:
        allowed = f"a date up to as_of, which is {as_of}. Give an earlier train_until, or a later as_of"
        raise OptionError.out_of_range("train_until", until.isoformat(), allowed)
    return until
