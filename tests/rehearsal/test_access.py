"""Who may do what: inheritance, ownership, groups, and the sentence of a refusal."""

from __future__ import annotations

import pytest

from boathouse.rehearsal.access import Access

RESOURCES = {
    "schemas": {
        "raw": {
            "catalog_name": "prod",
            "name": "dev_dora_raw",
            "grants": [{"principal": "readers", "privileges": ["USE SCHEMA", "SELECT"]}],
        }
    },
    "volumes": {
        "landing": {
            "catalog_name": "prod",
            "schema_name": "dev_dora_raw",
            "name": "landing",
            "grants": [{"principal": "readers", "privileges": ["READ_VOLUME"]}],
        }
    },
    "registered_models": {"late": {"catalog_name": "prod", "schema_name": "models", "name": "late"}},
}


@pytest.fixture
def access() -> Access:
    found = Access()
    found.add_service_principal("jobs", "t1")
    found.add_user("rita", "t2", groups=["readers"])
    found.add_user("root", "t3", is_administrator=True)
    found.grant("account users", "prod", "USE CATALOG")
    found.load_resources(RESOURCES, owner="jobs")
    return found


def test_a_token_is_one_principals(access: Access) -> None:
    assert [access.principal_of(token) for token in ("t1", "t2", "t4")] == ["jobs", "rita", None]
    assert "t1" not in repr(access.principal("jobs"))


@pytest.mark.parametrize(
    ("principal", "privilege", "securable", "expected"),
    [
        ("rita", "SELECT", "prod.dev_dora_raw.orders", True),
        ("rita", "MODIFY", "prod.dev_dora_raw.orders", False),
        ("rita", "READ_VOLUME", "prod.dev_dora_raw.landing", True),
        ("rita", "WRITE_VOLUME", "prod.dev_dora_raw.landing", False),
        ("rita", "EXECUTE", "prod.models.late", False),
        ("jobs", "CREATE_TABLE", "prod.dev_dora_raw", True),
        ("jobs", "WRITE_VOLUME", "prod.dev_dora_raw.landing", True),
        # Who owns a schema owns not what others have made in it.
        ("jobs", "SELECT", "prod.dev_dora_raw.of_another", False),
        ("root", "MANAGE", "prod.models.late", True),
        ("unknown", "SELECT", "prod.dev_dora_raw.orders", False),
    ],
)
def test_rights_come_from_grants_above_and_from_ownership(
    access: Access, principal: str, privilege: str, securable: str, expected: bool
) -> None:
    assert access.may(principal, privilege, securable) is expected


def test_the_use_of_catalog_and_schema_is_needed_besides(access: Access) -> None:
    access.grant("rita", "dev.raw.orders", "SELECT")
    sentences = ("USE CATALOG on Catalog 'dev'.", "USE SCHEMA on Schema 'dev.raw'.")
    expected = [*(f"User does not have {sentence}" for sentence in sentences), None]
    for sentence, (securable, privilege) in zip(
        expected, [("dev", "USE CATALOG"), ("dev.raw", "USE SCHEMA"), ("", "")], strict=True
    ):
        assert access.refusal("rita", "SELECT", "dev.raw.orders") == sentence
        access.grant("rita", securable, privilege)
    access.revoke("rita", "dev.raw.orders", "SELECT")
    assert access.refusal("rita", "SELECT", "dev.raw.orders") == (
        "User does not have SELECT on Table 'dev.raw.orders'."
    )


def test_all_privileges_are_not_the_right_to_manage(access: Access) -> None:
    access.grant("rita", "prod", "ALL PRIVILEGES")
    assert access.may("rita", "CREATE_MODEL_VERSION", "prod.models.late")
    assert access.refusal("rita", "MANAGE", "prod.models.late") == (
        "User does not have MANAGE on Routine or Model 'prod.models.late'."
    )
