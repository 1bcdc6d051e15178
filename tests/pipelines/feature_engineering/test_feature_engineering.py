"""Feature engineering on real rows: twice the same, and a correction reaches what depends on it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.use_case import USE_CASE
from tests.fixtures.small_workspace import CUSTOMERS

if TYPE_CHECKING:
    import pandas as pd

    from tests.fixtures.small_workspace import SmallWorkspace

TABLES = (*(f"features.{view.name}" for view in USE_CASE.views), "features.registry", "model_input.labels")


def test_every_view_has_its_rows(bank: SmallWorkspace) -> None:
    counts = {name: len(bank.rows(name)) for name in TABLES[:3]}
    assert counts == {
        "features.customer_profile": CUSTOMERS,
        "features.payment_behaviour": CUSTOMERS * 6,
        "features.spending": CUSTOMERS * 6,
    }


def test_a_second_run_changes_nothing(bank: SmallWorkspace) -> None:
    before = bank.versions(TABLES)
    bank.run("feature_engineering")
    assert bank.versions(TABLES) == before


def by_key(rows: list[dict[str, Any]]) -> dict[tuple[Any, Any], dict[str, Any]]:
    return {(row["customer_id"], str(row["observed_on"])): row for row in rows}


def test_a_corrected_statement_changes_its_customer_from_its_month_on(bank: SmallWorkspace) -> None:
    before = by_key(bank.rows("features.spending"))

    def correct(table: pd.DataFrame) -> pd.DataFrame:
        chosen = (table["customer_id"] == "7") & (table["statement_month"] == "2005-06-01")
        table.loc[chosen, "bill_amt"] = "123456"
        return table

    bank.edit("statements", correct)
    bank.run("data_prep", "feature_engineering")
    after = by_key(bank.rows("features.spending"))
    changed = {key for key in before if before[key] != after[key]}
    assert changed <= {(7, f"2005-{month}") for month in ("06-30", "07-31", "08-31", "09-30")}
    assert (7, "2005-06-30") in changed
