"""Records what a run takes: seconds of each pipeline and peak memory."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from boathouse.monitoring.run_usage import log_usage

if TYPE_CHECKING:
    from kedro.pipeline.node import Node


class UsageHooks:
    """Takes the time from the first dataset that a pipeline loads to the last one that it saves."""

    def __init__(self) -> None:
        """Start with no run."""
        self._lock = threading.Lock()
        self._started = perf_counter()
        self._spans: dict[str, tuple[float, float]] = {}

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Forget the previous run."""
        self._started, self._spans = perf_counter(), {}

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Begin, or go on."""
        self._note(node)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Go on: a node may save nothing."""
        self._note(node)

    @hook_impl
    def after_dataset_saved(self, node: Node) -> None:
        """Go on: engines compute when a frame is saved."""
        self._note(node)

    # kedro-mlflow closes the run in the same hook: ours goes first.
    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Log what the run took."""
        log_usage(
            {name: last - first for name, (first, last) in self._spans.items()}, whole=perf_counter() - self._started
        )

    def _note(self, node: Node) -> None:
        now, name = perf_counter(), (node.namespace or "").partition(".")[0]
        if name:
            with self._lock:
                first, _ = self._spans.get(name, (now, now))
                self._spans[name] = (first, now)
