"""What a run takes is logged by pipeline, from the first dataset loaded to the last one saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from boathouse.hooks import usage
from boathouse.hooks.usage import UsageHooks


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, float], float]]:
    """Return what is logged; each look at the clock is a second later."""
    found: list[tuple[dict[str, float], float]] = []
    clock: Iterator[int] = count()
    monkeypatch.setattr(usage, "perf_counter", lambda: float(next(clock)))

    def log(by_pipeline: Mapping[str, float], *, whole: float) -> None:
        found.append((dict(by_pipeline), whole))

    monkeypatch.setattr(usage, "log_usage", log)
    return found


def node(namespace: str | None) -> Any:
    return SimpleNamespace(namespace=namespace)


def test_each_pipeline_has_its_seconds_and_a_new_run_begins_anew(logged: list[tuple[dict[str, float], float]]) -> None:
    hooks = UsageHooks()
    hooks.before_pipeline_run()
    hooks.before_dataset_loaded(node("training.search"))
    hooks.after_node_run(node("training"))
    hooks.after_dataset_saved(node("training"))
    hooks.before_dataset_loaded(node("monitoring"))
    hooks.after_node_run(node(None))
    hooks.after_dataset_saved(node("monitoring"))
    hooks.after_pipeline_run()
    hooks.before_pipeline_run()
    hooks.after_pipeline_run()
    # The clock: 0 for the object, 1 for the run; the nodes from 2 on.
    assert logged == [({"training": 2.0, "monitoring": 2.0}, 7.0), ({}, 1.0)]
