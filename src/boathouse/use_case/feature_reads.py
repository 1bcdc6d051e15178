"""Which columns each feature of the use case is computed from; tests hold it against the functions of the views."""

from __future__ import annotations

_STATEMENTS, _CUSTOMERS, _TRANSACTIONS = "clean.statements", "clean.customers", "clean.transactions"
_LATE, _USAGE, _MONTH = (f"{_STATEMENTS}.{name}" for name in ("months_late", "usage", "statement_month"))
_BILL, _PAID, _LIMIT = f"{_STATEMENTS}.bill_amt", f"{_STATEMENTS}.pay_amt", f"{_CUSTOMERS}.limit_bal"
_AMOUNT, _COUNT = f"{_TRANSACTIONS}.amount", f"{_TRANSACTIONS}.n_transactions"

# Keys, and the date from which a row is known, are read by every feature. Windows of months need the month.
READS: dict[str, tuple[str, ...]] = {
    "limit_bal": (_LIMIT,),
    "age": (f"{_CUSTOMERS}.age",),
    "education_level": (f"{_CUSTOMERS}.education",),
    "is_married": (f"{_CUSTOMERS}.marriage",),
    "months_late": (_LATE,),
    "months_late_max_3m": (_LATE, _MONTH),
    "months_late_mean_6m": (_LATE, _MONTH),
    "times_late_6m": (_LATE, _MONTH),
    "months_since_late": (_LATE, _MONTH),
    "months_observed": (_MONTH,),
    "is_no_use": (_USAGE,),
    "is_paid_in_full": (_USAGE,),
    "is_revolving": (_USAGE,),
    "paid_in_full_share_6m": (_USAGE, _MONTH),
    "bill_amt": (_BILL,),
    "pay_amt": (_PAID,),
    "utilisation": (_BILL, _LIMIT),
    "utilisation_mean_3m": (_BILL, _LIMIT, _MONTH),
    "utilisation_max_6m": (_BILL, _LIMIT, _MONTH),
    "utilisation_change_1m": (_BILL, _LIMIT, _MONTH),
    "payment_ratio": (_BILL, _PAID, _MONTH),
    "payment_ratio_mean_3m": (_BILL, _PAID, _MONTH),
    "spending": (_BILL, _PAID, _MONTH),
    **{f"uses_{days}d": (_COUNT,) for days in (7, 14, 21)},
    **{f"days_used_{days}d": (_COUNT,) for days in (7, 14, 21)},
    **{f"spent_{days}d": (_AMOUNT,) for days in (7, 14, 21)},
    "days_since_use": (_COUNT,),
}
