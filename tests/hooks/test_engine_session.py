"""An engine ends with the run that started it, and only with that one."""

from __future__ import annotations

import pytest

from boathouse.hooks import session
from boathouse.hooks.session import EngineSessionHooks


class FakeEngine:
    def __init__(self) -> None:
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_an_engine_started_in_the_run_is_stopped(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    older, newer = FakeEngine(), FakeEngine()
    hooks = EngineSessionHooks()
    monkeypatch.setattr(session, "running_engines", lambda: (older,))
    hooks.after_context_created()
    monkeypatch.setattr(session, "running_engines", lambda: (older, newer))
    getattr(hooks, end)()
    assert (older.is_stopped, newer.is_stopped) == (False, True)
