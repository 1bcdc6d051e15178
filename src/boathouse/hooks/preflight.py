"""What must hold before a run begins: a store that answers, folders that can be written, inputs that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from boathouse.core.errors import ConfigError
from boathouse.environment import Environment
from boathouse.hooks.failures import find_resume_nodes, is_ephemeral, resume_command
from boathouse.hooks.logs import quiet_third_parties
from boathouse.hooks.tracking_store import check_tracking_store, require_writable

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog


class PreflightHooks:
    """Stops a run that could only fail half-way, before anything is written."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check folders and store ahead of kedro-mlflow, which opens the store in the same hook."""
        quiet_third_parties()
        environment = Environment.from_conf(context.config_loader)
        if environment.engine != "databricks":
            require_writable(environment.lakehouse["root"], purpose="the tables of the lakehouse")
        check_tracking_store(environment.tracking_uri)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check that no chosen node needs what another node would have kept in memory for it.

        Raises:
            ConfigError: Naming what is needed and the command that begins where it is made.
        """
        needed = sorted(name for name in pipeline.inputs() if _lives_in_memory(name, catalog))
        if needed:
            start = find_resume_nodes(_whole(run_params), pipeline.nodes, catalog)
            message = (
                f"The chosen nodes need {', '.join(needed)}, which lives in memory during a run and is made by nodes "
                f"that were not chosen. Begin with those:\n  {resume_command(run_params, start)}"
            )
            raise ConfigError(message)


def _lives_in_memory(name: str, catalog: DataCatalog) -> bool:
    return not name.startswith(("params:", "parameters")) and is_ephemeral(name, catalog) and not catalog.exists(name)


def _whole(run_params: dict[str, Any]) -> Pipeline:
    """Return the pipelines of the run before nodes were chosen from them."""
    from kedro.framework.project import pipelines

    return sum((pipelines[name] for name in run_params.get("pipeline_names") or ["__default__"]), Pipeline([]))
