"""Modules that are imported when they are first used, so that a declaration needs none of them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    """Placeholder of a module, or of a class of it, that imports the module at the first access to an attribute."""

    def __init__(self, name: str, attribute: str | None) -> None:
        super().__init__(name)
        self._attribute = attribute

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        if name.startswith("__"):
            raise AttributeError(name)
        module = import_module(self.__name__)
        return getattr(module if self._attribute is None else getattr(module, self._attribute), name)


def import_lazily(name: str, attribute: str | None = None) -> Any:  # noqa: ANN401 - stands for any module
    """Return a placeholder of the module ``name``, or of its class ``attribute``, imported at the first use."""
    return _LazyModule(name, attribute)
