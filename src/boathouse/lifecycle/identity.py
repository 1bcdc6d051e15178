"""Who acts: asked of the platform on Databricks, of the operating system elsewhere."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

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
    """Return what is known of the person or service that runs this process.

    Raises:
        IdentityError: If this is Databricks and it gives no name; the system user means nothing there.
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
        raise _no_identity(type(error).__name__) from error
    if not name:
        raise _no_identity("no name")
    return str(name)


def _no_identity(reason: str) -> IdentityError:
    return IdentityError(
        f"The platform did not say who this is ({reason}). Nothing was changed: a step without a name is "
        "not recorded. Check that the job's identity may call the workspace, then run again."
    )
