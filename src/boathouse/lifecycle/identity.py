"""Who acts: asked of the platform on Databricks, of the operating system elsewhere, or declared."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from boathouse.errors import IdentityError
from boathouse.lifecycle.policy import Claims, Identity, choose_identity, is_on_platform

if TYPE_CHECKING:
    from boathouse.environment import Environment

# The name that a person declares for this process, which --as of a command sets.
DECLARED_VARIABLE = "BOATHOUSE_USER"


def read_identity() -> Identity:
    """Return who acts.

    Raises:
        IdentityError: If the platform does not say.
    """
    return choose_identity(read_claims())


def identify(environment: Environment) -> Identity:  # noqa: ARG001 - the same in every environment; its rules differ
    """Return who acts in ``environment``.

    Raises:
        IdentityError: If the platform does not say.
    """
    return read_identity()


def read_claims() -> Claims:
    """Return what is known of the person or service that runs this process.

    Raises:
        IdentityError: If this is Databricks and it gives no name; the account of the system means nothing there.
    """
    return Claims(
        platform=_ask_platform() if is_on_platform() else None,
        system=read_account(),
        declared=os.environ.get(DECLARED_VARIABLE) or None,
    )


def read_account() -> str:
    """Return the account that this process runs under, by the operating system, or ``uid:1234`` for one without name.

    Environment variables (``LOGNAME``, ``USER``) have no part in it: anybody can set them.
    """
    uid = os.geteuid()
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


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
