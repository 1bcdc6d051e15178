"""What works on this machine: engines, configuration, folders, MLflow store, data, credentials.

It lives beside the hooks because it looks at all that a run meets before its first node, by the
same functions that the hooks use; the other adapters know only their own part.
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from boathouse.core.errors import BoathouseError
from boathouse.engines.diagnosis import EngineState, inspect_engines, start_engine
from boathouse.engines.registry import choose_engine
from boathouse.hooks.checks import Check, render_json, render_table
from boathouse.hooks.conf_check import ConfState, read_conf
from boathouse.hooks.environments import list_environments, require_environment
from boathouse.hooks.failures import say_error
from boathouse.hooks.locations import require_writable
from boathouse.hooks.tracking_store import check_tracking_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kedro.pipeline import Pipeline

__all__ = ["Check", "examine", "render_json", "render_table"]

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
    pipelines, finding = _load_pipelines()
    names = dict.fromkeys([*list_environments(conf_source), environment])
    states = {name: read_conf(conf_source, name, pipelines) for name in names}
    chosen = states[environment]
    return (
        _check_python(),
        finding,
        *_check_engines(chosen),
        *(_check_conf(name, state, needed=name == environment) for name, state in states.items()),
        *_check_places(chosen),
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


def _check_places(conf: ConfState) -> Iterator[Check]:
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


def _try(name: str, found: str, check: Callable[[], None]) -> Check:
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
