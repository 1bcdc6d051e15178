"""Conventions of the configuration: nothing unused, nothing missing, overlays that only override."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

# Credentials are named by each environment for itself.
_NAMES_COLUMNS = re.compile(r"column|feature|excluded|ignored|protected|sensitive|ranges|tables|^unit$|^label$")
KINDS = ("parameters", "globals", "catalog", "mlflow")


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give path and value of each leaf; a list is a leaf, an empty branch as well."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{path}.")
        else:
            yield path, value


def is_under(path: str, parents: Collection[str]) -> bool:
    """Tell whether ``path`` is one of ``parents`` or below one of them."""
    return any(path == parent or path.startswith(f"{parent}.") for parent in parents)


def find_unused(parameters: Mapping[str, Any], used: Collection[str]) -> list[str]:
    """Return the parameters that no node takes, by itself or within a group."""
    return sorted(path for path, _ in flatten(parameters) if not is_under(path, used))


def find_missing(parameters: Mapping[str, Any], used: Collection[str]) -> list[str]:
    """Return the parameters that a node takes and base does not set."""
    set_here = [path for path, _ in flatten(parameters)]
    return sorted(name for name in used if not any(is_under(path, [name]) for path in set_here))


def find_strangers(overlay: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """Return the keys of an overlay that base does not have: a typing error, or a default in the wrong place."""
    known = {path for path, _ in flatten(base)}
    return sorted(path for path, _ in flatten(overlay) if path not in known)


def find_repetitions(overlay: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """Return the keys of an overlay that say what base says already."""
    said = dict(flatten(base))
    return sorted(path for path, value in flatten(overlay) if path in said and said[path] == value)


def find_unchecked_names(
    tree: Mapping[str, Any], declared: Collection[str], is_checked: Callable[[str], bool]
) -> list[str]:
    """Return the settings that name something declared, or are called like it, and that no rule checks.

    A setting counts if it is one of the ``declared`` names, a list with one of them, or its key or its group is one;
    and, whatever it says now, if its key says that it names columns. What holds numbers or switches names nothing.
    """
    found = []
    for path, value in flatten(tree):
        last = path.rpartition(".")[2]
        listed = value if isinstance(value, list) else [value]
        texts = {each for each in listed if isinstance(each, str)}
        named = bool(texts & set(declared)) or bool(set(path.split(".")[-2:]) & set(declared))
        suspicious = _NAMES_COLUMNS.search(last) is not None and (bool(texts) or value in (None, [], {}))
        if (named or suspicious) and not is_checked(path):
            found.append(path)
    return sorted(found)
