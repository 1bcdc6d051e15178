"""What must hold before a run begins: valid parameters, writable folders, a store that answers, inputs that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from boathouse.errors import ConfigError
from boathouse.hooks.failures import find_resume_nodes, is_ephemeral, resume_command
from boathouse.hooks.logs import quiet_third_parties
from boathouse.hooks.parameters import check_parameters
from boathouse.hooks.releases import check_writing, read_release_in_use
from boathouse.hooks.session import environment_of
from boathouse.hooks.tracking import check_tracking_store, require_writable
from boathouse.lifecycle.datasets import ClaimsDataset
from boathouse.registry.first_use import prepare_store

if TYPE_CHECKING:
    from kedro.config import OmegaConfigLoader
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog

    from boathouse.environment import Environment


class PreflightHooks:
    """Stops a run that could only fail half-way, or may not write, before anything is written."""

    def __init__(self) -> None:
        """Start outside any run."""
        self._environment: Environment | None = None

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check parameters, folders and store ahead of kedro-mlflow, which opens the store in the same hook.

        Raises:
            ConfigError: With everything that is wrong with the parameters of the pipelines asked for, or else with the
                folder or the store.
        """
        from kedro.framework.project import pipelines

        quiet_third_parties()
        check_parameters(cast("OmegaConfigLoader", context.config_loader), dict(pipelines))
        environment = self._environment = environment_of(context)
        if environment.engine != "databricks":
            require_writable(environment.lakehouse["root"], purpose="the tables of the lakehouse")
        check_tracking_store(environment.tracking_uri)
        prepare_store(environment.tracking_uri, environment.section("mlflow")["tracking"]["experiment"])

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check that the run may write here, and that no chosen node needs what another would have kept in memory.

        Raises:
            ReleaseError: If code or configuration is not released, and the environment asks for it.
            ConfigError: Naming what is needed and the command that begins where it is made.
        """
        self._check_release(run_params, pipeline, catalog)
        needed = sorted(name for name in pipeline.inputs() if _lives_in_memory(name, catalog))
        if needed:
            start = find_resume_nodes(_whole(run_params), pipeline.nodes, catalog)
            message = (
                f"The chosen nodes need {', '.join(needed)}, which lives in memory during a run and is made by nodes "
                f"that were not chosen. Begin with those:\n  {resume_command(run_params, start)}"
            )
            raise ConfigError(message)

    def _check_release(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        environment = self._environment
        if environment is None:
            return
        check_writing(environment, run_params.get("runtime_params"))
        for dataset in map(catalog.get, pipeline.inputs()):
            if isinstance(dataset, ClaimsDataset):
                dataset.read_conf = lambda: read_release_in_use(environment.conf_source, environment.name).conf


def _lives_in_memory(name: str, catalog: DataCatalog) -> bool:
    return not name.startswith(("params:", "parameters")) and is_ephemeral(name, catalog) and not catalog.exists(name)


def _whole(run_params: dict[str, Any]) -> Pipeline:
    """Return the pipelines of the run before nodes were chosen from them."""
    from kedro.framework.project import pipelines

    return sum((pipelines[name] for name in run_params.get("pipeline_names") or ["__default__"]), Pipeline([]))
