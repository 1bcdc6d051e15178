"""Errors of the deployment pattern: something is done in an environment that has another part to play."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class DeploymentError(BoathouseError):
    """The environment's deployment pattern does not allow this."""

    @classmethod
    def no_training(cls, environment: str, pattern: str, source: str, commands: Iterable[str]) -> DeploymentError:
        """Name the environment, its pattern, where its versions come from, and the commands to use instead."""
        listed = "\n".join(f"  {command}" for command in commands)
        return cls(
            f"Environment '{environment}' does not train: its deployment pattern is '{pattern}' (deployment.pattern in "
            f"globals.yml), so its versions come from '{source}'. Nothing has run. Instead:\n{listed}"
        )

    @classmethod
    def wrong_source(cls, environment: str, pattern: str, wanted: str, source: str) -> DeploymentError:
        """Name the environment, where its versions come from, and where this one would have come from."""
        return cls(
            f"Environment '{environment}' takes versions from '{source}' (deployment.pattern '{pattern}'), not from "
            f"'{wanted}'. Copy it to '{source}' first, have it judged there, and copy it on from there."
        )
