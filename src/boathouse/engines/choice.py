"""Which engine a run uses: chosen, never guessed."""

from __future__ import annotations

import os

from boathouse.core.options import require_choice

ENGINES = ("databricks", "sail", "spark")


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
