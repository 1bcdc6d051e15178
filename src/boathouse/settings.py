"""Kedro settings: how configuration is merged and which hooks a run gets."""

from kedro.config import OmegaConfigLoader

from boathouse.engines.choice import choose_engine
from boathouse.hooks.locations import locate_data, locate_mlflow

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "dev",
    # A nested key of an environment replaces that key alone, not its whole branch.
    "merge_strategy": {"globals": "soft", "parameters": "soft", "mlflow": "soft"},
    "custom_resolvers": {
        "boathouse.engine": choose_engine,
        "boathouse.data": locate_data,
        "boathouse.mlflow": locate_mlflow,
    },
}
