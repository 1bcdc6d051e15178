"""Errors of the engines."""

from __future__ import annotations

from boathouse.errors.base import BoathouseError


class EngineError(BoathouseError):
    """An engine cannot start or does not offer what was asked of it."""

    @classmethod
    def not_installed(cls, engine: str, what: str, command: str) -> EngineError:
        """Name the engine, what it lacks and the command that installs it."""
        return cls(f"The engine '{engine}' cannot start: {what} is missing. Install it: {command}.")
