"""Sail starts quietly, in UTC, on the loopback interface."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from boathouse.errors import EngineError
from boathouse.tables.engines.sail import SailEngine

_SESSION = """
from boathouse.tables.engines import get_engine, stop_engines
session = get_engine("sail").session()
print(session.conf.get("spark.sql.session.timeZone"), get_engine("sail")._server.listening_address[0])
print(session.range(3).count())
stop_engines()
print(get_engine("sail").session().range(2).count())
"""


def test_a_session_is_quiet_local_in_utc_and_can_be_restarted() -> None:
    """Nothing is printed on standard error."""
    out = subprocess.run([sys.executable, "-c", _SESSION], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["UTC", "127.0.0.1", "3", "2"]
    assert out.stderr == ""


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command installs it."""
    monkeypatch.setitem(sys.modules, "pysail.spark", None)
    with pytest.raises(EngineError, match=r"pysail.* is missing. Install it: pip install 'boathouse\[local\]'"):
        SailEngine().session()


def test_an_engine_is_abandoned_although_a_call_of_it_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel waits for its calls when it is closed, and one that was interrupted may have no end."""
    monkeypatch.setattr("boathouse.tables.engines.sail._LONGEST_CLOSE_S", 0.05)
    end = threading.Event()
    engine: Any = SailEngine()
    engine._session = SimpleNamespace(client=SimpleNamespace(_channel=SimpleNamespace(close=end.wait)))
    abandoned = threading.Thread(target=engine.abandon, daemon=True)
    abandoned.start()
    abandoned.join(60)
    assert not abandoned.is_alive()
    assert not engine.is_running
    end.set()
