"""``boathouse doctor``: what works on this machine, and the command that installs or repairs what does not.

It looks at what a run meets before its first node, by the same functions as the hooks.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.cli.checks import Check, render_json, render_table
from boathouse.cli.conf_state import ConfState, read_conf
from boathouse.cli.environment_options import DATA_DIR, NAMES, default_conf, default_environment, use_data_dir
from boathouse.environment import (
    DEFAULT,
    list_environments,
    open_environment,
    require_environment,
)
from boathouse.errors import BoathouseError
from boathouse.hooks.failures import say_error
from boathouse.hooks.tracking import check_tracking_store, require_writable
from boathouse.lifecycle.policy import is_on_platform
from boathouse.locations import locate_data_folder
from boathouse.tables.engines.registry import EngineState, choose_engine, inspect_engines, start_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kedro.pipeline import Pipeline


@click.command(epilog="Example: boathouse doctor --env prod")
@click.option("--env", "-e", default=None, help=f"Environment whose set-up decides the exit code. Default: {DEFAULT}.")
@click.option("--conf-source", type=click.Path(path_type=Path), default=None, help="Configuration; default: ./conf.")
@NAMES
@DATA_DIR
@click.option("--service-principal", default=None, help="Application id that must run this, on Databricks.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(
    env: str | None, conf_source: Path | None, data_dir: Path | None, service_principal: str | None, *, as_json: bool
) -> None:
    """Check what works here and what is missing.

    With the command that installs or repairs it. Checks engines, the configuration of every environment, folders,
    the MLflow store, data and the names of credentials (never their values); on Databricks identity, catalog, schemas,
    volume, rights, registry and secrets. Exit code 0 only if the chosen engine and environment work.
    """
    use_data_dir(data_dir)
    conf, name = conf_source or default_conf(), env or default_environment()
    checks = examine(conf, name)
    if is_on_platform():
        checks += check_workspace(conf, name, service_principal)
    click.echo(render_json(checks) if as_json else render_table(checks))
    if any(check.status == "fail" for check in checks):
        raise click.exceptions.Exit(1)


def check_workspace(conf_source: Path, environment: str, service_principal: str | None) -> tuple[Check, ...]:
    """Return what the workspace of this Databricks runtime lacks for ``environment``.

    Args:
        conf_source: The configuration.
        environment: Name of the environment.
        service_principal: Application id that its jobs run as; None if any identity will do.
    """
    from boathouse.cli.platform_checks import check_platform

    try:
        opened = open_environment(environment, conf_source)
        return check_platform(opened, conf_source, service_principal)
    except Exception as error:  # noqa: BLE001  # a broken configuration, which the checks before it name in full
        return (Check(name="workspace", status="fail", detail=f"not looked at: {say_error(error)}"),)


# What each service reads; only the names are ever shown.
_CREDENTIALS = {
    "Databricks": (
        "DATABRICKS_HOST",
        "DATABRICKS_TOKEN",
        "DATABRICKS_CLIENT_ID",
        "DATABRICKS_CLIENT_SECRET",
        "DATABRICKS_CONFIG_PROFILE",
    ),
    "MLflow server": ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
}


def examine(conf_source: Path, environment: str) -> tuple[Check, ...]:
    """Return all findings for the set-up of ``environment`` and the engine it chooses.

    Raises:
        ConfigError: If there is no configuration or no such environment.
    """
    require_environment(environment, conf_source)
    data = _try("data folder", os.environ.get("BOATHOUSE_DATA") or "./data", locate_data_folder)
    if data.status == "fail":
        # No environment can be opened, and an engine may not even start.
        return _check_python(), data
    pipelines, finding = _load_pipelines()
    names = dict.fromkeys([*list_environments(conf_source), environment])
    states = {name: read_conf(conf_source, name, pipelines, is_other=name != environment) for name in names}
    chosen = states[environment]
    return (
        _check_python(),
        data,
        finding,
        *_check_engines(chosen),
        *(_check_conf(name, state, needed=name == environment) for name, state in states.items()),
        *_check_locations(chosen),
        *_check_credentials(),
    )


def _check_python() -> Check:
    found = platform.python_version()
    fits = (3, 11) <= tuple(int(part) for part in found.split(".")[:2]) < (3, 13)
    return Check(
        name="python", status="ok" if fits else "fail", detail=found if fits else f"{found}; needs 3.11 or 3.12"
    )


def _load_pipelines() -> tuple[dict[str, Pipeline], Check]:
    from kedro.framework.project import pipelines

    try:
        found = dict(pipelines)
    except Exception as error:  # noqa: BLE001  # whatever a broken pipeline raises is the finding
        return {}, Check(name="pipelines", status="fail", detail=say_error(error))
    nodes = len(found["__default__"].nodes)
    return found, Check(name="pipelines", status="ok", detail=f"{len(found) - 1} pipelines, {nodes} nodes")


def _check_engines(conf: ConfState) -> Iterator[Check]:
    """Yield one finding an engine; the chosen one is started for it."""
    try:
        chosen = conf.engine or choose_engine("sail")
    except BoathouseError as error:
        chosen = ""
        yield Check(name="engine", status="fail", detail=str(error))
    for state in inspect_engines():
        if state.name == chosen:
            yield _judge_chosen(state if state.problem else start_engine(chosen))
        else:
            text = state.problem or " · ".join(filter(None, [state.version, state.note]))
            yield Check(name=f"engine {state.name}", status="warn" if state.problem else "ok", detail=text)


def _judge_chosen(state: EngineState) -> Check:
    text = state.problem or " · ".join(filter(None, [state.version, state.note]))
    return Check(name=f"engine {state.name} (chosen)", status="fail" if state.problem else "ok", detail=text)


def _check_conf(name: str, state: ConfState, *, needed: bool) -> Check:
    if not state.problems:
        return Check(name=f"conf {name}", status="ok", detail=state.summary)
    return Check(name=f"conf {name}", status="fail" if needed else "warn", detail="\n".join(state.problems))


def _check_locations(conf: ConfState) -> Iterator[Check]:
    if conf.lakehouse_root and conf.engine != "databricks":
        yield _try("lakehouse", conf.lakehouse_root, lambda: require_writable(conf.lakehouse_root, purpose="tables"))
    if conf.reports_folder:
        yield _try("reports", conf.reports_folder, lambda: require_writable(conf.reports_folder, purpose="reports"))
    if conf.tracking_uri:
        yield _try("mlflow store", conf.tracking_uri, lambda: check_tracking_store(conf.tracking_uri))
    missing = [path for path in conf.extracts if not os.path.exists(path)]  # noqa: PTH110  # may be a URL
    if missing:
        text = f"missing: {', '.join(missing)}. Put the extracts there, or set BOATHOUSE_DATA."
        yield Check(name="extracts", status="fail", detail=text)
    elif conf.extracts:
        yield Check(name="extracts", status="ok", detail=f"{len(conf.extracts)} files present")


def _try(name: str, found: str, check: Callable[[], object]) -> Check:
    try:
        check()
    except BoathouseError as error:
        return Check(name=name, status="fail", detail=str(error))
    return Check(name=name, status="ok", detail=found)


def _check_credentials() -> Iterator[Check]:
    """Yield which credentials are set, by name. Whether an engine lacks one is said by the engine."""
    for service, names in _CREDENTIALS.items():
        present = [name for name in names if os.environ.get(name)]
        text = f"set: {', '.join(present)}" if present else f"none set ({', '.join(names)}); not needed locally"
        yield Check(name=f"credentials {service}", status="ok", detail=text)
