"""What a run has open: its configuration, read once; its environment, opened once; its engine, ended with it."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro.framework.hooks import hook_impl

from boathouse.environment import Environment, name_conf, require_own_catalog, settle_names
from boathouse.tables.engines.registry import running_engines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kedro.framework.context import KedroContext

_opened: list[Environment] = []


# The text of no value, as a job's parameter may have it; where a file has a value, it is a text like any other.
_NO_VALUE = frozenset({"none", "null", "~"})


def split_given(values: Mapping[str, Any], group: str = "") -> tuple[dict[str, Any], list[str]]:
    """Return the parameters that have a value, and the paths of the empty ones: for these the files' values hold."""
    given: dict[str, Any] = {}
    empty: list[str] = []
    for name, value in values.items():
        if isinstance(value, dict):
            inner, without = split_given(value, f"{group}{name}.")
            empty += without
            if inner or not without:
                given[name] = inner
        elif isinstance(value, str) and not value.strip(" \t\"'"):
            empty.append(f"{group}{name}")
        else:
            given[name] = value
    return given, empty


def _clear_words(given: Mapping[str, Any], files: Any, merged: dict[str, Any]) -> None:  # noqa: ANN401 - any value
    """Set in ``merged`` to None what is given as the text of no value and is null in the files."""
    for name, value in given.items():
        if not isinstance(files, dict) or name not in files:
            continue
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            _clear_words(value, files[name], merged[name])
        elif isinstance(value, str) and value.strip().lower() in _NO_VALUE and files[name] is None:
            merged[name] = None


def _add_unknown(parameters: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return ``parameters`` with each path that no file has, so that the check of the parameters names it."""
    for path in paths:
        *groups, name = path.split(".")
        group: Any = parameters
        for each in groups:
            group = group.setdefault(each, {}) if isinstance(group, dict) else None
        if isinstance(group, dict):
            group.setdefault(name, None)
    return parameters


class ReadOnceConfigLoader(OmegaConfigLoader):
    """The loader of a run: reads each section from its files once, and gives each caller a copy.

    Kedro reads parameters or the catalog again for each caller, a third to half a second each time.
    """

    def __init__(self, conf_source: str, **given: Any) -> None:  # noqa: ANN401 - Kedro's own
        """Open the configuration; its path may have any characters."""
        given["runtime_params"], self._empty = split_given(given.get("runtime_params") or {})
        if given.get("env"):
            require_own_catalog(given["env"], Path(conf_source))
        super().__init__(name_conf(Path(conf_source)), **given)
        # What messages and records name it.
        self.named_source = conf_source
        if "globals" in self:
            self["globals"] = settle_names(self["globals"], os.environ)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return one section, such as ``parameters``, merged and resolved."""
        if key not in self:
            content = super().__getitem__(key)
            self[key] = self._settle(content) if key == "parameters" else content
        return copy.deepcopy(super().__getitem__(key))

    def _settle(self, merged: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with those that were given without a value as the files have them."""
        given, merged = self.runtime_params or {}, _add_unknown(merged, self._empty)
        if not any(word in str(given).lower() for word in _NO_VALUE):
            return merged
        self.runtime_params = {}
        try:
            files = super().__getitem__("parameters")
        finally:
            self.runtime_params = given
        _clear_words(given, files, merged)
        return merged


def environment_of(context: KedroContext) -> Environment:
    """Return the environment that the run's configuration describes; opened by the first hook that asks."""
    if not _opened or _opened[0].conf is not context.config_loader:
        _opened[:] = [Environment.from_conf(context.config_loader)]
    return _opened[0]


class EngineSessionHooks:
    """Stops the engine after the run.

    Datasets start it on first use, so there may be none; and one that ran before the run, in a
    notebook or a test, belongs to the code that started it.
    """

    def __init__(self) -> None:
        """Start with no engine known."""
        self._running_before: tuple[object, ...] = ()

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Remember the engines that already run."""
        self._running_before = running_engines()

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Stop after success."""
        self._stop()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Stop after failure."""
        self._stop()

    def _stop(self) -> None:
        for engine in running_engines():
            if engine not in self._running_before:
                engine.stop()
