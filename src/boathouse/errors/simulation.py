"""Errors of simulating and of replaying a book: what cannot be resampled, played or written."""

from __future__ import annotations

from boathouse.errors.base import BoathouseError


class SimulationError(BoathouseError):
    """A book cannot be simulated as asked."""

    @classmethod
    def not_written(cls, folder: str, reason: str) -> SimulationError:
        """Name the folder and the system's reason."""
        return cls(f"{folder} cannot be written: {reason}. Nothing was left behind.")


class ReplayError(BoathouseError):
    """A book cannot be played month by month as asked."""

    @classmethod
    def foreign_folder(cls, folder: str, found: str) -> ReplayError:
        """Name the folder and what it holds."""
        return cls(
            f"{folder} is not of a replay: it holds {found}. A replay makes a data folder of its own and never "
            "writes into another. Name a new one: --folder data/replay/mine"
        )

    @classmethod
    def other_replay(cls, folder: str, differences: str) -> ReplayError:
        """Name the folder and in what the replay there differs from the one asked for."""
        return cls(
            f"{folder} holds another replay: {differences}. Go on with that one by its own options, or name another "
            "folder: --folder data/replay/mine"
        )
