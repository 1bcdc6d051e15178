"""Kedro settings: how configuration is merged and which hooks a run gets."""

# ruff: noqa: E402 - signals are expected before the imports that take seconds
from boathouse.cli.interruption import expect_signals

expect_signals()

from boathouse import environment
from boathouse.hooks.governance import DeploymentHooks, GovernanceHooks
from boathouse.hooks.lineage import LineageHooks
from boathouse.hooks.logs import quiet_logs
from boathouse.hooks.preflight import PreflightHooks
from boathouse.hooks.progress import ProgressHooks
from boathouse.hooks.session import EngineSessionHooks, ReadOnceConfigLoader
from boathouse.hooks.tracking import TrackingRunHooks
from boathouse.hooks.usage import UsageHooks
from boathouse.pipelines.run_catalog import RunCatalog

quiet_logs()

# Of the same hook, the last of the list is called first, and the hooks of plugins before all of these.
HOOKS = (
    EngineSessionHooks(),
    TrackingRunHooks(),
    GovernanceHooks(),
    LineageHooks(),
    UsageHooks(),
    ProgressHooks(),
    DeploymentHooks(),
    PreflightHooks(),
)
# It would ask the network; nothing here is reported to anybody.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)

DATA_CATALOG_CLASS = RunCatalog
CONFIG_LOADER_CLASS = ReadOnceConfigLoader
CONFIG_LOADER_ARGS = environment.CONFIG_LOADER_ARGS
