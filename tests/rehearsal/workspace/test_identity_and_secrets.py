"""Who one is, and secrets by scope and key, asked by the platform's own client."""

from __future__ import annotations

import base64

import pytest
from databricks.sdk.errors import (
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    Unauthenticated,
)
from databricks.sdk.service.workspace import AclPermission

from tests.fixtures.rehearsed_workspace import ADMIN, DORA, JOBS, TOKENS, Rehearsed

pytestmark = pytest.mark.platform


def test_a_service_principal_is_its_application_id(rehearsed: Rehearsed) -> None:
    me = rehearsed.client(JOBS).current_user.me()
    assert (me.user_name, me.active) == (JOBS, True)
    assert [group.display for group in me.groups or ()] == ["jobs of prod", "users"]
    assert rehearsed.workspace.callers["identity.me", JOBS] == 1


def test_a_user_is_the_address_with_its_groups(rehearsed: Rehearsed) -> None:
    me = rehearsed.client(DORA).current_user.me()
    assert (me.user_name, [each.value for each in me.emails or ()]) == (DORA, [DORA])
    assert [group.display for group in me.groups or ()] == ["engineers", "users"]
    assert me.id != rehearsed.client(JOBS).current_user.me().id


def test_an_unknown_token_is_refused(rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOKENS, DORA, "dapi-unknown")
    with pytest.raises(Unauthenticated, match="Credential was not sent"):
        rehearsed.client(DORA).current_user.me()


def test_what_is_not_part_of_it_is_said(rehearsed: Rehearsed) -> None:
    with pytest.raises(NotFound, match="No API found for 'GET /api/2.1/clusters/list'"):
        list(rehearsed.client(ADMIN).clusters.list())


def test_a_value_comes_back_to_who_may_read_it(rehearsed: Rehearsed) -> None:
    owner = rehearsed.client(JOBS).secrets
    owner.create_scope("boathouse-prod")
    owner.put_secret("boathouse-prod", "log-salt", string_value="pèpper and salt")
    owner.put_secret("boathouse-prod", "key", bytes_value=base64.b64encode(b"\x00\xff").decode())
    found = owner.get_secret("boathouse-prod", "log-salt")
    assert base64.b64decode(found.value or "").decode() == "pèpper and salt"
    assert base64.b64decode(owner.get_secret("boathouse-prod", "key").value or "") == b"\x00\xff"
    assert [each.key for each in owner.list_secrets("boathouse-prod")] == ["key", "log-salt"]

    reader = rehearsed.client(DORA).secrets
    with pytest.raises(PermissionDenied, match="does not have READ permission on scope boathouse-prod"):
        reader.get_secret("boathouse-prod", "log-salt")
    owner.put_acl("boathouse-prod", "engineers", AclPermission.READ)
    assert reader.get_secret("boathouse-prod", "log-salt") == found
    with pytest.raises(PermissionDenied, match="does not have WRITE permission"):
        reader.put_secret("boathouse-prod", "log-salt", string_value="mine")


def test_missing_scopes_and_keys_are_told_apart(rehearsed: Rehearsed) -> None:
    secrets = rehearsed.client(JOBS).secrets
    with pytest.raises(NotFound, match="Scope boathouse-prod does not exist!"):
        secrets.get_secret("boathouse-prod", "log-salt")
    secrets.create_scope("boathouse-prod")
    with pytest.raises(NotFound, match="Secret for scope boathouse-prod and key log-salt does not exist"):
        secrets.get_secret("boathouse-prod", "log-salt")
    with pytest.raises(ResourceAlreadyExists):
        secrets.create_scope("boathouse-prod")
    with pytest.raises(InvalidParameterValue, match="Missing required field: key"):
        secrets.get_secret("boathouse-prod", "")
