"""Which engines can start is told without starting them; starting one is tried for real."""

from __future__ import annotations

import pytest

from boathouse.errors import EngineError
from boathouse.tables.engines import diagnosis
from boathouse.tables.engines.diagnosis import inspect_engines, start_engine


class FakeEngine:
    def __init__(self, problem: str = "") -> None:
        self._problem = problem
        self.is_stopped = False

    def version(self) -> str:
        return "1.0"

    def check(self) -> None:
        if self._problem:
            raise EngineError(self._problem)

    def session(self) -> FakeEngine:
        self.check()
        return self

    def range(self, rows: int) -> FakeEngine:
        self.rows = rows
        return self

    def count(self) -> int:
        return self.rows

    def stop(self) -> None:
        self.is_stopped = True


@pytest.mark.parametrize("problem", ["", "Install x."])
def test_starting_reports_and_stops(monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    engine = FakeEngine(problem)
    monkeypatch.setattr(diagnosis, "get_engine", lambda _: engine)
    state = start_engine("sail")
    assert (state.problem, engine.is_stopped) == (problem, True)
    assert state.note.startswith("started and counted 1 row") is not bool(problem)


def test_every_engine_has_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = {"sail": FakeEngine(), "spark": FakeEngine(), "databricks": FakeEngine("No workspace.")}
    monkeypatch.setattr(diagnosis, "get_engine", engines.__getitem__)
    monkeypatch.setattr(diagnosis, "find_delta_jar", lambda: None)
    states = {state.name: state for state in inspect_engines()}
    assert states["databricks"].problem == "No workspace."
    assert "make jars" in states["spark"].note
    assert states["sail"].problem == states["sail"].note == ""
