"""Which engine a run uses, chosen and never guessed; one of each name in a process."""

from __future__ import annotations

import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING, cast

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
