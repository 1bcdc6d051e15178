"""The platform's SQL, letter by letter; no engine here can run it."""

from __future__ import annotations

from dataclasses import replace

from boathouse.tables.contract import Column, TableContract, documentation_digest, documentation_statements

CONTRACT = TableContract(
    name="features.profile",
    description="A boat's profile",
    grain="one row per boat and day",
    columns=(
        Column(name="boat_id", dtype="bigint", description="Number."),
        Column(name="observed_on", dtype="date", description="Known on."),
        Column(name="age", dtype="double", description="Age.", unit="years", nullable=True),
    ),
    keys=("boat_id", "observed_on"),
    time_column="observed_on",
)


def test_comments_keys_and_the_digest_last() -> None:
    """A time column among the keys is a TIMESERIES."""
    assert documentation_statements(CONTRACT, "`e`.`s`.`t`") == (
        "COMMENT ON TABLE `e`.`s`.`t` IS 'A boat\\'s profile. Grain: one row per boat and day.'",
        "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `boat_id` COMMENT 'Number.'",
        "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `observed_on` COMMENT 'Known on.'",
        "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `age` COMMENT 'Age. Unit: years.'",
        "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `boat_id` SET NOT NULL",
        "ALTER TABLE `e`.`s`.`t` ALTER COLUMN `observed_on` SET NOT NULL",
        "ALTER TABLE `e`.`s`.`t` DROP PRIMARY KEY IF EXISTS",
        (
            "ALTER TABLE `e`.`s`.`t` ADD CONSTRAINT `features_profile_pk` "
            "PRIMARY KEY (`boat_id`, `observed_on` TIMESERIES)"
        ),
        f"ALTER TABLE `e`.`s`.`t` SET TBLPROPERTIES ('boathouse.contract' = '{documentation_digest(CONTRACT)}')",
    )


def test_a_table_without_keys_gets_no_constraint() -> None:
    """Raw tables have none."""
    statements = documentation_statements(replace(CONTRACT, keys=()), "t")
    assert not [statement for statement in statements if "PRIMARY" in statement]


def test_the_digest_changes_with_the_contract() -> None:
    """It is the same for the same contract in every process."""
    assert documentation_digest(CONTRACT) == documentation_digest(replace(CONTRACT))
    assert documentation_digest(CONTRACT) != documentation_digest(replace(CONTRACT, description="Other"))
