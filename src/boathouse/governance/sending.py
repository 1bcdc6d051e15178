"""One attempt to tell somebody: an HTTP call, a program, or a job of the platform."""

from __future__ import annotations

import http.client
import os
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from boathouse.core.promotion.messages import sign_body

if TYPE_CHECKING:
    from datetime import datetime

    from boathouse.core.promotion.messages import Message
    from boathouse.core.promotion.policy import Webhook

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DeliveryFailedError(Exception):
    """A receiver did not take a message; says why, without address or secret."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed message goes where conf says, not where a receiver points."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - the base class has no types
        """Follow nothing."""


def send(message: Message, webhook: Webhook, *, now: datetime) -> None:
    """Make one attempt.

    Raises:
        DeliveryFailedError: If the message was not taken, or the configuration does not allow to send it.
    """
    {"http": _call, "command": _run, "databricks_job": _run_job}[webhook.kind](message, webhook, now)


def _call(message: Message, webhook: Webhook, now: datetime) -> None:
    timestamp = str(int(now.timestamp()))
    secret = _read_variable(str(webhook.secret_variable))
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        _find_address(webhook),
        data=message.body.encode(),
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": "boathouse-webhook",
            "X-Boathouse-Event": message.event,
            "X-Boathouse-Delivery": message.message_id,
            "X-Boathouse-Timestamp": timestamp,
            "X-Boathouse-Signature": sign_body(secret, timestamp, message.body),
        },
    )
    is_local = urlsplit(request.full_url).hostname in _LOOPBACK
    proxies = [urllib.request.ProxyHandler({})] if is_local else []
    try:
        with urllib.request.build_opener(_NoRedirect, *proxies).open(request, timeout=webhook.timeout_s) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        raise DeliveryFailedError(f"status {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DeliveryFailedError(_name_fault(error)) from error


def _name_fault(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return type(reason).__name__ if isinstance(reason, Exception) else type(error).__name__


def _find_address(webhook: Webhook) -> str:
    """Return the address: on this machine, or from the environment and then over TLS.

    Raises:
        DeliveryFailedError: If it is neither.
    """
    address = _read_variable(webhook.url_variable) if webhook.url_variable else str(webhook.url)
    parts = urlsplit(address)
    if parts.scheme == "https" and webhook.url_variable:
        return address
    if parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK:
        return address
    raise DeliveryFailedError("the address has to be https from url_variable, or on this machine")


def _run(message: Message, webhook: Webhook, now: datetime) -> None:  # noqa: ARG001 - one signature for all
    environment = {
        **os.environ,
        "BOATHOUSE_EVENT": message.event,
        "BOATHOUSE_DELIVERY": message.message_id,
    }
    try:
        done = subprocess.run(  # noqa: S603 - the words stand in conf, the message goes to standard input
            list(webhook.command),
            input=message.body.encode(),
            env=environment,
            timeout=webhook.timeout_s,
            capture_output=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeliveryFailedError(type(error).__name__) from error
    if done.returncode:
        raise DeliveryFailedError(f"exit code {done.returncode}")


def _run_job(message: Message, webhook: Webhook, now: datetime) -> None:  # noqa: ARG001 - one signature for all
    """Run a job of the platform; the token makes a repeated attempt the same run."""
    from databricks.sdk import WorkspaceClient

    try:
        WorkspaceClient().jobs.run_now(
            job_id=int(_read_variable(str(webhook.job_variable))),
            idempotency_token=message.message_id,
            job_parameters={"event": message.event, "message": message.body},
        )
    except DeliveryFailedError:
        raise
    except Exception as error:  # the SDK's own errors, the network's, a number that is none
        raise DeliveryFailedError(type(error).__name__) from error


def _read_variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise DeliveryFailedError(f"environment variable {name} is not set")
    return value
