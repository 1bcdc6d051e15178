"""The command line: ``boathouse …``, a module for each group of commands, imported when one is called."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the group of commands, which Kedro looks for here
    """Import the commands when they are asked for: the process of an endpoint's worker needs none of them."""
    if name != "cli":
        raise AttributeError(name)
    from boathouse.cli.main import cli

    return cli
