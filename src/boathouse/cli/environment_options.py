"""The options that say which environment a command is about, and what all commands print and stop alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from boathouse.environment import DEFAULT, open_environment

JSON_OUTPUT = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def ENVIRONMENT(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - used like the options it adds
    """Add ``--env`` and ``--conf-source``; the command gets the opened environment as ``environment``."""

    @wraps(command)
    def opened(*, env: str, conf_source: Path, **given: Any) -> Any:  # noqa: ANN401 - the command's own
        return command(environment=open_environment(env, conf_source), **given)

    source = click.option(
        "--conf-source", type=click.Path(path_type=Path), default=Path("conf"), help="Configuration; default: ./conf."
    )
    name = click.option("--env", "-e", default=DEFAULT, help=f"Environment. Default: {DEFAULT}.")
    return name(source(opened))


@contextmanager
def engines() -> Iterator[None]:
    """Stop the engines at the end."""
    from boathouse.tables.engines import stop_engines

    try:
        yield
    finally:
        stop_engines()


def show_json(content: object) -> None:
    """Print ``content`` as JSON; times in ISO form."""
    click.echo(json.dumps(content, indent=2, default=str))
