"""Errors of secrets: which one, where it belongs, and the command that puts it there; never its value."""

from __future__ import annotations

from typing import Protocol

from boathouse.errors.base import BoathouseError


class Reference(Protocol):
    """Where a secret is kept."""

    @property
    def name(self) -> str:
        """What it is for."""

    @property
    def scope(self) -> str:
        """Scope in the workspace."""

    @property
    def key(self) -> str:
        """Key in the scope."""

    @property
    def put_command(self) -> str:
        """The command that puts the value there."""


class SecretError(BoathouseError):
    """A secret that conf refers to cannot be read.

    Attributes:
        is_missing: Whether the workspace answered that it has no such secret.
    """

    is_missing = False

    @classmethod
    def missing(cls, reference: Reference, said: str) -> SecretError:
        """Name the secret, what the workspace said, and the commands that make scope and value."""
        is_scope = said.lower().startswith("scope")
        create = f"databricks secrets create-scope {reference.scope} && " if is_scope else ""
        text = f"{_say(reference)} is not in the workspace ({said}) Put it there: {create}{reference.put_command}"
        error = cls(text)
        error.is_missing = True
        return error

    @classmethod
    def denied(cls, reference: Reference, said: str) -> SecretError:
        """Name the secret, what the workspace said, and the command that lets who runs this read it."""
        return cls(
            f"{_say(reference)} may not be read by who runs this ({said}). Let it: "
            f"databricks secrets put-acl {reference.scope} PRINCIPAL READ"
        )

    @classmethod
    def not_answered(cls, reference: Reference, reason: str) -> SecretError:
        """Name the secret, and the kind of failure."""
        return cls(
            f"{_say(reference)} could not be read: {reason}. Check that the workspace can be reached from here and "
            "that the job's identity may call it."
        )

    @classmethod
    def too_short(cls, reference: Reference, shortest: int) -> SecretError:
        """Name the secret and how long one has to be."""
        return cls(
            f"{_say(reference)} has fewer than {shortest} characters: too few to be a secret. Put another value: "
            f"{reference.put_command}"
        )


def _say(reference: Reference) -> str:
    return f"The secret '{reference.name}' (scope '{reference.scope}', key '{reference.key}')"
