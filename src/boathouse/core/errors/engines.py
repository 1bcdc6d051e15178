"""Errors of the engines."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.core.errors.base import BoathouseError


class EngineError(BoathouseError):
    """An engine cannot start or does not offer what was asked of it."""

    @classmethod
    def not_installed(cls, engine: str, what: str, command: str) -> EngineError:
        """Name the engine, what it lacks and the command that installs it."""
        return cls(f"The engine '{engine}' cannot start: {what} is missing. Install it: {command}.")

    @classmethod
    def one_per_process(cls, engine: str, running: Iterable[str]) -> EngineError:
        """Say that classic Spark and Spark Connect exclude each other in one process."""
        return cls(
            f"The engine '{engine}' cannot start beside '{', '.join(running)}': a process has classic Spark or "
            "Spark Connect, not both. Stop the other engine and use a new process."
        )

    @classmethod
    def start_failed(cls, engine: str, log: str, command: str) -> EngineError:
        """Name the engine, the log that tells why and what usually helps."""
        return cls(f"The engine '{engine}' did not start; its log is {log}. If jars are missing: {command}.")

    @classmethod
    def jars_missing(cls, folder: str) -> EngineError:
        """Name the folder in which the jars were expected."""
        return cls(f"Delta's jars are not in {folder}. Fetch them: make jars (needs Maven Central once).")

    @classmethod
    def no_workspace(cls) -> EngineError:
        """Say how the engine learns which workspace to use."""
        return cls(
            "The engine 'databricks' does not know a workspace. Set DATABRICKS_HOST or DATABRICKS_CONFIG_PROFILE, "
            "or choose a local engine: BOATHOUSE_ENGINE=sail."
        )

    @classmethod
    def no_credentials(cls, variables: str) -> EngineError:
        """Name the variables that would authenticate, never their values."""
        return cls(f"DATABRICKS_HOST is set but no credentials are. Set {variables}; no local session is used instead.")

    @classmethod
    def workspace_unreachable(cls, reason: str) -> EngineError:
        """Give the kind of error that the platform's client raised."""
        return cls(
            f"Databricks Connect could not open a session ({reason}). Check host, credentials and cluster; "
            "no local session is used instead."
        )
