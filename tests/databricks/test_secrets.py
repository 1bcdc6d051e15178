"""Secrets by reference: from the workspace on a runtime, from a variable elsewhere, and in no text that is shown."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from boathouse.databricks import secrets
from boathouse.databricks.secrets import SecretReference, read_secret
from boathouse.endpoints.keyed_hash import read_salt
from boathouse.environment import SECRETS, Environment, open_environment
from boathouse.errors import InferenceError, OptionError, SecretError
from boathouse.hooks.failures import describe_failure, redact
from boathouse.hooks.logs import SecretFilter
from boathouse.inference.scoring_run import _open_database
from boathouse.lifecycle.delivery import DeliveryFailedError, _read_part
from boathouse.lifecycle.policy import Webhook
from boathouse.rehearsal.workspace.answers import ServiceError
from tests.fixtures.rehearsed_workspace import JOBS, Rehearsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boathouse.inference.sql_output import SqlOutput

pytestmark = pytest.mark.platform
CONF = Path(__file__).parents[2] / "conf"
URL = "postgresql://feast:s3cret%21word@db.example.com/online"
STORE = SecretReference(name="online_store", scope="boathouse-prod", key="online-store", variable="NO_SUCH_STORE")


@pytest.fixture
def on_platform(deployed: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsed]:
    """Act as the jobs of prod on a runtime; what was read before counts no longer."""
    for variable in SECRETS.values():
        monkeypatch.delenv(variable, raising=False)
    deployed.act_as(JOBS, monkeypatch)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    monkeypatch.setattr(secrets, "_shown", set())
    secrets.forget_values()
    yield deployed
    secrets.forget_values()


def put(rehearsed: Rehearsed, key: str, value: str) -> None:
    rehearsed.client(JOBS).secrets.put_secret("boathouse-prod", key, string_value=value)


def test_the_workspace_is_asked_once(on_platform: Rehearsed) -> None:
    put(on_platform, "online-store", URL)
    assert [read_secret(STORE), read_secret(STORE)] == [URL, URL]
    assert on_platform.workspace.callers["secrets.get", JOBS] == 1


def test_a_variable_counts_before_the_workspace_and_alone_off_the_platform(
    on_platform: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(on_platform, "online-store", URL)
    monkeypatch.setenv("NO_SUCH_STORE", "sqlite:///mine.db")
    assert read_secret(STORE) == "sqlite:///mine.db"
    monkeypatch.delenv("NO_SUCH_STORE")
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION")
    assert read_secret(STORE) is None
    assert on_platform.workspace.calls["secrets.get"] == 0


def test_a_missing_key_names_secret_place_and_command(on_platform: Rehearsed) -> None:
    with pytest.raises(SecretError) as caught:
        read_secret(STORE)
    assert str(caught.value) == (
        "The secret 'online_store' (scope 'boathouse-prod', key 'online-store') is not in the workspace "
        "(Secret for scope boathouse-prod and key online-store does not exist.) "
        "Put it there: databricks secrets put-secret boathouse-prod online-store"
    )


def test_a_missing_scope_is_made_first(on_platform: Rehearsed) -> None:
    del on_platform.workspace.secrets.scopes["boathouse-prod"]
    with pytest.raises(SecretError, match="Scope boathouse-prod does not exist!.*create-scope boathouse-prod && "):
        read_secret(STORE)


def test_who_may_not_read_is_told_how(on_platform: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    put(on_platform, "online-store", URL)
    on_platform.workspace.secrets.scopes["boathouse-prod"].rights.clear()
    with pytest.raises(SecretError, match="may not be read.*put-acl boathouse-prod PRINCIPAL READ"):
        read_secret(STORE)


def test_a_workspace_that_fails_is_named_by_the_kind_of_failure(on_platform: Rehearsed) -> None:
    on_platform.workspace.refusals["secrets.get"] = ServiceError("INTERNAL_ERROR", "moving")
    with pytest.raises(SecretError, match="could not be read: InternalError"):
        read_secret(STORE)


def test_a_value_too_short_to_be_blanked_is_refused(on_platform: Rehearsed) -> None:
    put(on_platform, "online-store", "12345")
    with pytest.raises(SecretError, match="fewer than 6 characters") as caught:
        read_secret(STORE)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    "given", [{"scope": "a"}, {"key": "k"}, {"scope": "a b", "key": "k"}, {"scope": "a", "key": "k/1"}]
)
def test_half_a_reference_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="secrets.online_store"):
        SecretReference(name="online_store", **given)


def test_what_was_read_is_blanked_wherever_text_is_shown(
    on_platform: Rehearsed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(on_platform, "online-store", URL)
    value = read_secret(STORE)
    for text in (f"cannot connect to {value}", 'password "s3cret!word" refused', "s3cret%21word"):
        assert "s3cret" not in redact(text)
        assert "s3cret" not in describe_failure(ValueError(text), with_traceback=True)
    monkeypatch.setattr(caplog.handler, "filters", [SecretFilter()])
    logging.getLogger("driver").warning("no route to %s after %d tries", value, 3)
    assert [record.getMessage() for record in caplog.records] == ["no route to *** after 3 tries"]
    assert "s3cret" not in repr(STORE)


def test_the_salt_of_the_log_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOATHOUSE_LOG_SALT", "pepper-and-salt")
    assert redact("hashed with pepper-and-salt") == "hashed with ***"


# What the shipped configuration refers to


def open_prod() -> Environment:
    return open_environment("prod", CONF)


def test_shipped_conf_names_scope_and_key_and_holds_no_value() -> None:
    assert {name: open_prod().secret(name) for name in SECRETS} == {
        "online_store": SecretReference(
            name="online_store", scope="boathouse-prod", key="online-store", variable="BOATHOUSE_ONLINE_STORE"
        ),
        "log_salt": SecretReference(
            name="log_salt", scope="boathouse-prod", key="log-salt", variable="BOATHOUSE_LOG_SALT"
        ),
    }


def test_the_online_store_of_a_job_is_the_workspaces(on_platform: Rehearsed) -> None:
    with pytest.raises(SecretError, match="put-secret boathouse-prod online-store"):
        open_prod().online_store_url()
    put(on_platform, "online-store", "postgresql://feast:s3cret-word@db.example.com/{env}")
    assert open_prod().online_store_url() == "postgresql://feast:s3cret-word@db.example.com/prod"


def test_the_salt_of_the_log_is_the_workspaces(
    on_platform: Rehearsed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(on_platform, "log-salt", "pepper-and-salt")
    open_prod().provide_log_salt()
    given = read_salt(tmp_path)
    monkeypatch.setenv("BOATHOUSE_LOG_SALT", "pepper-and-salt")
    assert read_salt(tmp_path) == given
    assert not list(tmp_path.iterdir())


def test_a_database_of_scores_is_named_by_scope_and_key(
    on_platform: Rehearsed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(on_platform, "scores", f"sqlite:///{tmp_path}/scores.db")
    output = cast("SqlOutput", _open_database("secret:boathouse-prod/scores#answers"))
    assert output._url == f"sqlite:///{tmp_path}/scores.db"
    with pytest.raises(SecretError, match="key 'other'"):
        _open_database("secret:boathouse-prod/other#answers")
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION")
    with pytest.raises(InferenceError, match="read on a Databricks runtime alone.*env:NAME#table"):
        _open_database("secret:boathouse-prod/scores#answers")


def hook(**given: object) -> Webhook:
    return Webhook(**{"name": "desk", "kind": "http", "events": ["*"], **given})


BY_REFERENCE = {
    "url_secret": {"scope": "boathouse-prod", "key": "desk-url"},
    "signing_secret": {"scope": "boathouse-prod", "key": "desk-secret"},
}


def test_a_receiver_is_kept_by_reference(on_platform: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    put(on_platform, "desk-url", "https://desk.example.com/in")
    webhook = hook(**BY_REFERENCE)
    assert _read_part(webhook, "url") == "https://desk.example.com/in"
    with pytest.raises(DeliveryFailedError, match=r"webhooks.desk.signing.*put-secret boathouse-prod desk-secret"):
        _read_part(webhook, "signing")
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION")
    with pytest.raises(DeliveryFailedError, match="environment variable DESK_URL is not set"):
        _read_part(hook(url_variable="DESK_URL", **BY_REFERENCE), "url")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"url": "http://127.0.0.1/"}, "secret_variable or signing_secret"),
        ({"signing_secret": {"scope": "a", "key": "k"}}, "url or url_variable or url_secret"),
        ({**BY_REFERENCE, "url_secret": {"scope": "a"}}, "scope and key together"),
        ({**BY_REFERENCE, "url_secret": {"scope": "a", "key": "k", "value": "v"}}, "scope and key"),
    ],
)
def test_a_receiver_that_names_its_secrets_otherwise_is_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        hook(**given)
