"""Libraries without what they import on the side: an endpoint starts a second sooner, in a third of the memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

# XGBoost imports scikit-learn, which imports scipy's statistics and pandas, for classes that a scorer never uses.
# It does without where they are not installed, and that is what it is told here.
_BESIDE = {"xgboost": ("sklearn", "pandas")}


def import_lean(name: str) -> ModuleType:
    """Return the module ``name``, imported as if what it has beside it were not installed.

    What was imported before stays; what is imported later is there as ever.
    """
    return import_without(name, _BESIDE.get(name, ()))


def import_without(name: str, hidden: Sequence[str]) -> ModuleType:
    """Return the module ``name``; while it is imported, the modules ``hidden`` cannot be, unless they are already."""
    chosen = [each for each in hidden if each not in sys.modules]
    for each in chosen:
        # None in this place is how Python notes that a module cannot be imported.
        sys.modules[each] = None  # type: ignore[assignment]
    try:
        return import_module(name)
    finally:
        for each in chosen:
            del sys.modules[each]
