"""Secrets: conf names scope and key, the workspace keeps the value; off the platform an environment variable does.

A value that was read is remembered for this process alone, so that it can be blanked wherever text is shown.
"""

from __future__ import annotations

import base64
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from boathouse.databricks.inspection import open_workspace
from boathouse.errors import OptionError, SecretError

# What the platform allows in names of scopes and keys.
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
# A shorter one could not be blanked in texts without blanking ordinary words.
SHORTEST = 6


@dataclass(frozen=True, kw_only=True)
class SecretReference:
    """Where a secret is kept; never what it is.

    Attributes:
        name: What it is for, as messages call it.
        scope: Scope in the workspace; empty if only the variable counts.
        key: Key in the scope.
        variable: Environment variable, which counts before the workspace; empty for none.
    """

    name: str
    scope: str = ""
    key: str = ""
    variable: str = ""

    def __post_init__(self) -> None:
        """Check that scope and key are given together, as names that the platform allows."""
        for part, value in (("scope", self.scope), ("key", self.key)):
            if value and not _NAME.fullmatch(value):
                raise OptionError.out_of_range(
                    f"secrets.{self.name}.{part}", value, "1 to 128 letters, digits and _ . @ -"
                )
        if bool(self.scope) != bool(self.key):
            raise OptionError.out_of_range(f"secrets.{self.name}", self.scope or self.key, "scope and key together")

    @property
    def put_command(self) -> str:
        """The command that puts the value into its scope; it asks for the value, so that no shell history has it."""
        return f"databricks secrets put-secret {self.scope} {self.key}"


def refer_to_secret(name: str, given: Mapping[str, Any], *, names: tuple[str, str], variable: str) -> SecretReference:
    """Return where a secret is kept, as ``globals.secrets`` of conf has it.

    Args:
        name: What it is for.
        given: ``scope`` and ``key``; ``{env}`` and ``{schema_prefix}`` in the scope are filled in.
        names: Environment and schema prefix.
        variable: Environment variable that goes before.

    Raises:
        OptionError: If conf names it in another form than scope and key.
    """
    scope, key = (str(given.get(part) or "") for part in ("scope", "key"))
    scope = scope.replace("{env}", names[0]).replace("{schema_prefix}", names[1])
    return SecretReference(name=name, scope=scope, key=key, variable=variable)


_values: dict[SecretReference, str] = {}
_shown: set[str] = set()
_lock = threading.Lock()


def read_secret(reference: SecretReference) -> str | None:
    """Return the value: of the variable if it is set, else of the workspace on a Databricks runtime.

    Returns:
        None if there is no variable and this is no runtime, or no scope is named.

    Raises:
        SecretError: If the workspace has no such secret, refuses it, or does not answer.
    """
    given = os.environ.get(reference.variable) if reference.variable else None
    if given:
        _remember(given)
        return given
    if not reference.scope or not os.environ.get("DATABRICKS_RUNTIME_VERSION"):
        return None
    with _lock:
        if reference not in _values:
            _values[reference] = _ask_workspace(reference)
    return _values[reference]


def known_values() -> frozenset[str]:
    """Return the secrets that this process has read: what must be in no text that is shown or kept."""
    return frozenset(_shown)


def forget_values() -> None:
    """Ask again for what was read; what is blanked stays so."""
    with _lock:
        _values.clear()


def _remember(value: str) -> None:
    """Have the value blanked, and the password in it if it is a URL: a driver may name that alone."""
    parts = {value}
    if "://" in value:
        try:
            password = urlsplit(value).password
        except ValueError:
            password = None
        parts |= {password, unquote(password)} if password else set()
    _shown.update(part for part in parts if len(part) >= SHORTEST)


def _ask_workspace(reference: SecretReference) -> str:
    from databricks.sdk.errors import NotFound, PermissionDenied
    from databricks.sdk.errors.base import DatabricksError

    try:
        found = open_workspace().secrets.get_secret(reference.scope, reference.key)
        value = base64.b64decode(found.value or "").decode()
    except NotFound as error:
        raise SecretError.missing(reference, str(error)) from error
    except PermissionDenied as error:
        raise SecretError.denied(reference, str(error)) from error
    except (DatabricksError, OSError, TimeoutError, ValueError) as error:
        # Text of a value that is no text could be quoted by the decoder's own message.
        cause = None if isinstance(error, UnicodeDecodeError) else error
        raise SecretError.not_answered(reference, type(error).__name__) from cause
    if len(value) < SHORTEST:
        raise SecretError.too_short(reference, SHORTEST)
    _remember(value)
    return value
