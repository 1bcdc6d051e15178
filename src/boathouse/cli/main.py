"""The command line: ``boathouse …``, and the same commands as ``kedro …`` inside the project."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from boathouse import __version__
from boathouse.cli.environment_options import DATA_DIR, default_conf, default_environment, use_data_dir
from boathouse.environment import DEFAULT, require_environment
from boathouse.errors import ConfigError
from boathouse.hooks.failures import describe_failure
from boathouse.hooks.logs import is_debugging
from boathouse.pipeline_registry import FLOW, ON_REQUEST, WHOLE
from boathouse.tables.engines.registry import choose_engine

_VERBOSE = click.Option(["--verbose", "-v"], is_flag=True, help="Show the traceback of an error; as BOATHOUSE_DEBUG=1.")
_STRICT = click.Option(["--strict"], is_flag=True, help="Fail if no champion can score; for jobs that must score.")
_RUN_HELP = f"""Run pipelines, by default all of them.

In this order: {", ".join(WHOLE)}.
On request also {", ".join(ON_REQUEST)}.

The environment (--env) is a layer of the configuration, dev by default. The engine is BOATHOUSE_ENGINE
(sail or spark), else the one in globals.yml; on a Databricks runtime it is databricks.
Outside the project give --conf-source and --data-dir."""

# Where Kedro's own help is not true of its version 1.7 or of this project's settings.
_TRUE_HELP = {
    "env": f"Environment: a folder of the configuration. Defaults to `{DEFAULT}`.",
    "params": "Parameters for this run alone: name=value, comma-separated; nested names by dots, "
    "training.split.seed=1. Checked as those in the files are.",
    "conf_source": "Configuration: a folder, .tar.gz or .zip. Defaults to ./conf of the project.",
}


# Each is a module of boathouse.cli and the command of the same name in it.
_COMMANDS = (
    "audit",
    "doctor",
    "endpoints",
    "experiments",
    "features",
    "infer",
    "models",
    "package",
    "requests",
    "serve",
    "simulate",
    "sql",
    "tokens",
    "trace",
)


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
@click.version_option(__version__, "--version", "-V", prog_name="boathouse")
def cli() -> None:
    """Boathouse: the whole life of a model on tables, on a laptop and on Databricks."""


def _run(*, data_dir: Path | None, verbose: bool, strict: bool, **options: Any) -> Any:  # noqa: ANN401
    """Check the names given, then hand over to Kedro; turn an error into one clear block."""
    if strict:
        options["params"] = {**(options.get("params") or {}), "strict": True}
    try:
        use_data_dir(data_dir)
        _check_names(options)
        return kedro_run.callback(**_name_pipelines(options))  # type: ignore[misc]
    except click.exceptions.Exit:
        raise
    except KeyboardInterrupt:
        _abandon_run()
        raise
    except Exception as error:  # the one place where an error becomes a message and an exit code
        text = describe_failure(error, with_traceback=verbose or is_debugging())
        raise CommandFailedError(text) from error


def _correct_help(option: click.Parameter) -> click.Parameter:
    """Return Kedro's option with help that is true of this project."""
    corrected = copy.copy(option)
    if isinstance(corrected, click.Option) and corrected.name in _TRUE_HELP:
        corrected.help = _TRUE_HELP[corrected.name]
    return corrected


run = DATA_DIR(
    click.Command(
        "run",
        params=[*map(_correct_help, kedro_run.params), _STRICT, _VERBOSE],
        callback=_run,
        help=_RUN_HELP,
        epilog="Example: boathouse run --pipelines training,evaluation --env dev",
    )
)
cli.add_command(run)


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
            return act(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.exceptions.Abort, BrokenPipeError):
            raise
        except Exception as error:  # as in _run: here an error becomes a message and an exit code
            raise CommandFailedError(describe_failure(error, with_traceback=is_debugging())) from error

    command.callback = guarded
    return command


def _check_names(options: dict[str, Any]) -> None:
    """Check environment, pipelines and engine by name, before anything is imported or started."""
    conf_source = options.get("conf_source") or ""
    if "://" not in conf_source:
        require_environment(
            options.get("env") or default_environment(), Path(conf_source) if conf_source else default_conf()
        )
    known = ("__default__", *FLOW)
    for name in [*(options.get("pipelines") or ()), *filter(None, [options.get("pipeline")])]:
        if name not in known:
            message = f"Unknown pipeline '{name}'. There are: {', '.join(FLOW)}."
            raise ConfigError(message)
    choose_engine("sail")


def _name_pipelines(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with ``--pipeline`` in the form that Kedro does not warn about."""
    single = options.get("pipeline")
    if single and not options.get("pipelines"):
        return {**options, "pipeline": None, "pipelines": [single]}
    return options


def _abandon_run() -> None:
    """Leave no run open and no engine running after Ctrl-C."""
    from boathouse.tables.engines import stop_engines

    mlflow = sys.modules.get("mlflow")
    if mlflow is not None:
        while mlflow.active_run():
            mlflow.end_run("KILLED")
    stop_engines()


# Commands that read the ledger and the registry alone: what the settings name, hooks above all, takes long to import.
_READING = frozenset({("audit",), ("requests",), ("trace",), ("models", "list"), ("models", "show")})


def reads_alone(words: Sequence[str]) -> bool:
    """Return whether the command needs nothing of the project's settings."""
    return bool({tuple(words[:1]), tuple(words[:2])} & _READING)


def main(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    """Run the command line of the installed package.

    In an interactive interpreter, such as the one of a Databricks wheel task, nothing calls
    ``sys.exit``: the result is returned and an error is raised.
    """
    words = list(args[0]) if args else sys.argv[1:]
    if not reads_alone(words):
        from kedro.framework.project import configure_project

        configure_project("boathouse")
    kwargs.setdefault("standalone_mode", not hasattr(sys, "ps1"))
    return cli(*args, **kwargs)
