"""How a command reads the configuration of an environment, and points MLflow at its stores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def open_conf(env: str, conf_source: Path) -> Any:  # noqa: ANN401 - Kedro's loader
    """Return the loader of the environment's configuration; nothing of MLflow or an engine is imported.

    Raises:
        ConfigError: If there is no such environment.
    """
    from kedro.framework.project import configure_project, settings

    from boathouse.hooks.environments import require_environment

    require_environment(env, conf_source)
    configure_project("boathouse")
    return settings.CONFIG_LOADER_CLASS(str(conf_source), env=env, **settings.CONFIG_LOADER_ARGS)


def read_documents(loader: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the endpoints of ``endpoints*.yml`` by name; nothing without such a file."""
    from kedro.config import MissingConfigException

    try:
        return dict(loader["endpoints"])
    except MissingConfigException:
        return {}


def use_stores(server: Mapping[str, Any]) -> None:
    """Set tracking and registry for this process, as the block ``server`` of mlflow.yml names them."""
    import mlflow

    mlflow.set_tracking_uri(server["mlflow_tracking_uri"])
    if server.get("mlflow_registry_uri"):
        mlflow.set_registry_uri(server["mlflow_registry_uri"])
