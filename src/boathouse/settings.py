"""Kedro settings: how configuration is merged and which hooks a run gets."""

from typing import Any

from kedro.config import OmegaConfigLoader

from boathouse.engines.registry import choose_engine
from boathouse.hooks.deployment import DeploymentHooks
from boathouse.hooks.engine_session import EngineSessionHooks
from boathouse.hooks.governance import GovernanceHooks
from boathouse.hooks.lineage import LineageHooks
from boathouse.hooks.locations import (
    locate_artifacts,
    locate_data,
    locate_mlflow,
    locate_registry,
    name_experiment,
)
from boathouse.hooks.logs import quiet_logs
from boathouse.hooks.parameters import ParameterHooks
from boathouse.hooks.preflight import PreflightHooks
from boathouse.hooks.progress import ProgressHooks
from boathouse.hooks.tracking_run import TrackingRunHooks

quiet_logs()

# Of the same hook, the last of the list is called first, and the hooks of plugins before all of these.
HOOKS = (
    EngineSessionHooks(),
    TrackingRunHooks(),
    GovernanceHooks(),
    LineageHooks(),
    ProgressHooks(),
    PreflightHooks(),
    DeploymentHooks(),
    ParameterHooks(),
)
# It would ask the network; nothing here is reported to anybody.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "dev",
    # A nested key of an environment replaces that key alone, not its whole branch.
    "merge_strategy": {
        "globals": "soft",
        "parameters": "soft",
        "mlflow": "soft",
        "endpoints": "soft",
        "rollouts": "soft",
    },
    "config_patterns": {
        "mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"],
        "endpoints": ["endpoints*", "endpoints*/**", "**/endpoints*"],
        "rollouts": ["rollouts*", "rollouts*/**", "**/rollouts*"],
    },
    "custom_resolvers": {
        "boathouse.engine": choose_engine,
        "boathouse.data": locate_data,
        "boathouse.mlflow": locate_mlflow,
        "boathouse.registry": locate_registry,
        "boathouse.experiment": name_experiment,
        "boathouse.artifacts": locate_artifacts,
    },
}
