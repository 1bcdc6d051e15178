"""Whether the environment of a run may train: asked before any node runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from boathouse.core.deployment.patterns import DeploymentOptions, Role, check_training, find_role

if TYPE_CHECKING:
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
        settings = context.config_loader["globals"]
        entry = settings.get("deployment")
        self._role = find_role(settings["environment"], DeploymentOptions(**entry)) if entry else None

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check the nodes that were chosen: making the training set alone registers nothing.

        Raises:
            DeploymentError: If one of them registers a model and the environment takes copies.
        """
        if self._role is not None and not self._role.trains and registers_models(pipeline, catalog):
            check_training(self._role)


def registers_models(pipeline: Pipeline, catalog: DataCatalog) -> bool:
    """Return whether a node of ``pipeline`` saves a registered model."""
    from boathouse.datasets.model_version import ModelVersionDataset

    return any(isinstance(catalog.get(name), ModelVersionDataset) for name in pipeline.outputs())
