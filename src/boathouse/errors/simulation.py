"""Errors of simulating a book: a source that cannot be resampled, a folder that cannot be written."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class SimulationError(BoathouseError):
    """A book cannot be simulated as asked."""

    @classmethod
    def missing_book(cls, path: str) -> SimulationError:
        """Name the file of the real book that is not there."""
        return cls(
            f"There is no {path}: synthetic customers are drawn from real ones. Name the folder that holds the "
            "extracts: --book data/01_raw"
        )

    @classmethod
    def unreadable_book(cls, path: str, expected: Iterable[str]) -> SimulationError:
        """Name the file and the columns, with types, that it should have."""
        return cls(
            f"{path} cannot be read as an extract: expected the columns {', '.join(expected)}, with a value of that "
            "type in every row. Check the file: kedro run --pipeline data_prep says which rows break which rule."
        )

    @classmethod
    def not_declared(cls, entities: str) -> SimulationError:
        """Say that the use case has no simulation."""
        return cls(
            f"This use case declares no simulation of {entities}: there is nothing to make synthetic extracts with. "
            "Declare 'simulation' in USE_CASE, or put real extracts into data/01_raw."
        )

    @classmethod
    def short_book(cls, months: int, customers: int, needed: int) -> SimulationError:
        """Give what the book has, and the months that are needed."""
        return cls(
            f"The book has {customers:,} customers with a statement in each of its {months} months and a default flag; "
            f"needed are at least one, and {needed} months. Name another book, or lower --drift-months."
        )

    @classmethod
    def repeated_rows(cls, rows: int) -> SimulationError:
        """Count the statements that share customer and month with another."""
        return cls(f"In the book {rows:,} statements share customer and month with another. Deliver each once.")

    @classmethod
    def taken_ids(cls, first: int, highest: int) -> SimulationError:
        """Give the first synthetic id and the highest real one."""
        return cls(
            f"Synthetic customers would be numbered from {first} on, but the book has real ones up to {highest}. "
            f"Give a higher --first-id, so that nobody takes one for the other."
        )

    @classmethod
    def occupied(cls, folder: str, names: Iterable[str], *, foreign: bool) -> SimulationError:
        """Name the folder and what it holds already."""
        advice = (
            "They are not of a simulation, so they are never replaced: choose another folder."
            if foreign
            else "Choose another folder, or replace them: --overwrite"
        )
        return cls(f"{folder} holds other content: {', '.join(names)}. {advice}")

    @classmethod
    def source_folder(cls, folder: str) -> SimulationError:
        """Name the folder that is read and was to be written."""
        return cls(f"{folder} holds the book that is drawn from; it is never written. Choose another folder.")

    @classmethod
    def not_written(cls, folder: str, reason: str) -> SimulationError:
        """Name the folder and the system's reason."""
        return cls(f"{folder} cannot be written: {reason}. Nothing was left behind.")
