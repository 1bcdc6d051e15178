"""What governance asks of a run.

It writes in its own environment only, registers models only where the deployment pattern trains them, and the
models that it registers are recorded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from boathouse.errors import LifeCycleError, TableError, UndecidedModelError
from boathouse.hooks.provenance import read_source_state
from boathouse.hooks.releases import read_release_in_use
from boathouse.hooks.session import environment_of
from boathouse.lifecycle.deployment import DeploymentOptions, Role, check_training, find_role
from boathouse.lifecycle.evidence import TAG, is_released
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.version_gates import describe_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

    from boathouse.environment import Environment
    from boathouse.lifecycle.policy import Identity


class GovernanceHooks:
    """Refuses writes into other environments, records registrations, has waiting messages sent at the end."""

    def __init__(self) -> None:
        """Start outside any run."""
        self._environment: Environment | None = None
        self._options: GovernanceOptions | None = None
        self._catalog: DataCatalog | None = None
        self._has_news = False

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember environment and rules; a project without a group ``governance`` has none."""
        environment = self._environment = environment_of(context)
        has_rules = bool(environment.section("parameters").get("governance"))
        self._options = environment.options(GovernanceOptions, "parameters", "governance") if has_rules else None

    @hook_impl
    def before_pipeline_run(self, catalog: DataCatalog) -> None:
        """Remember where datasets are."""
        self._catalog, self._has_news = catalog, False

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        """Stop a save into another environment's table or model.

        Raises:
            TableError: For a table.
            LifeCycleError: For a model; recorded as refused.
        """
        dataset = self._find(dataset_name)
        table = getattr(getattr(dataset, "location", None), "table", None)
        if self._environment and table and not self._environment.namespace.holds(table):
            raise TableError.read_only(table)
        name = _model_of(dataset)
        if self._options and self._environment and name and not self._environment.namespace.holds(name):
            from boathouse.lifecycle.steps import open_life_cycle

            error = LifeCycleError.foreign_environment(name, self._environment.name)
            open_life_cycle(self._environment, name, self._options, self._identity()).refuse("register", None, error)
            raise error

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Tag a version with who trained it and whether by released code; record it."""
        dataset = self._find(dataset_name)
        self._has_news = self._has_news or dataset_name == "audit.promotions"
        name, version = _model_of(dataset), getattr(dataset, "last_saved_version", None)
        if self._options and self._environment and name and version is not None:
            self._has_news = True
            record_registration(self._environment, self._options, self._identity(), name, str(version))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Send what the run gave rise to."""
        self._send_messages()

    @hook_impl(trylast=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """Send what the run gave rise to before it failed, or that it found the registry changed past the ledger."""
        self._has_news = self._has_news or isinstance(error.__cause__ or error, UndecidedModelError)
        self._send_messages()

    def _send_messages(self) -> None:
        from boathouse.lifecycle.delivery import deliver_quietly
        from boathouse.lifecycle.verification import verify_quietly

        if self._has_news and self._environment and self._options:
            deliver_quietly(self._environment, self._options)
            verify_quietly(self._environment, self._options.anchors)

    def _find(self, name: str) -> object:
        return self._catalog.get(name) if self._catalog is not None else None

    def _identity(self) -> Identity:
        from boathouse.lifecycle.identity import read_identity

        return read_identity()


def _model_of(dataset: object) -> str | None:
    """Return the registered name if ``dataset`` registers models."""
    from boathouse.registry.dataset import ModelVersionDataset

    return dataset._name if isinstance(dataset, ModelVersionDataset) else None  # noqa: SLF001 - the catalog's own entry


def record_registration(
    environment: Environment, options: GovernanceOptions, identity: Identity, name: str, version: str
) -> None:
    """Tag ``version`` and record it; killed in between, the next step of its life cycle records it."""
    from boathouse.lifecycle.steps import open_life_cycle
    from boathouse.lifecycle.sync import creation_events, registration_event

    cycle = open_life_cycle(environment, name, options, identity)
    source = read_source_state()
    released = str(is_released(source, options.released_code)).lower()
    for key, value in {"trained_by": identity.name, TAG: released, "git_sha": source.commit}.items():
        cycle.registry.tag(version, key, value)
    # What the run itself knows goes on record; a version of a run that was killed before this has its tags alone,
    # which prove nothing: no gate on released code lets it pass.
    entry = cycle.registry.read().versions[version]
    event = registration_event(name, entry, now=cycle.clock())
    conf = read_release_in_use(environment.conf_source, environment.name).conf
    code = describe_code(source, conf_released=conf.is_released)
    evidence = {**event.evidence, "trained_by": identity.name, "code": code, **identity.to_evidence()}
    event = replace(event, actor=identity.name, assurance=identity.assurance, evidence=evidence)
    cycle.ledger.append([*creation_events(cycle.ledger.read(name), event), event])
    cycle.note_registrations()


class DeploymentHooks:
    """Stops a run that would register a model in an environment that takes copies."""

    def __init__(self) -> None:
        """Start outside any run."""
        self._role: Role | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find the environment's part; a project without a group ``deployment`` has no pattern."""
        self._role = read_role(environment_of(context))

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
    names = (_model_of(catalog.get(output)) for output in sorted(pipeline.outputs()))
    return [name.rpartition(".")[2] for name in names if name is not None]


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
