"""Which engine a run uses, one of each name in a process; which can start here is known without starting any."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from boathouse.errors import EngineError, OptionError
from boathouse.tables.engines import get_engine, registry
from boathouse.tables.engines.base import Capabilities, Engine
from boathouse.tables.engines.registry import choose_engine, inspect_engines, start_engine


class CountingEngine(Engine):
    """Counts its starts and stops."""

    name = "counting"
    capabilities = Capabilities(
        table_names=False, table_services=False, streaming=False, clustering=False, time_travel=True, change_feed=True
    )
    starts = 0
    stops = 0

    def version(self) -> str:
        """Return any version."""
        return "1"

    def check(self) -> None:
        """Find nothing missing."""

    def _start(self) -> object:  # type: ignore[override]
        self.starts += 1
        return object()

    def _shut_down(self, session: object) -> None:  # type: ignore[override]
        self.stops += 1


def test_threads_share_one_session() -> None:
    """Eight ask at once, one start."""
    engine = CountingEngine()
    with ThreadPoolExecutor(8) as pool:
        sessions = set(pool.map(lambda _: engine.session(), range(8)))
    assert (len(sessions), engine.starts) == (1, 1)


def test_a_stopped_engine_starts_again() -> None:
    """Stopping twice is harmless."""
    engine = CountingEngine()
    first = engine.session()
    engine.stop()
    engine.stop()
    assert not engine.is_running
    assert engine.session() is not first
    assert (engine.starts, engine.stops) == (2, 1)


@pytest.mark.parametrize("name", ["sail", "spark", "databricks"])
def test_there_is_one_engine_of_each_name(name: str) -> None:
    """It knows its name."""
    assert get_engine(name) is get_engine(name)
    assert get_engine(name).name == name
    assert get_engine(name).version()


def test_an_unknown_engine_lists_the_known() -> None:
    """The message has the closed list."""
    with pytest.raises(OptionError, match="allowed: databricks, sail, spark"):
        get_engine("flink")


def test_getting_an_engine_imports_no_spark() -> None:
    """A run that touches no table must not pay for one."""
    code = (
        "import sys; from boathouse.tables.engines import get_engine; get_engine('sail'); get_engine('spark'); "
        "import boathouse.tables.dataset, boathouse.tables.extracts; "
        "print([m for m in ('pyspark', 'pysail', 'delta', 'deltalake', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("runtime", "variable", "expected"),
    [(None, None, "sail"), (None, "spark", "spark"), (None, "", "sail"), ("17.3", "spark", "databricks")],
)
def test_runtime_before_variable_before_default(
    monkeypatch: pytest.MonkeyPatch, runtime: str | None, variable: str | None, expected: str
) -> None:
    """An empty variable counts as unset."""
    for name, value in (("DATABRICKS_RUNTIME_VERSION", runtime), ("BOATHOUSE_ENGINE", variable)):
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    assert choose_engine("sail") == expected


def test_an_unknown_name_in_the_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """No silent fallback."""
    monkeypatch.setenv("BOATHOUSE_ENGINE", "flink")
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    with pytest.raises(OptionError, match="flink"):
        choose_engine("sail")


class FakeEngine:
    def __init__(self, problem: str = "") -> None:
        self._problem = problem
        self.is_stopped = False

    def version(self) -> str:
        return "1.0"

    def note(self) -> str:
        return "Fetches jars."

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
    monkeypatch.setattr(registry, "get_engine", lambda _: engine)
    state = start_engine("sail")
    assert (state.problem, engine.is_stopped) == (problem, True)
    assert state.note.startswith("started and counted 1 row") is not bool(problem)


def test_every_engine_has_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = {"sail": FakeEngine(), "spark": FakeEngine(), "databricks": FakeEngine("No workspace.")}
    monkeypatch.setattr(registry, "get_engine", engines.__getitem__)
    states = {state.name: state for state in inspect_engines()}
    assert (states["databricks"].problem, states["databricks"].note) == ("No workspace.", "")
    assert (states["sail"].problem, states["sail"].note) == ("", "Fetches jars.")
