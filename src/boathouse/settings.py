"""Kedro settings: how configuration is merged and which hooks a run gets."""

from kedro.config import OmegaConfigLoader

from boathouse import environment
from boathouse.hooks.governance import GovernanceHooks
from boathouse.hooks.lineage import LineageHooks
from boathouse.hooks.logs import quiet_logs
from boathouse.hooks.parameters import ParameterHooks
from boathouse.hooks.preflight import DeploymentHooks, PreflightHooks
from boathouse.hooks.progress import ProgressHooks
from boathouse.hooks.session import EngineSessionHooks
from boathouse.hooks.tracking import TrackingRunHooks

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
CONFIG_LOADER_ARGS = environment.CONFIG_LOADER_ARGS
