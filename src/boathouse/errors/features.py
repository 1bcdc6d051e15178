"""Errors of feature views, of the online store, and of requests for features."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class FeatureError(BoathouseError):
    """A feature view is declared or used wrongly."""

    @classmethod
    def unknown(cls, name: str, views: Iterable[str]) -> FeatureError:
        """Name what was asked for and the views there are."""
        return cls(f"There is no view or feature '{name}'. Views: {', '.join(views)}; boathouse features list.")

    @classmethod
    def spine_lacks(cls, missing: Iterable[str], found: Iterable[str]) -> FeatureError:
        """Name the columns by which the spine would be joined."""
        return cls(f"The spine lacks {', '.join(missing)}; it has {', '.join(sorted(found))}.")


class OnlineStoreError(BoathouseError):
    """The online store cannot hold, take or give features as asked.

    Attributes:
        where: The store's address where the message names it, else empty.
    """

    where: str = ""

    @property
    def for_callers(self) -> str:
        """The message without the store's address, which is no business of those who ask an endpoint."""
        return str(self).replace(f" {self.where}", "") if self.where else str(self)

    @classmethod
    def key_type(cls, name: str, found: str, expected: str) -> OnlineStoreError:
        """Name the key column, the type that was found and the one expected; never the value."""
        return cls(f"A key's {name} is {found}; {expected} is expected. Give each key as the view's table has it.")

    @classmethod
    def unavailable(cls, where: str, reason: str) -> OnlineStoreError:
        """Name the store without its login, and the driver's kind of error."""
        error = cls(
            f"The online store {where} does not answer ({reason}). Check that it runs and can be reached; nothing was "
            "changed, and the next call tries again."
        )
        error.where = where
        return error

    @classmethod
    def not_published(cls, views: Iterable[str], environment: str | None = None) -> OnlineStoreError:
        """Name every view that the store does not have, and the command that publishes all of them."""
        missing = list(views)
        if all(view.startswith("predictions_") for view in missing):
            command = "publish-predictions"
        else:
            command = " ".join(["publish", *(f"--view {view}" for view in missing)])
        command += f" --env {environment}" if environment else ""
        names = ", ".join(f"'{view}'" for view in missing)
        return NotPublishedError(
            f"The online store has no view {names}. Publish what is missing: boathouse features {command}"
        )

    @classmethod
    def other_version(cls, view: str, wanted: str, live: str) -> OnlineStoreError:
        """Name the version asked for and the one that is live."""
        return cls(
            f"View '{view}' is asked for in version {wanted}, the online store has {live}. "
            "Use the model that was trained with that version, or publish the version asked for."
        )

    @classmethod
    def not_written(cls, view: str, reason: str) -> OnlineStoreError:
        """Name the view and why the store took nothing."""
        return cls(f"View '{view}' was not published: {reason} What was live before is still live.")


class NotPublishedError(OnlineStoreError):
    """The store answers, but does not have the view, or nothing at all."""


class RequestError(BoathouseError):
    """A request brings values that features cannot be computed from; values are never echoed."""

    @classmethod
    def wrong_key(cls, found: int, names: Iterable[str]) -> RequestError:
        """Give the number of parts and the columns they are for."""
        return cls(f"A key has {found} part(s); expected are {'/'.join(names)}, divided by /.")

    @classmethod
    def unknown_features(cls, missing: Iterable[str]) -> RequestError:
        """Name the features that are neither stored nor computed."""
        return cls(
            f"No view stores and no on-demand feature computes {', '.join(missing)}. Look up all views of the model's "
            "feature spec."
        )

    @classmethod
    def missing_field(cls, name: str) -> RequestError:
        """Name the field that must be given."""
        return cls(f"Field '{name}' is missing in at least one row, and has no default. Give a number in each row.")

    @classmethod
    def wrong_type(cls, name: str, found: str) -> RequestError:
        """Name the field and the type that was found."""
        return cls(f"Field '{name}' is of type {found}; a number is expected.")


class KeyValueError(BoathouseError):
    """A value is no key of its column.

    Attributes:
        column: The key column.
        fault: What is wrong: ``type``, ``allowed``, ``in_range`` or ``pattern``.
        reason: The same in words.
        row: Number of the row, from 0, where there are several; else None.
    """

    def __init__(self, column: str, fault: str, reason: str, *, row: int | None = None) -> None:
        """Keep what is wrong and where."""
        where = "" if row is None else f", row {row}"
        super().__init__(f"Column '{column}'{where}: {reason} ({column}_{fault}).")
        self.column, self.fault, self.reason, self.row = column, fault, reason, row

    @property
    def rule(self) -> str:
        """Name of the rule that is broken, as quarantines have it."""
        return f"{self.column}_{self.fault}"
