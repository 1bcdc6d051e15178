"""Who is at work, asked of a stand-in for the platform and of the system."""

from __future__ import annotations

import os
import pwd
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import IdentityError
from boathouse.lifecycle.datasets import ClaimsDataset
from boathouse.lifecycle.identity import read_identity
from boathouse.lifecycle.policy import Identity

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return what makes this Databricks, where ``current_user.me()`` does what is given."""

    def make(me: Any) -> None:
        sdk = ModuleType("databricks.sdk")
        sdk.WorkspaceClient = lambda: SimpleNamespace(current_user=SimpleNamespace(me=me))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "databricks.sdk", sdk)
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")

    return make


ACCOUNT = pwd.getpwuid(os.geteuid()).pw_name


@pytest.mark.parametrize("variable", ["LOGNAME", "USER", "LNAME", "USERNAME"])
def test_outside_the_platform_it_is_the_account_whatever_variables_say(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.delenv("BOATHOUSE_USER", raising=False)
    monkeypatch.setenv(variable, "maria")
    assert read_identity() == Identity(ACCOUNT, "system")


def test_a_name_from_the_environment_is_a_declared_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setenv("BOATHOUSE_USER", "vera")
    assert read_identity() == Identity("vera", "declared", ACCOUNT)


def test_an_account_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOATHOUSE_USER", raising=False)
    monkeypatch.setattr("boathouse.lifecycle.identity.os.geteuid", lambda: 987654321)
    assert read_identity() == Identity("uid:987654321", "system")


def test_on_the_platform_it_is_whom_the_platform_names(
    platform: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform(lambda: SimpleNamespace(user_name="ann@bank.example"))
    monkeypatch.setenv("BOATHOUSE_USER", "vera")
    assert read_identity() == Identity("ann@bank.example", "platform")
    assert ClaimsDataset().load().platform == "ann@bank.example"


@pytest.mark.parametrize("me", [lambda: SimpleNamespace(user_name=None), lambda: 1 / 0], ids=["nobody", "error"])
def test_a_platform_that_does_not_say_stops_the_step(platform: Callable[[Any], None], me: Any) -> None:
    platform(me)
    with pytest.raises(IdentityError, match="did not say who this is"):
        read_identity()


def test_an_identity_cannot_be_saved() -> None:
    with pytest.raises(Exception, match="cannot be saved"):
        ClaimsDataset().save("x")
