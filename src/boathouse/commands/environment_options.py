"""The options that say which environment a command is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def ENVIRONMENT(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - used like the options it adds
    """Add ``--env`` and ``--conf-source``."""
    for option in (
        click.option(
            "--conf-source",
            type=click.Path(path_type=Path),
            default=Path("conf"),
            help="Configuration; default: ./conf.",
        ),
        click.option("--env", "-e", default="dev", help="Environment. Default: dev."),
    ):
        command = option(command)
    return command
