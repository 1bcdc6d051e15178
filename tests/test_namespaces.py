"""Whose a name is: catalog and schema prefix of each environment that is open."""

from __future__ import annotations

import pytest

from boathouse import namespaces
from boathouse.namespaces import Namespace, declare, find_namespace, is_table, name_environment, namespace_of, shorten


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with two environments in one catalog, one of two people in it, and one that has the default."""
    monkeypatch.setattr(namespaces, "_declared", {})
    declare(Namespace("dev", "bank", "dev_"))
    declare(Namespace("qa", "bank", "dev_alice_"))
    declare(Namespace("prod", "prod"))


@pytest.mark.parametrize(
    ("name", "environment", "short"),
    [
        ("bank.dev_raw.rows", "dev", "raw.rows"),
        ("bank.dev_alice_raw.rows", "qa", "raw.rows"),
        ("prod.models.late", "prod", "models.late"),
        ("prod.sales_raw.rows", "prod", "sales_raw.rows"),
        ("elsewhere.raw.rows", "elsewhere", "raw.rows"),
        ("bank.raw.rows", "qa", "raw.rows"),
    ],
)
def test_a_name_belongs_to_the_longest_prefix_of_its_catalog(name: str, environment: str, short: str) -> None:
    assert (name_environment(name), shorten(name)) == (environment, short)


def test_a_full_name_is_made_and_taken_apart_again() -> None:
    own = namespace_of("dev")
    assert own.full_name("raw.rows") == "bank.dev_raw.rows"
    assert own.shorten("bank.dev_raw.rows") == "raw.rows"
    assert [own.holds(each) for each in ("bank.dev_raw.rows", "bank.raw.rows", "prod.dev_raw.rows")] == [
        True,
        False,
        False,
    ]


def test_the_last_declaration_of_an_environment_holds() -> None:
    declare(Namespace("prod", "ml_prod"))
    assert namespace_of("prod") == Namespace("prod", "ml_prod")
    assert find_namespace("prod.models.late").environment == "prod", "by default a catalog has its environment's name"
    assert namespace_of("staging") == Namespace("staging", "staging")


@pytest.mark.parametrize(
    ("own", "label", "owner"),
    [
        (Namespace("dev", "dev"), "dev", "dev"),
        (Namespace("dev", "bank"), "dev", "bank"),
        (Namespace("dev", "dev", "dev_alice_"), "dev-dev_alice", "dev.dev_alice"),
        (Namespace("dev", "dev", "dev_alice__"), "dev-dev_alice_", "dev.dev_alice_"),
    ],
)
def test_files_are_told_apart_by_prefix_and_stores_by_catalog_too(own: Namespace, label: str, owner: str) -> None:
    assert (own.label, own.owner) == (label, owner)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dev.model_input.training_set", True),
        ("dev.dev_bob_model_input.training_set", True),
        ("dev.model_input.training_set_quarantine", False),
        ("dev.othermodel_input.training_set", False),
        ("dev.raw.training_set", False),
    ],
)
def test_a_table_is_known_by_its_short_name_whatever_the_prefix(name: str, found: bool) -> None:
    assert is_table(name, "model_input.training_set") is found
