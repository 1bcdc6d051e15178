"""The book as it was delivered: the extracts split by the month in which each row became known."""

from __future__ import annotations

import hashlib
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from boathouse.atomic_files import write_file
from boathouse.errors import OptionError, ReplayError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from boathouse.problem.spec import DataSource

DateRows = Callable[[Mapping[str, "pa.Table"]], Mapping[str, "pa.Array"]]
# Folder of the extracts below a data folder, as conf has it.
EXTRACTS = "01_raw"


def end_of_month(day: date) -> date:
    """Return the last day of the month of ``day``."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def parse_month(name: str, text: str) -> date:
    """Return the last day of the month ``text``, YYYY-MM.

    Raises:
        OptionError: If it is no month.
    """
    try:
        return end_of_month(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise OptionError.out_of_range(name, text, "a month as YYYY-MM, such as 2005-04") from None


def next_month(day: date) -> date:
    """Return the last day of the month after that of ``day``."""
    year, month = divmod(day.year * 12 + day.month, 12)
    return end_of_month(date(year, month + 1, 1))


def list_months(first: date, last: date) -> list[date]:
    """Return the last day of each month from that of ``first`` to that of ``last``, both inclusive.

    Raises:
        OptionError: If ``first`` is after ``last``.
    """
    if first > last:
        raise OptionError.out_of_range("--from", f"{first:%Y-%m}", f"a month up to --to, which is {last:%Y-%m}")
    months = [end_of_month(first)]
    while months[-1] < last:
        months.append(next_month(months[-1]))
    return months


@dataclass(frozen=True)
class Book:
    """The extracts and when each of their rows became known.

    Attributes:
        extracts: Tables of texts, by name of the source.
        known: The day of each row, by name of the source; null for a row without a date, which comes first.
        digest: SHA-256 of the files.
    """

    extracts: Mapping[str, pa.Table]
    known: Mapping[str, pa.Array]
    digest: str

    @classmethod
    def read(cls, folder: Path, sources: Sequence[DataSource], date_rows: DateRows) -> Book:
        """Read the extracts of ``sources`` in ``folder``; an optional one may be missing.

        Raises:
            ReplayError: If one that is needed is not there.
            DataQualityError: If a file is no CSV file, or its rows cannot be dated.
        """
        from boathouse.tables.csv_files import read_text_table

        digest, extracts = hashlib.sha256(), {}
        for source in sources:
            path = folder / f"{source.name}.csv"
            if source.optional and not path.is_file():
                continue
            if not path.is_file():
                raise ReplayError(
                    f"There is no {path.as_posix()}: the extracts that are played are missing. Name the folder that "
                    "holds them: --book data/01_raw"
                )
            digest.update(path.read_bytes())
            extracts[source.name] = read_text_table(path)
        return cls(extracts, date_rows(extracts), digest.hexdigest())

    def span(self) -> tuple[date, date]:
        """Return the first and the last day on which rows became known."""
        import pyarrow.compute as pc

        ends = [pc.min_max(days) for days in self.known.values()]
        known = [each.as_py() for each in ends if each["min"].is_valid]
        return min(each["min"] for each in known), max(each["max"] for each in known)

    def require_months(self, months: Sequence[date]) -> None:
        """Check that something became known in each of ``months``, and nothing that is needed before them.

        Raises:
            ReplayError: Naming the months without data and those that there are.
        """
        days = {end_of_month(day) for each in self.known.values() for day in each.unique().to_pylist() if day}
        missing = [f"{month:%Y-%m}" for month in months if month not in days]
        if missing:
            first, last = self.span()
            raise ReplayError(
                f"Nothing became known in {', '.join(missing)}. The book has rows from {first:%Y-%m} to {last:%Y-%m}: "
                f"--from {first:%Y-%m} --to {last:%Y-%m}"
            )

    def list_delivered(self, until: date) -> list[str]:
        """Return the sources of which rows became known by ``until``, inclusive."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return [name for name, days in self.known.items() if pc.any(pc.less_equal(days, pa.scalar(until))).as_py()]

    def deliver(self, until: date, data: Path, *, after: date | None = None) -> dict[str, int]:
        """Write the extracts with the rows that became known by ``until``; return their numbers by source.

        A source without such rows is left as it was delivered before. The same rows give the same bytes.

        Args:
            until: Last day, inclusive.
            data: The data folder; its folder of extracts is made.
            after: Day after which, for a delivery of what is new alone; None for all rows.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        folder, rows = data / EXTRACTS, {}
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.extracts.items():
            days = self.known[name]
            chosen = pc.less_equal(days, pa.scalar(until))
            if after is not None:
                chosen = pc.and_(chosen, pc.greater(days, pa.scalar(after)))
            part = table.filter(pc.fill_null(chosen, after is None))
            rows[name] = part.num_rows
            if part.num_rows:
                write_file(folder / f"{name}.csv", _to_csv(part))
        return rows


def _to_csv(table: pa.Table) -> bytes:
    """Return the rows as an extract has them: quoted only where a text asks for it."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    sink = pa.BufferOutputStream()
    sink.write((",".join(table.column_names) + "\n").encode())
    try:
        arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(include_header=False, quoting_style="none"))
    except pa.ArrowInvalid:
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(quoting_style="needed"))
    content: bytes = sink.getvalue().to_pybytes()
    return content
