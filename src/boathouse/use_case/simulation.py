"""A synthetic book of credit cards, of any size, drawn from the real one: what the files of a bank would hold.

Whole customers are drawn, so that profile, statements and default flag of one belong together. Ids are new, and above
all real ones. Amounts of a piece of history that was put before another's are scaled by the two limits: utilisation
is what was observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from boathouse.errors import DataQualityError, SimulationError
from boathouse.simulation.draws import Draws, draw_originals, first_days, parse_month
from boathouse.simulation.stitching import Donors, Plan, SimulationOptions, Simulator, match_donors, plan_histories
from boathouse.use_case.daily_use import spread_spending

PROFILE = ("limit_bal", "sex", "education", "marriage", "age")
EXTRACT_TYPES: dict[str, dict[str, pa.DataType]] = {
    "customers": {"customer_id": pa.int64(), **dict.fromkeys(PROFILE, pa.int64())},
    "statements": {
        "customer_id": pa.int64(),
        "statement_month": pa.date32(),
        "pay_status": pa.int64(),
        "bill_amt": pa.int64(),
        "pay_amt": pa.int64(),
    },
    "defaults": {"customer_id": pa.int64(), "default_next_month": pa.int64()},
}
TRANSACTION_TYPES = {
    "customer_id": pa.int64(),
    "transaction_date": pa.date32(),
    "amount": pa.int64(),
    "n_transactions": pa.int64(),
}
# From four months late on the book has too few customers to distinguish the states.
_LATEST_STATE = 4


@dataclass(frozen=True)
class Book:
    """The real customers with a statement in every month.

    Attributes:
        profile: Columns of customers, one value a customer.
        default: Default flag, one a customer.
        status: Pay status by customer and month.
        bill: Bill in NT$ by customer and month.
        paid: Payment in NT$ by customer and month.
        last_month: Newest month, as months since year 0.
        highest_id: Highest real id.
    """

    profile: dict[str, np.ndarray]
    default: np.ndarray
    status: np.ndarray
    bill: np.ndarray
    paid: np.ndarray
    last_month: int
    highest_id: int

    @property
    def customers(self) -> int:
        """Number of real customers."""
        return len(self.default)

    @property
    def months(self) -> int:
        """Number of months."""
        return int(self.status.shape[1])


def build_book(customers: pa.Table, statements: pa.Table, defaults: pa.Table) -> Book:
    """Return the book of three extracts; customers that lack a month, the flag or a limit are left out.

    Raises:
        DataQualityError: If a month between the first and the last has no statement at all.
        SimulationError: If no customer is left, or statements share customer and month.
    """
    ids, owner = np.unique(statements["customer_id"].to_numpy(), return_inverse=True)
    days = statements["statement_month"].to_numpy().astype("datetime64[M]").astype(np.int64)
    months, month = np.unique(days, return_inverse=True)
    if gaps := sorted(set(range(months[0], months[-1])) - set(months.tolist())):
        raise DataQualityError.missing_periods("statements", [f"{1970 + gap // 12}-{gap % 12 + 1:02}" for gap in gaps])
    cells = np.bincount(owner * len(months) + month, minlength=len(ids) * len(months))
    if (cells > 1).any():
        repeated = int((cells - 1)[cells > 1].sum())
        raise SimulationError(
            f"In the book {repeated:,} statements share customer and month with another. Deliver each once."
        )
    complete = ids[cells.reshape(len(ids), len(months)).all(axis=1)]
    of_customer, of_default = (_rows_by_id(table, complete) for table in (customers, defaults))
    has_limit = customers["limit_bal"].to_numpy()[of_customer] > 0
    known = (of_customer >= 0) & (of_default >= 0) & has_limit
    kept = np.isin(ids, complete[known])
    if not known.any():
        raise _short_book(len(months), 0, 2)

    def grid(name: str) -> np.ndarray:
        values = np.zeros((len(ids), len(months)), dtype=np.int64)
        values[owner, month] = statements[name].to_numpy()
        return values[kept]

    return Book(
        profile={name: customers[name].to_numpy()[of_customer[known]] for name in PROFILE},
        default=defaults["default_next_month"].to_numpy()[of_default[known]],
        status=grid("pay_status"),
        bill=grid("bill_amt"),
        paid=grid("pay_amt"),
        # numpy counts months from January 1970.
        last_month=int(months[-1]) + 1970 * 12,
        highest_id=int(max(customers["customer_id"].to_numpy().max(), ids[-1])),
    )


def _rows_by_id(table: pa.Table, ids: np.ndarray) -> np.ndarray:
    """Return for each of ``ids`` its row in ``table``, -1 where it has none."""
    found = table["customer_id"].to_numpy()
    order = np.argsort(found, kind="stable")
    place = np.minimum(np.searchsorted(found[order], ids), max(len(found) - 1, 0))
    return np.where(found[order][place] == ids, order[place], -1)


def _short_book(months: int, customers: int, needed: int) -> SimulationError:
    """Return the error of a book that has ``months`` and ``customers``, and not the months that are ``needed``."""
    return SimulationError(
        f"The book has {customers:,} customers with a statement in each of its {months} months and a default flag; "
        f"needed are at least one, and {needed} months. Name another book, or lower --drift-months."
    )


@dataclass(frozen=True)
class Simulation:
    """A synthetic book that is made in chunks of customers.

    Attributes:
        book: The real one.
        options: What is asked for.
        donors: Whose history may come before whose.
    """

    book: Book
    options: SimulationOptions
    donors: Donors

    @classmethod
    def prepare(cls, book: Book, options: SimulationOptions) -> Simulation:
        """Check ``options`` against ``book`` and match histories.

        Raises:
            SimulationError: If ids would meet real ones, or the book is too short.
        """
        if options.first_id <= book.highest_id:
            raise SimulationError(
                f"Synthetic customers would be numbered from {options.first_id} on, but the book has real ones up to "
                f"{book.highest_id}. Give a higher --first-id, so that the two cannot be confused."
            )
        # A donor needs a month that is matched, and one before it.
        seam = book.months - 1 - options.drift_months
        if seam < 1:
            raise _short_book(book.months, book.customers, options.drift_months + 2)
        limit = book.profile["limit_bal"][:, None]
        traits = np.stack([book.bill / limit, book.paid / limit])
        return cls(book, options, match_donors(np.minimum(book.status, _LATEST_STATE), traits, seam=seam))

    def make_chunk(self, first: int, stop: int) -> dict[str, pa.Table]:
        """Return the extracts of the synthetic customers ``first`` to ``stop`` - 1, ordered by customer and date."""
        book, options, draws = self.book, self.options, Draws(self.options.seed)
        numbers = np.arange(first, stop)
        originals = draw_originals(draws, numbers, pool=book.customers)
        # One month more than asked for: its bill determines the spending of the first month.
        plan = plan_histories(draws, numbers, originals, self.donors, periods=options.months + 1)
        ids, days = options.first_id + numbers, self._days()
        bill, paid = self._make_amounts(plan, originals)
        made = {
            "customers": {"customer_id": ids, **{name: book.profile[name][originals] for name in PROFILE}},
            "statements": {
                "customer_id": np.repeat(ids, options.months),
                "statement_month": np.tile(days[:-1], len(ids)),
                "pay_status": plan.take(book.status)[:, 1:].ravel(),
                "bill_amt": bill[:, 1:].ravel(),
                "pay_amt": paid[:, 1:].ravel(),
            },
            "defaults": {"customer_id": ids, "default_next_month": book.default[originals]},
        }
        if options.daily:
            spent = bill[:, 1:] - bill[:, :-1] + paid[:, 1:]
            who, when, amount, uses = spread_spending(draws, numbers, spent, days)
            made["transactions"] = dict(zip(TRANSACTION_TYPES, (ids[who], when, amount, uses), strict=True))
        types = EXTRACT_TYPES | {"transactions": TRANSACTION_TYPES}
        return {name: _to_table(columns, types[name]) for name, columns in made.items()}

    def _days(self) -> np.ndarray:
        """Return the first day of each month and of the one after them, as days since 1970-01-01."""
        asked = self.options.last_month
        last = self.book.last_month if asked is None else parse_month("last_month", asked)
        return first_days(last + 1, self.options.months + 1)

    def _make_amounts(self, plan: Plan, originals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return bills and payments in whole NT$, scaled from the donor's limit to the customer's.

        Where two pieces meet, the older one's last bill is set so that the month between them is the donor's own:
        a bill that was paid in full is what was then paid, otherwise the month has the donor's spending.
        """
        book, seam = self.book, self.donors.seam
        limit = book.profile["limit_bal"]
        factor = limit[originals][:, None] / limit[plan.entities]
        bill, paid = (np.rint(plan.take(values) * factor).astype(np.int64) for values in (book.bill, book.paid))
        for month in np.flatnonzero((plan.periods[:-1] == seam - 1) & (plan.periods[1:] == 0)):
            donor = plan.entities[:, month]
            before, after, payment = book.bill[donor, seam - 1], book.bill[donor, seam], book.paid[donor, seam]
            spent = np.rint((after - before + payment) * factor[:, month]).astype(np.int64)
            in_full = (payment == before) & (before > 0)
            rest = np.where(in_full, 0, bill[:, month + 1] - spent)
            bill[:, month] = rest + paid[:, month + 1]
        return bill, paid


def _to_table(columns: dict[str, np.ndarray], types: dict[str, pa.DataType]) -> pa.Table:
    arrays = [
        pa.array(values.astype(np.int32)).cast(types[name]) if types[name] == pa.date32() else pa.array(values)
        for name, values in columns.items()
    ]
    return pa.table(arrays, names=list(columns))


def prepare_simulation(tables: Mapping[str, pa.Table], options: SimulationOptions) -> Simulation:
    """Return what makes synthetic customers out of the real extracts."""
    return Simulation.prepare(build_book(**tables), options)


SIMULATOR = Simulator(
    reads=EXTRACT_TYPES,
    writes=(*EXTRACT_TYPES, "transactions"),
    prepare=prepare_simulation,
    note=(
        "Synthetic customers, drawn from the real book: not one of them is a customer of a bank. Profile and last "
        "months of each are those of some row of the book under another id, so this is no way to make a secret book "
        "public."
    ),
    version=1,
)
