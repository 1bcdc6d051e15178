"""``boathouse run`` and ``kedro run``: Kedro's own command, with names checked and errors in one block."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from boathouse.cli.environment_options import (
    DATA_DIR,
    NAMES,
    default_conf,
    default_environment,
    set_variable,
    use_data_dir,
)
from boathouse.cli.interruption import end_on_signals
from boathouse.cli.main import CommandFailedError, abandon
from boathouse.environment import DEFAULT, require_environment
from boathouse.errors import ConfigError
from boathouse.hooks.failures import describe_failure
from boathouse.hooks.logs import is_debugging
from boathouse.pipeline_registry import FLOW, ON_REQUEST, WHOLE
from boathouse.tables.engines.registry import choose_engine

_VERBOSE = click.Option(["--verbose", "-v"], is_flag=True, help="Show the traceback of an error; as BOATHOUSE_DEBUG=1.")
_STRICT = click.Option(["--strict"], is_flag=True, help="Fail if no champion can score; for jobs that must score.")
_JOB_RUN = click.Option(
    ["--job-run-id"],
    metavar="ID",
    expose_value=False,
    callback=set_variable,
    help="Run of the job that this is, for the record: {{job.run_id}} in a bundle.",
)
_RUN_HELP = f"""Run pipelines, by default all of them.

In this order: {", ".join(WHOLE)}.
On request also {", ".join(ON_REQUEST)}.

The environment (--env) is a layer of the configuration, dev by default. The engine is BOATHOUSE_ENGINE
(sail or spark), else the one in globals.yml; on a Databricks runtime it is databricks.
Outside the project give --conf-source and --data-dir."""

_AFTER_RUN = (
    "Each table is as before or after a save, and the MLflow run is marked as KILLED. Run the same command again: what "
    "is saved already is not saved twice."
)

# Where Kedro's own help is not true of its version 1.7 or of this project's settings.
_TRUE_HELP = {
    "env": f"Environment: a folder of the configuration. Defaults to `{DEFAULT}`.",
    "params": "Parameters for this run alone: name=value, comma-separated; nested names by dots, "
    "training.split.seed=1. Checked as those in the files are. One without a value (name=) is "
    "not given: the value in the files holds.",
    "conf_source": "Configuration: a folder, .tar.gz or .zip. Defaults to ./conf of the project.",
}


def _run(*, data_dir: Path | None, verbose: bool, strict: bool, **options: Any) -> Any:  # noqa: ANN401
    """Check the names given, then hand over to Kedro; turn an error into one clear block."""
    options["params"] = _keep_empty(options.get("params") or {}) | ({"strict": True} if strict else {})
    try:
        with end_on_signals(abandon, advice=_AFTER_RUN):
            use_data_dir(data_dir)
            _check_names(options)
            return kedro_run.callback(**_name_pipelines(options))  # type: ignore[misc]
    except click.exceptions.Exit:
        raise
    except Exception as error:  # the one place where an error becomes a message and an exit code
        text = describe_failure(error, with_traceback=verbose or is_debugging())
        raise CommandFailedError(text) from error


def _keep_empty(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with the empty text back, of which Kedro makes None: it is not given, not null."""
    return {
        name: _keep_empty(value) if isinstance(value, dict) else "" if value is None else value
        for name, value in params.items()
    }


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


def _correct_help(option: click.Parameter) -> click.Parameter:
    """Return Kedro's option with help that is true of this project."""
    corrected = copy.copy(option)
    if isinstance(corrected, click.Option) and corrected.name in _TRUE_HELP:
        corrected.help = _TRUE_HELP[corrected.name]
    return corrected


run = DATA_DIR(
    click.Command(
        "run",
        params=[*map(_correct_help, kedro_run.params), _STRICT, _JOB_RUN, _VERBOSE],
        callback=_run,
        help=_RUN_HELP,
        epilog="Example: boathouse run --pipelines training,evaluation --env dev",
    )
)
run = NAMES(run)
