"""When the rows of the extracts became known: what a replay delivers month by month."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import date

import pyarrow as pa

from boathouse.errors import DataQualityError
from boathouse.use_case.label import labels_known_on


def end_of_month(day: date) -> date:
    """Return the last day of the month of ``day``."""
    return day.replace(day=monthrange(day.year, day.month)[1])


# Column that dates the rows of an extract, and from its date to the day on which a row is known.
_DATES: Mapping[str, tuple[str, Callable[[date], date]]] = {
    "statements": ("statement_month", end_of_month),
    "transactions": ("transaction_date", lambda day: day),
}


def date_rows(extracts: Mapping[str, pa.Table]) -> dict[str, pa.Array]:
    """Return for each extract the day on which each of its rows became known.

    A statement is known on the last day of its month, a transaction on its day. The file of customers comes with the
    first statements. The default flag is about the month after the last statement, and known at its end. A row whose
    date cannot be read has none.

    Args:
        extracts: Tables of texts by name of the source; ``transactions`` may be missing.

    Raises:
        DataQualityError: If no statement has a date.
    """
    dates = {
        name: _read_days(extracts[name][column], known) for name, (column, known) in _DATES.items() if name in extracts
    }
    days = sorted(day for day in dates["statements"].unique().to_pylist() if day is not None)
    if not days:
        raise DataQualityError("No row of the extract 'statements' has a month that can be read as YYYY-MM-DD.")
    return {
        **dates,
        "customers": pa.repeat(pa.scalar(days[0]), extracts["customers"].num_rows),
        "defaults": pa.repeat(pa.scalar(labels_known_on(days[-1])), extracts["defaults"].num_rows),
    }


def _read_days(texts: pa.ChunkedArray, known: Callable[[date], date]) -> pa.Array:
    """Return the day on which a row with each text became known; null where the text is no date."""
    coded = texts.combine_chunks().dictionary_encode()
    days = pa.array([_read_day(text, known) for text in coded.dictionary.to_pylist()], pa.date32())
    return days.take(coded.indices)


def _read_day(text: str, known: Callable[[date], date]) -> date | None:
    try:
        return known(date.fromisoformat(text.strip()))
    except ValueError:
        return None
