"""Who is at work, asked of a stand-in for the platform and of the system."""

from __future__ import annotations

import getpass
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


def test_outside_the_platform_it_is_the_system_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setenv("BOATHOUSE_USER", "vera")
    assert read_identity() == Identity(getpass.getuser(), "system")
    assert read_identity(trust_environment_user=True) == Identity("vera", "system")


def test_on_the_platform_it_is_whom_the_platform_names(
    platform: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform(lambda: SimpleNamespace(user_name="ann@bank.example"))
    monkeypatch.setenv("BOATHOUSE_USER", "vera")
    assert read_identity(trust_environment_user=True) == Identity("ann@bank.example", "platform")
    assert ClaimsDataset().load().platform == "ann@bank.example"


@pytest.mark.parametrize("me", [lambda: SimpleNamespace(user_name=None), lambda: 1 / 0], ids=["nobody", "error"])
def test_a_platform_that_does_not_say_stops_the_step(platform: Callable[[Any], None], me: Any) -> None:
    platform(me)
    with pytest.raises(IdentityError, match="did not say who this is"):
        read_identity()


def test_an_identity_cannot_be_saved() -> None:
    with pytest.raises(Exception, match="cannot be saved"):
        ClaimsDataset().save("x")
