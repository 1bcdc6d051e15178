"""The catalog's classes for identity, state of a model and registry: pipelines import no adapters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.databricks.task_values import publish_values
from boathouse.errors import IdentityError, LifeCycleError, TableError
from boathouse.lifecycle.candidate import choose_version, name_outcome
from boathouse.lifecycle.decided_versions import DecidedVersions, locate_ledger
from boathouse.lifecycle.identity import read_claims
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.policy import Claims
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.rules_in_force import ConfState
from boathouse.lifecycle.state import ALIASES, CHALLENGER, CHAMPION, ModelState
from boathouse.lifecycle.sync import sync_registry
from boathouse.namespaces import name_environment
from boathouse.options import require_choice
from boathouse.registry.client import guard_store, open_client
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.registry.versions import list_numbers
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from boathouse.modelling.result import LoadedModel, NoModel, TrainedModel


class ClaimsDataset(AbstractDataset[Any, Any]):
    """Who runs this, as far as the process can know; see :func:`read_claims`."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Ask nothing yet."""
        self.metadata = metadata
        # Set by a run, which knows what it was configured by.
        self.read_conf: Callable[[], ConfState] | None = None

    def load(self) -> Claims:
        """Return what is known now."""
        return replace(read_claims(), conf=None if self.read_conf is None else self.read_conf())

    def save(self, data: object) -> None:  # noqa: ARG002 - the signature of datasets
        """Refuse: it is asked, not stored."""
        message = "Who runs this cannot be saved: it is asked of the platform or the system in each run."
        raise IdentityError(message)

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"of": "this process"}


class RegistryAliasesDataset(AbstractDataset[Any, Any]):
    """Who is champion, challenger and previous in the registry: a saved state is shown there."""

    def __init__(
        self, *, name: str, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Remember which model; connect to nothing.

        Args:
            name: Registered name, ``<catalog>.<schema>.<model>``.
            table: The ledger, ``<catalog>.audit.promotions``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._registry = ModelRegistry(name)
        self._ledger, self._lakehouse = TableLocation.from_lakehouse(table, lakehouse), lakehouse
        self.metadata = metadata

    def save(self, data: ModelState) -> None:
        """Sync aliases, tags and descriptions; pass the outcome to the next task of a job.

        The ledger may have grown since ``data`` was projected: its present state is shown. ``decision`` is what became
        of the version that ``data`` was judged for: ``promoted``, ``waits`` or ``refused``.
        """
        state = sync_registry(open_ledger(self._ledger), self._registry)
        decision = name_outcome(data, data.judged or "")
        publish_values(model_updated=data.is_updated, model_version=state.champion, decision=decision)

    def load(self) -> dict[str, str]:
        """Return the version at each alias, by the ledger; nothing for a model of which nothing is decided.

        Raises:
            UndecidedModelError: If the registry has another champion or challenger.
        """
        decided = DecidedVersions(self._registry.name, self._lakehouse, environment=self._ledger.environment)
        for alias in (CHAMPION, CHALLENGER):
            decided.resolve(alias)
        return decided.read().now.aliases

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._registry.name}


class ModelStateDataset(AbstractDataset[Any, Any]):
    """What the ledger says of one model: its versions, its champion or why it has none."""

    def __init__(
        self, *, name: str, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Remember which model; read nothing.

        Args:
            name: Registered name, ``<catalog>.<schema>.<model>``.
            table: The ledger, ``<catalog>.audit.promotions``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._name, self._ledger = name, TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def load(self) -> ModelState:
        """Return the state as it is now; without versions if nothing is on record."""
        return project_events(open_ledger(self._ledger).read(self._name), name=self._name)

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the state follows from the records."""
        raise TableError.read_only(self._ledger.table)

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._name}


class CandidateDataset(ModelVersionDataset):
    """The version that is judged: the one that was asked for, that this run saved, or the newest undecided one.

    It is chosen at the first load, so that a version that is registered meanwhile changes nothing in a run, and passed
    to the next tasks of a job as ``candidate``.
    """

    def __init__(
        self,
        *,
        lakehouse: dict[str, str],
        wanted: int | str | None = None,
        **options: Any,  # noqa: ANN401 - keys of the class above
    ) -> None:
        """Remember which; connect to nothing.

        Args:
            lakehouse: ``{engine, root}``; the ledger is that of the model's own environment.
            wanted: The version that was asked for; None for the newest that is not decided.
            **options: As of :class:`ModelVersionDataset`.
        """
        # As the text of no value a parameter of a job may have it.
        asked = str(wanted).strip()
        super().__init__(version=None if asked.lower() in {"", "none", "null", "~"} else asked, **options)
        self._lakehouse = lakehouse

    def save(self, data: TrainedModel) -> None:
        """Register ``data`` as a new version, which this run then judges unless another was asked for."""
        super().save(data)
        self._version = self._version or self.last_saved_version

    def load(self) -> LoadedModel | NoModel:
        """Return the version; nothing of it is executed.

        Raises:
            LifeCycleError: If there is no such version.
            ModelError: If there is no version at all, or the store cannot be reached.
            UntrustedModelError: If it could execute foreign code or was changed.
        """
        with guard_store():
            known = list_numbers(open_client(), self._name)
        if self._version is None:
            ledger = open_ledger(locate_ledger(self._name, self._lakehouse))
            self._version = choose_version(project_events(ledger.read(self._name), name=self._name), known)
        elif known and self._version not in known:
            raise LifeCycleError.unknown_version(self._name, self._version, known)
        loaded = super().load()
        publish_values(candidate=self._version)
        return loaded


class DecidedVersionDataset(ModelVersionDataset):
    """The version that the ledger decided on for an alias; loaded only if registry and files agree."""

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        name: str,
        alias: str,
        lakehouse: dict[str, str],
        missing_ok: bool = False,
        environment: str | None = None,
        schema_evolution: str = "refuse",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember which model; connect to nothing.

        Args:
            name: Registered name, ``<catalog>.<schema>.<model>``.
            alias: ``champion``, ``challenger`` or ``previous``.
            lakehouse: ``{engine, root}``; the ledger is that of the model's own environment.
            missing_ok: Whether a load returns :class:`NoModel`, which says why, where no version has the alias.
            environment: Environment of the run; the one the model belongs to by default.
            schema_evolution: As of :class:`ModelVersionDataset`.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            OptionError: If the alias is none of those, or the name is not one of a registered model.
        """
        super().__init__(
            name=name,
            missing_ok=missing_ok,
            environment=environment,
            schema_evolution=schema_evolution,
            metadata=metadata,
        )
        require_choice("alias", alias, ALIASES)
        self._alias = alias
        self._decided = DecidedVersions(
            name, lakehouse, environment=self._environment, schema_evolution=schema_evolution
        )

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: training registers versions, and the ledger decides which has the alias."""
        raise TableError.read_only(self._name)

    def load(self) -> LoadedModel | NoModel:
        """Return the version; nothing of it is executed.

        Raises:
            ModelError: If no version has the alias, or ledger or registry cannot be read.
            UntrustedModelError: If it could execute foreign code, was changed, or is not what the ledger decided on.
        """
        load = self._decided.load_if_any if self._missing_ok else self._decided.load
        loaded = load(self._alias)
        self.last_loaded_version = loaded.version if loaded else None  # type: ignore[union-attr] # NoModel is false
        return loaded

    def _exists(self) -> bool:
        """Return whether a version has the alias."""
        return self._decided.resolve(self._alias) is not None

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._name, "version": f"@{self._alias}"}


class DecidedVersionsDataset(AbstractDataset[Any, Any]):
    """All versions of one registered model that the ledger knows, each loaded only if registry and files agree."""

    def __init__(
        self,
        *,
        name: str,
        lakehouse: dict[str, str],
        environment: str | None = None,
        schema_evolution: str = "refuse",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember which model.

        Args:
            name: Registered name, ``<catalog>.<schema>.<model>``.
            lakehouse: As of :class:`DecidedVersionDataset`, as the next two.
            environment: Environment of the run.
            schema_evolution: What a loaded model may look up.
            metadata: For plugins such as Kedro-Viz.
        """
        own = environment or name_environment(name)
        self._decided = DecidedVersions(name, lakehouse, environment=own, schema_evolution=schema_evolution)
        self.metadata = metadata

    def load(self) -> DecidedVersions:
        """Return the versions; none is loaded yet."""
        return self._decided

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: training registers versions."""
        raise TableError.read_only(self._decided.name)

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"name": self._decided.name}
