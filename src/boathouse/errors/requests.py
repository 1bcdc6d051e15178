"""Errors of requests for a score or for features."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class RequestError(BoathouseError):
    """A request brings values that features cannot be computed from; values are never echoed."""

    @classmethod
    def unknown_fields(cls, found: Iterable[str], known: Iterable[str]) -> RequestError:
        """Name the fields that no feature takes."""
        return cls(f"Unknown field(s) {', '.join(found)}. Known: {', '.join(known) or 'none'}. Remove or rename them.")

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

    @classmethod
    def wrong_length(cls, name: str, found: int, rows: int) -> RequestError:
        """Give the number of values and of rows."""
        return cls(f"Field '{name}' has {found} value(s) for {rows} row(s). Give one a row.")

    @classmethod
    def changed_definition(cls, name: str, expected: str, found: str) -> RequestError:
        """Name an on-demand feature that is computed otherwise than in training."""
        return cls(
            f"On-demand feature '{name}' has the definition {found}; the model was trained with {expected}. "
            "Score with the package version the model was trained with, or train anew."
        )
