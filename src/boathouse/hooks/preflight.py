"""What must hold before a run begins: a store that answers, folders that can be written, inputs that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from boathouse.environment import Environment
from boathouse.errors import ConfigError
from boathouse.hooks.failures import find_resume_nodes, is_ephemeral, resume_command
from boathouse.hooks.logs import quiet_third_parties
from boathouse.hooks.tracking import check_tracking_store, require_writable
from boathouse.lifecycle.deployment import DeploymentOptions, Role, check_training, find_role

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class DeploymentHooks:
    """Stops a run that would register a model in an environment that takes copies."""

    def __init__(self) -> None:
        """Start outside any run."""
        self._role: Role | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find the environment's part; a project without a group ``deployment`` has no pattern."""
        self._role = read_role(Environment.from_conf(context.config_loader))

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check the nodes that were chosen: making the training set alone registers nothing.

        Raises:
            DeploymentError: If one of them registers a model and the environment takes copies.
        """
        if self._role is not None and not self._role.trains:
            models = find_registered(pipeline, catalog)
            if models:
                check_training(self._role, list_commands(self._role, models))


def read_role(environment: Environment) -> Role | None:
    """Return whether the environment trains or takes copies; None if conf has no group ``deployment``."""
    if not environment.section("globals").get("deployment"):
        return None
    return find_role(environment.name, environment.options(DeploymentOptions, "globals", "deployment"))


def find_registered(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    """Return the last part of the name of each model that a node of ``pipeline`` registers."""
    from boathouse.registry.dataset import ModelVersionDataset

    found = (catalog.get(name) for name in sorted(pipeline.outputs()))
    return [each._name.rpartition(".")[2] for each in found if isinstance(each, ModelVersionDataset)]  # noqa: SLF001 - the catalog's own entry


def list_commands(role: Role, models: Sequence[str]) -> list[str]:
    """Return what to type in an environment that takes copies of ``models``, in order.

    Features, test rows, judging and scoring are its own under every pattern.
    """
    here = f"--env {role.environment}"
    copies = [
        f"boathouse models copy {name} VERSION --env {role.source} --to {role.environment} --comment WHY"
        for name in models
    ]
    return [
        f"kedro run {here} --pipelines data_prep,feature_engineering",
        f"kedro run {here} --pipelines training --to-nodes training.build_training_set",
        *copies,
        f"kedro run {here} --pipelines evaluation,promotion,batch_inference,monitoring",
    ]
