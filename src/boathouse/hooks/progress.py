"""Progress of a run: which node runs, rows in and out, seconds; at the end what came of it."""

from __future__ import annotations

import inspect
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from boathouse import __version__
from boathouse.hooks.failures import find_resume_nodes, resume_command
from boathouse.hooks.progress_display import NodeLine, ProgressDisplay, add_rows, count_rows
from boathouse.hooks.session import environment_of
from boathouse.lifecycle.vacancy import NoChampion

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

# Its text ends a run: the result in a few lines.
SUMMARY = "reports.summary"


@dataclass
class _Progress:
    """One node on its way; a generator's outputs are saved slice by slice, the last one unannounced."""

    node: Node
    started: float
    thread: int
    saved: float | None = None
    rows_in: dict[str, int | None] = field(default_factory=dict)
    rows_out: dict[str, int | None] = field(default_factory=dict)

    @property
    def is_sliced(self) -> bool:
        """Whether the node yields its outputs, which Kedro saves one by one."""
        return inspect.isgeneratorfunction(self.node.func)

    def note_saved(self, name: str, rows: int | None, *, is_total: bool) -> None:
        """Note the rows of an output; those of a slice are added to the slices before, unless they are the total."""
        before = self.rows_out.get(name)
        self.rows_out[name] = rows if is_total or rows is None or before is None else before + rows
        self.saved = perf_counter()


class ProgressHooks:
    """Shows progress; keeps what the closing lines of the run need."""

    def __init__(self) -> None:
        """Start with no run."""
        self._display = ProgressDisplay()
        self._lock = threading.Lock()
        self._engine = "–"
        self._reset(None, None)

    def _reset(self, pipeline: Pipeline | None, catalog: DataCatalog | None) -> None:
        self._pipeline = pipeline
        self._catalog = catalog
        self._width = max((len(node.name) for node in pipeline.nodes), default=0) if pipeline else 0
        self._started = perf_counter()
        self._running: dict[str, _Progress] = {}
        self._finished: set[str] = set()
        self._failed: Node | None = None
        self._summary = ""
        self._absent: NoChampion | None = None
        self._skipped: set[str] = set()
        self._reports: dict[str, str] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember which engine the run will use."""
        self._engine = environment_of(context).engine

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Say what begins."""
        self._reset(pipeline, catalog)
        names = ", ".join(run_params.get("pipeline_names") or ["all pipelines"])
        env = run_params.get("env") or "dev"
        head = f"Boathouse {__version__} · {names} · env {env} · engine {self._engine} · {len(pipeline.nodes)} nodes"
        self._display.show(head, "bold")

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Start the clock of a node at its first input."""
        self._begin(node)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Start the clock of a node without inputs."""
        self._begin(node)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: object, node: Node) -> None:
        """Note the rows read."""
        rows = count_rows(self._get_dataset(dataset_name), data, written=False)
        with self._lock:
            self._running[node.name].rows_in[dataset_name] = rows

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: object, node: Node) -> None:
        """Note the rows written; the last output finishes the node, but for one that yields slices."""
        dataset = self._get_dataset(dataset_name)
        rows = count_rows(dataset, data, written=True)
        if isinstance(data, NoChampion):
            self._absent = data
            self._skipped.add(node.name)
        else:
            self._keep_report(dataset_name, dataset, data)
        with self._lock:
            progress = self._running[node.name]
            # A table that does not count what a save wrote says how many rows it has in all.
            in_all = getattr(dataset, "last_written", None) is not None and not hasattr(dataset, "rows_written")
            progress.note_saved(dataset_name, rows, is_total=in_all)
        if set(node.outputs) <= set(progress.rows_out) and not progress.is_sliced:
            self._finish(progress)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Finish a node that leaves no dataset."""
        if not node.outputs:
            self._finish(self._running[node.name])

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Remember which node failed."""
        self._failed = node

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Say how long it took, what came of it and where to look next."""
        for progress in list(self._running.values()):
            self._finish(progress)
        self._display.stop()
        seconds = perf_counter() - self._started
        self._display.show(f"Done: {len(self._finished)} nodes in {seconds:.1f} s", "bold green")
        if self._absent is not None and not self._summary:
            self._display.show(f"\n{self._absent}")
        if self._summary:
            self._display.show(f"\n{self._summary.strip()}\n\n{self._say_next()}")

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Attach to the error where it happened and how to resume; the caller shows that."""
        self._display.stop()
        unfinished = [self._failed] if self._failed else [progress.node for progress in self._running.values()]
        unfinished.sort(key=lambda node: node.name)
        for node in unfinished:
            self._display.show(f"[failed] {node.name}", "bold red")
        if unfinished:
            error.add_note(f"Failed in: {', '.join(node.name for node in unfinished)}")
        left = [node for node in pipeline.nodes if node.name not in self._finished]
        start = find_resume_nodes(pipeline, left, catalog)
        error.add_note(f"Once it is fixed, resume with:\n  {resume_command(run_params, start)}")

    def _begin(self, node: Node) -> None:
        thread = threading.get_ident()
        with self._lock:
            if node.name in self._running or node.name in self._finished:
                return
            # A thread that begins another node has saved the last slice of the one before.
            over = [progress for progress in self._running.values() if progress.thread == thread]
        for progress in over:
            self._finish(progress)
        with self._lock:
            self._running[node.name] = _Progress(node, perf_counter(), thread)
            names = list(self._running)
        self._display.show_running(names)

    def _finish(self, progress: _Progress) -> None:
        with self._lock:
            if self._running.pop(progress.node.name, None) is None:
                return
            self._finished.add(progress.node.name)
            number, names = len(self._finished), list(self._running)
        line = NodeLine(
            number=number,
            total=len(self._pipeline.nodes) if self._pipeline else number,
            name=progress.node.name,
            rows_in=add_rows(list(progress.rows_in.values())),
            rows_out=add_rows(list(progress.rows_out.values())),
            seconds=(progress.saved or perf_counter()) - progress.started,
            width=self._width,
            skipped=progress.node.name in self._skipped,
        )
        self._display.show(line.render())
        self._display.show_running(names)

    def _get_dataset(self, name: str) -> object:
        return self._catalog.get(name) if self._catalog is not None else None

    def _keep_report(self, name: str, dataset: object, data: object) -> None:
        if name == SUMMARY:
            self._summary = str(data)
        path = str(getattr(dataset, "_filepath", ""))
        if name != SUMMARY and path.endswith((".html", ".md")):
            self._reports[name] = path

    def _say_next(self) -> str:
        make = Path("Makefile").exists()
        lines = [f"  {name.removeprefix('reports.'):<22} {path}" for name, path in sorted(self._reports.items())]
        lines += [f"  {'pipelines':<22} {'make viz' if make else 'kedro viz run'}"]
        lines += [f"  {'runs and models':<22} {'make mlflow' if make else 'mlflow ui'}"]
        return "\n".join(["Where to look next:", *lines])
