"""Whose features they are, and from when on they count: said once for all views."""

from __future__ import annotations

KEYS = (("customer_id", "bigint"),)
# The keys that identify a person: no log has them in clear, whatever conf says.
PERSONAL = ("customer_id",)
TIME_COLUMN = "observed_on"
# Date from which a row of clean.statements is known.
KNOWN_COLUMN = "statement_date"
OWNER = "credit-risk"
