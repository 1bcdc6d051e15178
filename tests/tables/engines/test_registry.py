"""One engine of each name; nothing starts by itself."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from boathouse.errors import OptionError
from boathouse.tables.engines import get_engine
from boathouse.tables.engines.base import Capabilities, Engine


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


def test_a_stopped_engine_starts_anew() -> None:
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
    """The closed list is told."""
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
