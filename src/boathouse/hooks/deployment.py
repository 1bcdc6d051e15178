"""Whether the environment of a run may train: asked before any node runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from boathouse.core.deployment.patterns import DeploymentOptions, Role, check_training, find_role
from boathouse.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline


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
    from boathouse.datasets.model_version import ModelVersionDataset

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
