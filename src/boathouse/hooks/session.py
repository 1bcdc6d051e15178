"""Ends the engine's session with the run, where the run started one."""

from __future__ import annotations

from kedro.framework.hooks import hook_impl

from boathouse.tables.engines.registry import running_engines


class EngineSessionHooks:
    """Stops the engine after the run.

    Datasets start it on first use, so there may be none; and one that ran before the run, in a
    notebook or a test, is left to whoever started it.
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
