"""What a run has open: its configuration, read once; its environment, opened once; its engine, ended with it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro.framework.hooks import hook_impl

from boathouse.environment import Environment
from boathouse.tables.engines.registry import running_engines

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext

_opened: list[Environment] = []


class ReadOnceConfigLoader(OmegaConfigLoader):
    """The loader of a run: reads each section from its files once, and gives each caller a copy.

    Kedro reads parameters or the catalog again for each caller, a third to half a second each time.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return one section, such as ``parameters``, merged and resolved."""
        if key not in self:
            self[key] = super().__getitem__(key)
        return copy.deepcopy(super().__getitem__(key))


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
