"""Errors of simulating a book: a source that cannot be resampled, a folder that cannot be written."""

from __future__ import annotations

from boathouse.errors.base import BoathouseError


class SimulationError(BoathouseError):
    """A book cannot be simulated as asked."""

    @classmethod
    def not_written(cls, folder: str, reason: str) -> SimulationError:
        """Name the folder and the system's reason."""
        return cls(f"{folder} cannot be written: {reason}. Nothing was left behind.")
