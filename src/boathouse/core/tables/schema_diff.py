"""How two sets of columns differ, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def diff_columns(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return one line for each missing (-), unexpected (+) or retyped (~) column; empty if equal.

    Args:
        expected: Column name to Spark type name; order does not matter.
        found: The same of what was found.
    """
    lines = [f"  - {name}: {expected[name]} (missing)" for name in expected if name not in found]
    lines += [f"  + {name}: {found[name]} (unexpected)" for name in found if name not in expected]
    return lines + [
        f"  ~ {name}: expected {expected[name]}, found {found[name]}"
        for name in expected
        if name in found and found[name] != expected[name]
    ]
