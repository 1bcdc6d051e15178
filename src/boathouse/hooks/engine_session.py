"""Ends the engine's session with the run, where one was started."""

from __future__ import annotations

from kedro.framework.hooks import hook_impl

from boathouse.engines import stop_engines


class EngineSessionHooks:
    """Stops the engine after the run. Datasets start it on first use, so there may be none."""

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Stop after success."""
        stop_engines()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Stop after failure."""
        stop_engines()
