"""Errors of simulating a book: a source that cannot be resampled, a folder that cannot be written."""

from __future__ import annotations

from boathouse.errors.base import BoathouseError


class SimulationError(BoathouseError):
    """A book cannot be simulated as asked."""

    @classmethod
    def short_book(cls, months: int, customers: int, needed: int) -> SimulationError:
        """Give what the book has, and the months that are needed."""
        return cls(
            f"The book has {customers:,} customers with a statement in each of its {months} months and a default flag; "
            f"needed are at least one, and {needed} months. Name another book, or lower --drift-months."
        )

    @classmethod
    def not_written(cls, folder: str, reason: str) -> SimulationError:
        """Name the folder and the system's reason."""
        return cls(f"{folder} cannot be written: {reason}. Nothing was left behind.")
