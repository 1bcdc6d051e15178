"""Errors of making a version again: what is missing for it, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class ReproductionError(BoathouseError):
    """A version cannot be made again from what is on record."""

    @classmethod
    def no_commit(cls, title: str) -> ReproductionError:
        """Say that nobody wrote down the commit."""
        return cls(
            f"{title}: no commit is on record, so its code is not known. Train from a git checkout, or set "
            "BOATHOUSE_GIT_COMMIT where an installed wheel trains."
        )

    @classmethod
    def no_checkout(cls, folder: str) -> ReproductionError:
        """Name the folder that is in no git checkout."""
        return cls(f"{folder} is not in a git checkout, so no commit can be checked out. Run this in the project's.")

    @classmethod
    def missing_commit(cls, title: str, commit: str, folder: str) -> ReproductionError:
        """Name the commit that the checkout does not have."""
        return cls(
            f"{title} was trained from commit {commit}, which the repository of {folder} does not have. "
            "Fetch it: git fetch --all, in a shallow clone git fetch --unshallow."
        )

    @classmethod
    def dirty(cls, title: str, difference: str) -> ReproductionError:
        """Say what is not known about the code, and how to go on."""
        return cls(
            f"{title} was trained from files that differed from its commit (digest of the difference: {difference}), "
            "and the difference itself was not kept. --allow-dirty goes on from the commit alone; then equal "
            "predictions show that the difference did not matter, and different ones show nothing."
        )

    @classmethod
    def other_python(cls, title: str, recorded: str, here: str) -> ReproductionError:
        """Give both versions of Python."""
        wanted = ".".join(recorded.split(".")[:2])
        return cls(
            f"{title} was trained with Python {recorded}; this is {here}. Run this command with Python {wanted}, in an "
            "environment installed from the requirements.lock of its commit."
        )

    @classmethod
    def needs_platform(cls, title: str, engine: str) -> ReproductionError:
        """Name the engine whose tables have no folder here."""
        return cls(
            f"{title} was trained on the engine {engine}, whose tables go by name and cannot be put into a folder. "
            "Only versions trained on sail or spark can be made again here."
        )

    @classmethod
    def unreadable_tables(cls, title: str, problems: Iterable[str]) -> ReproductionError:
        """List the tables whose recorded version is gone."""
        listed = "\n".join(f"- {problem}" for problem in problems)
        return cls(f"{title}: its data cannot be read as they were.\n{listed}")

    @classmethod
    def no_tables(cls, title: str) -> ReproductionError:
        """Say that the versions of its tables, or the rows to compare on, were not recorded."""
        return cls(
            f"{title}: the tables it was trained on, with the training set whose test rows are compared, are not on "
            "record. The run was probably killed before its end; train again."
        )

    @classmethod
    def training_failed(cls, title: str, output: str) -> ReproductionError:
        """Quote the end of what the training said."""
        return cls(f"{title}: training it again failed. It said:\n{output}")

    @classmethod
    def git_failed(cls, what: str, reason: str) -> ReproductionError:
        """Name what git was to do and what it said."""
        return cls(f"git could not {what}: {reason}")
