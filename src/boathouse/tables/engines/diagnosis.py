"""Which engines can start here, without starting more than the chosen one."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from boathouse.errors import EngineError
from boathouse.tables.engines.registry import ENGINES, get_engine
from boathouse.tables.engines.spark import find_delta_jar


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
    note = ""
    if name == "spark" and find_delta_jar() is None:
        note = "Delta's jars are not here yet: the first start fetches them, or `make jars` beforehand"
    return EngineState(name=name, version=engine.version(), note=note)
