"""The root of the error tree, and what configuration and options get wrong."""

from __future__ import annotations

import difflib
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
    def unknown_contract(cls, name: str, known: Iterable[str]) -> ConfigError:
        """Name the contract asked for, the closest known one and those there are."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return cls(
            f"There is no contract '{name}'.{hint} Known: {', '.join(names)}. A table, source or feature view has a "
            "contract of its name before a pipeline or the catalog names it."
        )

    @classmethod
    def in_catalog(cls, table: str, problem: str) -> ConfigError:
        """Name the catalog entry's table and what is wrong with its options."""
        return cls(f"Catalog entry of table '{table}': {problem}.")
