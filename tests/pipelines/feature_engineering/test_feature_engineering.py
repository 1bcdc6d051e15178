"""Feature engineering on real rows: twice the same, and a correction reaches what depends on it alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from boathouse.environment import open_environment
from boathouse.features.incremental import order_views
from boathouse.features.refreshing import FeatureRefresher
from boathouse.use_case import USE_CASE
from tests.fixtures.small_workspace import CONF, CUSTOMERS

if TYPE_CHECKING:
    import pandas as pd

    from tests.fixtures.small_workspace import SmallWorkspace

TABLES = (
    *(f"features.{view.name}" for view in USE_CASE.views),
    "features.registry",
    "model_input.labels",
    "audit.feature_refreshes",
)


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


def test_a_refresh_after_a_run_knows_what_the_run_computed(bank: SmallWorkspace) -> None:
    refresher = FeatureRefresher(open_environment("test", CONF))
    for view in order_views(USE_CASE.views):
        done = refresher.refresh(view)
        assert (done.mode, done.rows, done.reason) == ("incremental", 0, "the sources have not changed")
    records = bank.rows("audit.feature_refreshes")
    assert sorted(row["view"] for row in records) == sorted(view.label for view in USE_CASE.views)
    spending = next(row for row in records if row["view"] == "spending")
    assert (spending["mode"], spending["rows"]) == ("full", CUSTOMERS * 6)
    assert json.loads(spending["sources"]) == {"clean.customers": 0, "clean.statements": 0}


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
    done = FeatureRefresher(open_environment("test", CONF)).refresh(USE_CASE.views[2])
    assert (done.mode, done.rows) == ("incremental", 0)
