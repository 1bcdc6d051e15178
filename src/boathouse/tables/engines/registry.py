"""Which engine a run uses, chosen and never guessed; one of each name in a process; which can start here."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, cast

from boathouse.errors import EngineError
from boathouse.options import require_choice

if TYPE_CHECKING:
    from boathouse.tables.engines.base import Engine


# Modules are named, not imported: a run loads the engine it uses and no other.
_CLASSES = {
    "sail": ("boathouse.tables.engines.sail", "SailEngine"),
    "spark": ("boathouse.tables.engines.spark", "SparkEngine"),
    "databricks": ("boathouse.tables.engines.databricks", "DatabricksEngine"),
}
ENGINES = tuple(sorted(_CLASSES))
_engines: dict[str, Engine] = {}
_lock = threading.Lock()


def get_engine(name: str) -> Engine:
    """Return the process's engine ``name``; starts no session.

    Raises:
        OptionError: If there is no engine of that name.
    """
    require_choice("engine", name, _CLASSES)
    with _lock:
        if name not in _engines:
            module, class_name = _CLASSES[name]
            _engines[name] = cast("Engine", getattr(import_module(module), class_name)())
        return _engines[name]


def running_engines() -> tuple[Engine, ...]:
    """Return the engines whose session is open."""
    return tuple(engine for engine in list(_engines.values()) if engine.is_running)


def stop_engines() -> None:
    """Stop every engine that runs."""
    for engine in running_engines():
        engine.stop()


def abandon_engines() -> None:
    """Let go of every engine that runs, for a process that is about to end."""
    for engine in running_engines():
        engine.abandon()


def choose_engine(default: str) -> str:
    """Return the engine's name.

    On a Databricks runtime it is ``databricks``; elsewhere it is the environment variable
    ``BOATHOUSE_ENGINE``, else ``default``.

    Raises:
        OptionError: If the name is none of the known engines.
    """
    if os.environ.get("DATABRICKS_RUNTIME_VERSION"):
        return "databricks"
    engine = os.environ.get("BOATHOUSE_ENGINE") or default
    require_choice("engine", engine, ENGINES)
    return engine


@dataclass(frozen=True, kw_only=True)
class EngineState:
    """Whether one engine can be used on this machine.

    Attributes:
        name: Engine.
        version: Version of its packages, or ``not installed``.
        problem: What is missing and the command that installs it; empty if nothing is.
        note: What a user should know though nothing is missing.
    """

    name: str
    version: str
    problem: str = ""
    note: str = ""


def inspect_engines() -> tuple[EngineState, ...]:
    """Return the state of every engine from what is installed and set; starts none."""
    return tuple(_inspect(name) for name in ENGINES)


def start_engine(name: str) -> EngineState:
    """Return the state of ``name`` after it has started, counted one row and stopped."""
    engine = get_engine(name)
    started = perf_counter()
    try:
        rows = engine.session().range(1).count()
    except EngineError as error:
        return EngineState(name=name, version=engine.version(), problem=str(error))
    finally:
        engine.stop()
    note = f"started and counted {rows} row in {perf_counter() - started:.1f} s"
    return EngineState(name=name, version=engine.version(), note=note)


def _inspect(name: str) -> EngineState:
    engine = get_engine(name)
    try:
        engine.check()
    except EngineError as error:
        return EngineState(name=name, version=engine.version(), problem=str(error))
    return EngineState(name=name, version=engine.version(), note=engine.note())
