"""The base of all errors, and those of options and configuration."""

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

    @classmethod
    def in_catalog(cls, table: str, problem: str) -> ConfigError:
        """Name the catalog entry's table and what is wrong with its options."""
        return cls(f"Catalog entry of table '{table}': {problem}.")
