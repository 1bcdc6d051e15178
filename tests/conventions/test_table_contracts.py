"""Contracts describe every column and give every number its unit."""

from __future__ import annotations

from boathouse.pipelines.table_dataset import known_contracts
from boathouse.tables.contract import Column, TableContract
from tests.conventions import table_contracts as conventions

# Numbers without a unit, by the reason why they have none.
WITHOUT_UNIT = {
    "effects and divergences, and versions": (
        *("effect", "effect_low", "effect_high", "null_effect", "null_effect_low", "kl_divergence", "superiority"),
        *("monitor_version", "logging_table_commit_version"),
    ),
    "in the unit of the column described": ("std_delta", "avg", "min", "max", "stddev", "median"),
    "a code or a name made of digits": (
        "customer_id",
        "education",
        "marriage",
        "pay_status",
        "sex",
        "split_seed",
        "status_code",
    ),
    "a probability or a share, from 0 to 1": (
        "decision_rate",
        "mean_probability",
        "observed_rate",
        "precision",
        "probability",
        "recall",
    ),
    "a score that is defined without a unit": (
        *("brier", "brier_high", "brier_low", "log_loss", "roc_auc", "roc_auc_high", "roc_auc_low"),
        *("js_distance", "l_infinity_distance", "population_stability_index", "tv_distance"),
    ),
    "in the unit of the column or metric that the row is about": (
        *("avg_delta", "wasserstein_distance"),
        *("high", "limit", "low", "score", "value"),
    ),
}

AMOUNT = Column(name="amount", dtype="double", description="Paid.", unit="NT$")
SHARE = Column(name="share", dtype="double", description="Of all.")
CODE = Column(name="code", dtype="int", description="Kind.", allowed=(0, 1))
KEY = Column(name="row_id", dtype="bigint", description="Row.")
BARE = Column(name="bare", dtype="string", description=" ")


def table(*columns: Column, description: str = "Rows.") -> TableContract:
    return TableContract(
        name="clean.rows", description=description, grain="one row per row", columns=columns, keys=("row_id",)
    )


def test_contracts_describe_every_column() -> None:
    assert conventions.find_undescribed(known_contracts().values()) == []


def test_missing_descriptions_are_found() -> None:
    found = conventions.find_undescribed([table(AMOUNT, BARE, description="")])
    assert found == ["clean.rows: no description", "clean.rows.bare"]


def test_every_number_has_a_unit() -> None:
    without = {name for names in WITHOUT_UNIT.values() for name in names}
    assert conventions.find_unitless(known_contracts().values(), without) == []


def test_number_without_unit_is_found() -> None:
    found = conventions.find_unitless([table(AMOUNT, SHARE, CODE, KEY)], ["other"])
    assert found == ["clean.rows.share"]
    assert conventions.find_unitless([table(SHARE)], ["share"]) == []
