"""The one exception tree. A message says what was expected, what was found, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable


class BoathouseError(Exception):
    """Base of every error that Boathouse raises on purpose."""


class OptionError(BoathouseError, ValueError):
    """A parameter has a value outside what is allowed."""

    @classmethod
    def out_of_range(cls, name: str, value: object, allowed: str) -> OptionError:
        """Name the option, the value found and the allowed range."""
        return cls(f"'{name}' is {value!r}; allowed: {allowed}.")

    @classmethod
    def unknown_choice(cls, name: str, value: object, choices: Iterable[str]) -> OptionError:
        """Name the option, the value found and the closed list it must come from."""
        return cls(f"'{name}' is {value!r}; allowed: {', '.join(sorted(choices))}.")


class ConfigError(BoathouseError):
    """The configuration names something that does not exist or contradicts itself."""


class EngineError(BoathouseError):
    """An engine cannot start or does not offer what was asked of it."""


class TableError(BoathouseError):
    """A table cannot be read or written as asked."""


class MissingTableError(TableError):
    """A table that a pipeline reads does not exist in this environment."""


class SchemaMismatchError(TableError):
    """The columns found are not the columns expected."""

    @classmethod
    def from_diff(cls, table: str, lines: Iterable[str], *, where: str) -> SchemaMismatchError:
        """Show the column diff against the contract of ``table``."""
        diff = "\n".join(lines)
        return cls(
            f"{where}: the columns are not those of the contract '{table}'.\n{diff}\n"
            "Change the data, or the contract and the code that fills it, in one commit."
        )


class ReadOnlyTableError(TableError):
    """A write was tried on a table opened for reading only."""


class CommitConflictError(TableError):
    """Another writer changed the table at the same time, more often than retries allow."""


class DataQualityError(BoathouseError):
    """Data break their contract so badly that nothing may be published."""


class FeatureError(BoathouseError):
    """A feature view is declared or used wrongly."""


class ModelError(BoathouseError):
    """A model cannot be trained, saved, loaded or used."""


class UntrustedModelError(ModelError):
    """A stored model has a form that would execute foreign code, or its digest is wrong."""


class PromotionError(BoathouseError):
    """A model version cannot change its stage."""


class MonitoringError(BoathouseError):
    """Monitoring lacks what it compares."""
