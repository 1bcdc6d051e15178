"""boathouse tokens, and what boathouse serve refuses before it starts."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import cli
from boathouse.cli.serve import is_loopback
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--env", "test", "--conf-source", str(CONF)])


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(data: Path) -> None:
    made = invoke("tokens", "create", "job", "--scope", "query", "--scope", "manage")
    public, secret = made.output.strip().split("_", 2)[1:]
    shown = invoke("tokens", "list").output
    assert f"job  {public}  manage,query" in shown
    assert secret not in shown
    assert secret not in (data / "tokens_test.json").read_text(encoding="utf-8")
    assert invoke("tokens", "revoke", "job").output == f"Revoked: job ({public})\n"
    assert invoke("tokens", "list").output == "There are no tokens in test.\n"


def test_what_cannot_be_done_is_an_error_with_its_reason() -> None:
    refused = invoke("tokens", "revoke", "job")
    assert (refused.exit_code, refused.stderr) == (1, "Error: There is no token 'job'. Known: none.\n")
    assert invoke("tokens", "create", "job", "--scope", "all").exit_code == 2
    assert "Unknown environment" in CliRunner().invoke(cli, ["tokens", "list", "--env", "nowhere"]).stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "boathouse tokens create NAME --scope query --env test"),  # noqa: S104 - refused
        (["--endpoint", "nobody"], "There is no endpoint 'nobody'. Known: missed_payment."),
        (["--ssl-certfile", __file__], "TLS needs both"),
    ],
)
def test_a_server_that_cannot_start_gives_the_reason(options: list[str], message: str) -> None:
    refused = invoke("serve", *options)
    assert refused.exit_code == 1
    assert message in refused.stderr


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port} cannot be listened on" in invoke("serve", "--port", str(port)).stderr


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("", False)],  # noqa: S104
)
def test_only_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
