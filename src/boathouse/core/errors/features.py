"""Errors of feature views and of the online store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from boathouse.core.errors.base import BoathouseError


class FeatureError(BoathouseError):
    """A feature view is declared or used wrongly."""

    @classmethod
    def without_keys(cls, view: str) -> FeatureError:
        """Name the view that no row could be looked up in."""
        return cls(f"Feature view '{view}' has no keys. Declare the columns that identify its entity.")

    @classmethod
    def repeated_names(cls, view: str, names: Iterable[str]) -> FeatureError:
        """Name the columns that a view declares twice."""
        return cls(f"Feature view '{view}' declares more than once: {', '.join(names)}. Rename one of each.")

    @classmethod
    def no_function(cls, view: str, found: str) -> FeatureError:
        """Name the view whose logic could not be recorded."""
        return cls(f"Feature view '{view}' is computed by a {found}. Give it a function: its source is recorded.")

    @classmethod
    def collision(cls, owners: Mapping[str, Iterable[str]]) -> FeatureError:
        """Name the features that several views declare."""
        lines = "; ".join(f"{name} in {', '.join(views)}" for name, views in sorted(owners.items()))
        return cls(f"Features of views joined together need names of their own; found {lines}.")

    @classmethod
    def unknown(cls, name: str, views: Iterable[str]) -> FeatureError:
        """Name what was asked for and the views there are."""
        return cls(f"There is no view or feature '{name}'. Views: {', '.join(views)}; boathouse features list.")

    @classmethod
    def spine_lacks(cls, missing: Iterable[str], found: Iterable[str]) -> FeatureError:
        """Name the columns by which the spine would be joined."""
        return cls(f"The spine lacks {', '.join(missing)}; it has {', '.join(sorted(found))}.")

    @classmethod
    def spine_holds(cls, names: Iterable[str]) -> FeatureError:
        """Name the features that the spine brings itself."""
        return cls(f"The spine already has columns named like features: {', '.join(names)}. Drop them first.")

    @classmethod
    def not_found(cls, words: Iterable[str]) -> FeatureError:
        """Give the words that no feature has."""
        return cls(f"No feature has all of the words: {' '.join(words)}. See all: boathouse features list.")

    @classmethod
    def read_by_none(cls, column: str, tables: Iterable[str]) -> FeatureError:
        """Name what no view reads, and the tables that views read."""
        return cls(
            f"No view reads {column}. Give <schema>.<table> or <schema>.<table>.<column>; "
            f"views read {', '.join(tables)}."
        )

    @classmethod
    def inconsistent(cls, views: Iterable[str]) -> FeatureError:
        """Name the views whose online answers differ from the offline tables."""
        return cls(
            f"Answers of {', '.join(views)} differ from the offline tables. Earlier dates mean that it was published "
            "late: boathouse features publish. Other differences mean that the tables were computed anew since."
        )

    @classmethod
    def source_lacks_keys(cls, view: str, source: str, missing: Iterable[str]) -> FeatureError:
        """Name the source whose rows belong to no entity."""
        return cls(
            f"Feature view '{view}' reads {source} without {', '.join(missing)}. Every source has the view's keys, so "
            "that a changed row tells which entity changes; add the keys to its columns, or join them on before."
        )

    @classmethod
    def repeated_views(cls, labels: Iterable[str]) -> FeatureError:
        """Name the versions that are declared twice."""
        return cls(f"Declared more than once: {', '.join(labels)}. Give one of each another name or version.")

    @classmethod
    def unknown_source(cls, tables: Iterable[str]) -> FeatureError:
        """Name the views that others are made from and that nobody declares."""
        return cls(f"Views are made from {', '.join(tables)}, which no view declares. Declare it, or correct the name.")

    @classmethod
    def circular(cls, tables: Iterable[str]) -> FeatureError:
        """Name the views that need one another."""
        return cls(
            f"Views are made from one another in a circle: {', '.join(tables)}. Take one out of the other's sources."
        )

    @classmethod
    def still_used(cls, view: str, digest: str, users: Iterable[str]) -> FeatureError:
        """Name a definition that is gone and the models that still need it."""
        return cls(
            f"Feature view {view} in its definition {digest} is no longer declared, but is used by {', '.join(users)}. "
            "Keep the old declaration beside the new one and give the new one the next version; remove the old one "
            "when no model uses it."
        )

    @classmethod
    def not_declared(cls, wanted: Iterable[str], declared: Iterable[str], model: str) -> FeatureError:
        """Name the views a model was trained on that are not there any more."""
        return cls(
            f"{model} was trained on {', '.join(wanted)}; declared are {', '.join(declared)}. "
            "Score with the package version the model was trained with, declare that version again, or train anew."
        )

    @classmethod
    def table_lacks(cls, view: str, missing: Iterable[str], found: Iterable[str]) -> FeatureError:
        """Name the columns that a view's table should have."""
        return cls(
            f"The table of feature view '{view}' lacks {', '.join(missing)}; it has {', '.join(sorted(found))}. "
            f"Compute it again: boathouse features refresh --view {view} --full"
        )

    @classmethod
    def wrong_times(cls, column: str, found: str, spine_time: str, asked: str) -> FeatureError:
        """Name both time columns and their types."""
        return cls(
            f"Times cannot be compared: {column} is {found}, the spine's {spine_time} is {asked}. Both must be "
            "date, or both timestamp (an instant; timestamp_ntz has no zone). Cast one of them and say in which zone."
        )


class FreshnessError(BoathouseError):
    """Feature views lag behind their sources."""

    @classmethod
    def late(cls, views: Iterable[str], environment: str) -> FreshnessError:
        """Name the views and the command that brings them up to date."""
        return cls(
            f"Further behind their sources than they may be: {', '.join(views)}. "
            f"Compute them: boathouse features refresh --env {environment}"
        )


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
    def odd_names(cls, view: str, names: Iterable[str]) -> OnlineStoreError:
        """Name what cannot be the name of a table or column."""
        return cls(
            f"View '{view}' has names that the online store cannot use: {', '.join(names)}. "
            "Allowed: a small letter, then small letters, digits and _, at most 51 in all."
        )

    @classmethod
    def wrong_keys(cls, view: str, found: Iterable[str], allowed: Iterable[str]) -> OnlineStoreError:
        """Name the keys of a wrong type, or say that there are none."""
        shown = ", ".join(found) or "no key"
        return cls(f"View '{view}' has {shown}; the online store needs keys of type {' or '.join(allowed)}.")

    @classmethod
    def key_width(cls, found: int, names: Iterable[str]) -> OnlineStoreError:
        """Give the number of values of a key and the columns they are for."""
        return cls(f"A key has {found} value(s); the views are looked up by {', '.join(names)}.")

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
    def other_environment(cls, where: str, owner: str, asking: str) -> OnlineStoreError:
        """Name the store, the environment whose it is, and the one that asked."""
        error = cls(
            f"The online store {where} is that of environment '{owner}'; '{asking}' neither reads nor writes it. Give "
            "each environment a store of its own: BOATHOUSE_ONLINE_STORE may contain {env}, as in .../features_{env}."
        )
        error.where = where
        return error

    @classmethod
    def not_published(cls, view: str) -> OnlineStoreError:
        """Name the view that the store does not have."""
        command = "publish-predictions" if view.startswith("predictions_") else f"publish --view {view}"
        return NotPublishedError(f"The online store has no view '{view}'. Publish it: boathouse features {command}")

    @classmethod
    def other_version(cls, view: str, wanted: str, live: str) -> OnlineStoreError:
        """Name the version asked for and the one that is live."""
        return cls(
            f"View '{view}' is asked for in version {wanted}, the online store has {live}. "
            "Use the model that was trained with that version, or publish the version asked for."
        )

    @classmethod
    def not_incremental(cls, view: str, reason: str) -> OnlineStoreError:
        """Name the view and why changes have nothing to be added to."""
        return cls(
            f"View '{view}' cannot be published incrementally: {reason}. Publish all of it: boathouse features publish "
            f"--view {view} --mode full"
        )

    @classmethod
    def not_written(cls, view: str, reason: str) -> OnlineStoreError:
        """Name the view and why the store took nothing."""
        return cls(f"View '{view}' was not published: {reason} What was live before is still live.")


class NotPublishedError(OnlineStoreError):
    """The store answers, but does not have the view, or nothing at all."""
