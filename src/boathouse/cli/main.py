"""The command line: ``boathouse …``, and the same commands as ``kedro …`` inside the project."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import wraps
from importlib import import_module
from typing import Any

import click

from boathouse.cli.interruption import end_on_signals
from boathouse.hooks.failures import describe_failure
from boathouse.hooks.logs import is_debugging, quiet_third_parties, set_quiet_defaults

# Each is a module of boathouse.cli and the command of the same name in it.
_COMMANDS = (
    "alerts",
    "audit",
    "bundle",
    "doctor",
    "endpoints",
    "experiments",
    "features",
    "infer",
    "models",
    "monitor",
    "package",
    "replay",
    "requests",
    "retrain",
    "run",
    "serve",
    "simulate",
    "sql",
    "tokens",
    "trace",
)

_AFTER_COMMAND = "Nothing is half-written; run the same command again, or see what it did first."

# Commands whose errors are shown as one block; a command is looked up each time it is asked for.
_GUARDED: set[click.Command] = set()


class CommandFailedError(click.ClickException):
    """A command that failed; shown as one block on standard error, exit code 1."""

    def show(self, file: Any = None) -> None:  # noqa: ANN401
        """Print the block."""
        click.secho(self.message, file=file or sys.stderr, fg="red", err=True)


class LazyGroup(click.Group):
    """A group whose commands of :mod:`boathouse.cli` are imported when one is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(f"boathouse.cli.{cmd_name}"), cmd_name)
        return guard_command(command)


@click.group(name="boathouse", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    "-V",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=lambda context, _option, asked: _show_version(context) if asked else None,
    help="Show the version and exit.",
)
def cli() -> None:
    """Boathouse: the whole life of a model on tables, on a laptop and on Databricks."""


def _show_version(context: click.Context) -> None:
    """Print the version, with the commit and the difference that it is of where it is not released, and end."""
    from boathouse.hooks.provenance import read_source_state
    from boathouse.hooks.release_record import name_version

    if not context.resilient_parsing:
        click.echo(f"boathouse, version {name_version(read_source_state())}")
        context.exit()


def guard_command(command: click.Command) -> click.Command:
    """Return ``command``, and the commands below it, with errors shown as one block and exit code 1."""
    if isinstance(command, click.Group):
        command.commands = {name: guard_command(each) for name, each in command.commands.items()}
        return command
    act = command.callback
    if act is None or command in _GUARDED:
        return command
    _GUARDED.add(command)

    @wraps(act)
    def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            with end_on_signals(abandon, advice=_AFTER_COMMAND):
                return act(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.exceptions.Abort, BrokenPipeError):
            raise
        except Exception as error:  # as in _run: here an error becomes a message and an exit code
            raise CommandFailedError(describe_failure(error, with_traceback=is_debugging())) from error

    command.callback = guarded
    return command


def abandon() -> None:
    """Leave no run open and have no engine called any more."""
    # What knows an engine or MLflow is imported only where it is in use.
    engines = sys.modules.get("boathouse.tables.engines.registry")
    if engines is not None:
        engines.abandon_engines()
    if "mlflow" in sys.modules:
        from boathouse.hooks.tracking import abandon_runs

        abandon_runs()


# Commands that read the ledger and the registry alone: what the settings name, hooks above all, takes long to import.
_READING = frozenset(
    {("audit",), ("requests",), ("trace",), *(("models", name) for name in ("list", "show"))}
    | {("alerts", name) for name in ("list", "explain")}
)


def reads_alone(words: Sequence[str]) -> bool:
    """Return whether the command needs nothing of the project's settings."""
    return bool({tuple(words[:1]), tuple(words[:2])} & _READING)


def main(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    """Run the command line of the installed package.

    In an interactive interpreter, such as the one of a Databricks wheel task, nothing calls
    ``sys.exit``: the result is returned and an error is raised.
    """
    set_quiet_defaults()
    words = list(args[0]) if args else sys.argv[1:]
    # Without the settings, which do so after Kedro is imported, nothing else does.
    quiet_third_parties()
    if not reads_alone(words):
        from kedro.framework.project import configure_project

        configure_project("boathouse")
    kwargs.setdefault("standalone_mode", not hasattr(sys, "ps1"))
    return cli(*args, **kwargs)
