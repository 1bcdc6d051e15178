"""Who is at work: asked of the platform on Databricks, of the system elsewhere."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Any

from kedro.io.core import AbstractDataset

from boathouse.errors import IdentityError
from boathouse.lifecycle.policy import Claims, Identity, choose_identity

if TYPE_CHECKING:
    from boathouse.environment import Environment


def read_identity(*, trust_environment_user: bool = False) -> Identity:
    """Return who acts.

    Args:
        trust_environment_user: Whether ``BOATHOUSE_USER`` counts outside Databricks (``governance`` in conf).

    Raises:
        IdentityError: If the platform does not say.
    """
    return choose_identity(read_claims(), trust_environment_user=trust_environment_user)


def identify(environment: Environment) -> Identity:
    """Return who acts in ``environment``, by the rules of its conf.

    Raises:
        IdentityError: If the platform does not say.
    """
    rules = environment.section("parameters")["governance"]
    return read_identity(trust_environment_user=bool(rules["trust_environment_user"]))


def read_claims() -> Claims:
    """Return what the runtime_environment say.

    Raises:
        IdentityError: If this is Databricks and it does not say; the system user means nothing there.
    """
    on_platform = "DATABRICKS_RUNTIME_VERSION" in os.environ
    return Claims(
        platform=_ask_platform() if on_platform else None,
        system=getpass.getuser(),
        environment=os.environ.get("BOATHOUSE_USER") or None,
    )


def _ask_platform() -> str:
    try:
        from databricks.sdk import WorkspaceClient

        name = WorkspaceClient().current_user.me().user_name
    except Exception as error:  # whatever keeps the platform from answering, a name must not be made up
        raise IdentityError.platform_silent(type(error).__name__) from error
    if not name:
        raise IdentityError.platform_silent("no name")
    return str(name)


class ClaimsDataset(AbstractDataset[Any, Any]):
    """The catalog's way to :func:`read_claims`: pipelines import no adapters."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Ask nothing yet."""
        self.metadata = metadata

    def load(self) -> Claims:
        """Return what the runtime_environment say now."""
        return read_claims()

    def save(self, data: object) -> None:  # noqa: ARG002 - the signature of datasets
        """Refuse: who acts is not a thing to be stored."""
        raise IdentityError.platform_silent("an identity cannot be saved")

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"of": "whoever runs this"}
