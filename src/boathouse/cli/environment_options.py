"""What commands have in common: the options that name environment and data, JSON output, and the end of engines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from boathouse.environment import DEFAULT, Environment, open_environment

Options = TypeVar("Options", bound=Callable[..., Any])

JSON_OUTPUT = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the data, the tables and the MLflow store; sets BOATHOUSE_DATA. Default: ./data.",
)


def set_variable(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Set the variable that an option stands for until the command ends; empty is not given."""
    variable = f"BOATHOUSE_{str(option.name).upper()}"
    if value:
        _set_until_end(context, variable, value)


def _set_until_end(context: click.Context, variable: str, value: str) -> None:
    before = os.environ.get(variable)
    os.environ[variable] = value

    @context.call_on_close
    def restore() -> None:
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before


def NAMES(command: Options) -> Options:  # noqa: N802 - used like the options it adds, on functions and commands
    """Add ``--catalog`` and ``--schema-prefix``, which name the environment's tables and models for one command."""
    catalog = click.option(
        "--catalog",
        expose_value=False,
        callback=set_variable,
        help="First part of names of tables and models; BOATHOUSE_CATALOG. Default: as in conf.",
    )
    prefix = click.option(
        "--schema-prefix",
        expose_value=False,
        callback=set_variable,
        help="What each schema begins with; BOATHOUSE_SCHEMA_PREFIX. Default: as in conf.",
    )
    named: Options = catalog(prefix(command))
    return named


def use_data_dir(data_dir: Path | None) -> None:
    """Set ``BOATHOUSE_DATA``, which the configuration reads, until the command ends."""
    if data_dir is not None:
        _set_until_end(click.get_current_context(), "BOATHOUSE_DATA", data_dir.absolute().as_posix())


def default_environment() -> str:
    """Return the environment of a command that names none."""
    return os.environ.get("KEDRO_ENV") or DEFAULT


def default_conf() -> Path:
    """Return the configuration of the project that the current folder is in, else ``conf`` in that folder."""
    from kedro.utils import find_kedro_project

    return Path(find_kedro_project(Path.cwd()) or Path.cwd()) / "conf"


def _declare_identity(context: click.Context, _option: click.Parameter, name: str | None) -> None:
    """Have ``name`` act in this command: sets ``BOATHOUSE_USER``, which identities are read from, until it ends."""
    if not name:
        return
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        raise click.UsageError("--as has no place here: on Databricks the platform says who you are. Leave it out.")
    _set_until_end(context, "BOATHOUSE_USER", name)


# The name that acts, declared by who types it; recorded with that mark.
ACT_AS = click.option(
    "--as",
    "acting_as",
    metavar="NAME",
    expose_value=False,
    callback=_declare_identity,
    help="Act under this name; recorded as declared, which proves nothing. Default: your account.",
)


def ENVIRONMENT(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - used like the options it adds
    """Add ``--env``, ``--conf-source`` and :func:`NAMES`; the command gets the opened ``environment``."""

    @wraps(command)
    def opened(*, env: str, conf_source: Path, **given: Any) -> Any:  # noqa: ANN401 - the command's own
        return command(environment=open_environment(env, conf_source), **given)

    source = click.option(
        "--conf-source", type=click.Path(path_type=Path), default=Path("conf"), help="Configuration; default: ./conf."
    )
    name = click.option("--env", "-e", default=DEFAULT, help=f"Environment. Default: {DEFAULT}.")
    return name(source(NAMES(opened)))


def WRITES(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - used like the options beside it
    """Have the command, below ``ENVIRONMENT``, refuse to write where code or configuration is not released.

    Raises:
        ReleaseError: If they are not, and the environment asks for it.
    """

    @wraps(command)
    def checked(*words: Any, environment: Environment, **given: Any) -> Any:  # noqa: ANN401 - the command's own
        from boathouse.hooks.releases import check_writing

        check_writing(environment)
        return command(*words, environment=environment, **given)

    return checked


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
