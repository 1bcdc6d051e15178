"""Versions that may score, read from ledger and registry, or from a folder that took the decisions along."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from boathouse.errors import BoathouseError, ImageError, ModelError, UndecidedModelError
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.resolution import DecidedVersion, RecordedModel, explain_missing, is_alias
from boathouse.lifecycle.state import CHAMPION
from boathouse.lifecycle.sync import compare_records, note_alarms
from boathouse.modelling.result import NoModel
from boathouse.namespaces import find_namespace, namespace_of
from boathouse.registry.versions import RegistryVersions
from boathouse.scoring.files import digest_of
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.modelling.result import LoadedModel
    from boathouse.registry.versions import FolderVersions
    from boathouse.scoring.files import ModelFiles

logger = logging.getLogger(__name__)


class Registry(Protocol):
    """What is needed of the model registry."""

    def aliases(self, name: str) -> tuple[Mapping[str, str], int]:
        """Return the version at each alias, and how many records of the ledger they show."""

    def digest(self, name: str, version: str) -> str | None:
        """Return the digest that the version is tagged with, or None."""

    def files(self, name: str, version: str) -> ModelFiles:
        """Return the version's files, after a look at what loading it would execute."""


class LedgerVersions:
    """Versions of any model, by its environment's ledger and the registry; cheap to ask every second."""

    def __init__(self, lakehouse: Mapping[str, str], registry: Registry | None = None) -> None:
        """Remember where ledgers and registry are; read nothing.

        Args:
            lakehouse: ``{engine, root}``.
            registry: The registry; default: the one that MLflow is configured for.
        """
        self._lakehouse, self._registry = dict(lakehouse), registry or RegistryVersions()
        self._seen: dict[str, tuple[int | None, RecordedModel]] = {}
        self._tagged: dict[tuple[str, str], str] = {}

    def find(self, name: str) -> Callable[[str], DecidedVersion | None]:
        """Return what gives the version at an alias or with a number, as ledger and registry are now.

        It gives None for an alias that no version has.

        Raises:
            ModelError: If ledger or registry cannot be read.
        """
        # In this order: what reached the registry before it is read, the ledger has when it is read.
        aliases, shown = self._registry.aliases(name)
        model = self.read(name)

        def resolve(wanted: str) -> DecidedVersion | None:
            """Return the version; UndecidedModelError if the registry differs from the ledger."""
            version = model.find_alias(wanted, aliases, shown=shown) if is_alias(wanted) else wanted
            if version is None:
                return None
            tagged = self._tagged.get((name, version)) or self._registry.digest(name, version)
            decided = model.check_version(version, tagged)
            self._tagged[name, version] = decided.digest
            return decided

        return resolve

    def explain(self, name: str, alias: str) -> tuple[str, bool]:
        """Return why no version of the model ``name`` has ``alias``, and whether that is because it was stopped."""
        state = self.read(name).now
        return explain_missing(state, alias), alias == CHAMPION and state.stopped is not None

    def explain_removal(self, name: str, version: str) -> str:
        """Return who took a version out of service and why; empty for one that may go on where it answers."""
        return self.read(name).explain_removal(version)

    def read(self, name: str) -> RecordedModel:
        """Return the model by its records; the ledger is read only if its table has a new version.

        Raises:
            ModelError: If the ledger cannot be read.
        """
        location = locate_ledger(name, self._lakehouse)
        try:
            newest = location.newest_version()
            known, model = self._seen.get(name, (None, None))
            if model is None or newest != known:
                model = RecordedModel.of(name, open_ledger(location).read_verified())
                self._seen[name] = newest, model
        except BoathouseError:
            raise
        except Exception as error:  # the table's library has no base of its errors
            message = (
                f"The ledger {location.table} cannot be read ({type(error).__name__}), so that nothing says which "
                f"version of {name} may score. Nothing was loaded. Check it: boathouse audit verify --env "
                f"{location.environment}"
            )
            raise ModelError(message) from error
        return model

    def files(self, version: DecidedVersion) -> ModelFiles:
        """Return the files of a version; their digest is checked when they are loaded.

        Raises:
            UntrustedModelError: If loading it would execute something else than this package.
        """
        return self._registry.files(version.name, version.version)

    def forget(self, version: DecidedVersion) -> None:
        """Ask for the version's tag again the next time."""
        self._tagged.pop((version.name, version.version), None)


class SealedVersions:
    """Versions in a folder, each with the decision that was in force when it was put there; no ledger is asked."""

    def __init__(self, folder: FolderVersions) -> None:
        """Remember the folder."""
        self._folder = folder

    def find(self, name: str) -> Callable[[str], DecidedVersion | None]:
        """Return what gives the version at an alias or with a number; None for an alias that no version has."""

        def resolve(wanted: str) -> DecidedVersion | None:
            """Return the version; ImageError if it is not there with its decision."""
            version = self._folder.aliases(name).get(wanted) if is_alias(wanted) else wanted
            if version is None:
                return None
            digest, decision = self._folder.digest(name, version), self._folder.decision(name, version)
            if digest is None or decision.get("digest") != digest:
                message = (
                    f"The folder of models holds no decision of a ledger on version {version} of {name}. Not loaded. "
                    "Build it again where the ledger is: boathouse models build-context VERSION --to FOLDER"
                )
                raise ImageError(message)
            stage = str(decision.get("stage"))
            return DecidedVersion(name=name, version=version, digest=digest, stage=stage, decision=decision)

        return resolve

    def explain(self, name: str, alias: str) -> tuple[str, bool]:
        """Return that no version in the folder has the alias; a stop is in a ledger."""
        return f"no version of {name} in the folder of models has the alias '{alias}'", False

    def explain_removal(self, name: str, version: str) -> str:  # noqa: ARG002 - as where there is a ledger
        """Return nothing: what was taken out of service later is in a ledger."""
        return ""

    def files(self, version: DecidedVersion) -> ModelFiles:
        """Return the files of a version; their digest is checked when they are loaded."""
        return self._folder.files(version.name, version.version)

    def forget(self, version: DecidedVersion) -> None:
        """Keep nothing, forget nothing."""


class DecidedVersions:
    """The versions of one registered model, each loaded only if ledger, registry and files agree on it."""

    def __init__(
        self, name: str, lakehouse: Mapping[str, str], *, environment: str, schema_evolution: str = "refuse"
    ) -> None:
        """Remember which model; read nothing.

        Args:
            name: Registered name, ``<catalog>.<schema>.<model>``.
            lakehouse: ``{engine, root}``; the ledger is that of the model's own environment.
            environment: Environment that asks. In its own it records what it finds changed past the ledger.
            schema_evolution: ``additive`` lets a loaded model look up views to which features were added since.
        """
        self.name = name
        self._lakehouse, self._environment, self._schema_evolution = lakehouse, environment, schema_evolution
        self._versions = LedgerVersions(lakehouse)

    @classmethod
    def of(cls, environment: Environment, name: str) -> DecidedVersions:
        """Return the versions of the model ``name``, as ``environment`` sees them."""
        lakehouse = environment.lakehouse
        evolution = lakehouse.get("schema_evolution", "refuse")
        return cls(name, lakehouse, environment=environment.name, schema_evolution=evolution)

    def read(self) -> RecordedModel:
        """Return the model by its records, from the ledger alone."""
        return self._versions.read(self.name)

    def resolve(self, wanted: str) -> DecidedVersion | None:
        """Return the version at the alias or with the number ``wanted``; None for an alias that no version has.

        Raises:
            UndecidedModelError: If the registry has another version or digest than the ledger; on record then.
            ModelError: If ledger or registry cannot be read.
        """
        try:
            return self._versions.find(self.name)(wanted)
        except UndecidedModelError:
            self._note_alarms()
            raise

    def _note_alarms(self) -> None:
        """Record what was changed past the ledger; failing, it is in no way of the refusal itself."""
        if namespace_of(self._environment).holds(self.name):
            note_what_differs(self.name, self._lakehouse)

    def load(self, wanted: str) -> LoadedModel:
        """Return the version at the alias or with the number ``wanted``; nothing of it is executed.

        Raises:
            ModelError: If there is none, or ledger or registry cannot be read.
            UntrustedModelError: If it could execute foreign code, was changed, or is not what the ledger decided on.
        """
        found = self.load_if_any(wanted)
        if isinstance(found, NoModel):
            message = f"{self.name} has no {wanted}. {found.reason}"
            raise ModelError(message)
        return found

    def load_if_any(self, wanted: str) -> LoadedModel | NoModel:
        """Return what :meth:`load` does, but for an alias that no version has a value that says why."""
        decided = self.resolve(wanted)
        if decided is None:
            return NoModel(self.name, wanted, explain_missing(self.read().now, wanted))
        from boathouse.registry.dataset import load_registered

        loaded = load_registered(self.name, decided.version, schema_evolution=self._schema_evolution)
        check_files(decided, loaded.files)
        return replace(loaded, alias=wanted if is_alias(wanted) else None)


def check_files(decided: DecidedVersion, files: ModelFiles) -> None:
    """Check that files are those that the ledger decided on.

    Raises:
        UndecidedModelError: If they have another digest.
    """
    if digest_of(files) != decided.digest:
        ledger = str(decided.decision["ledger"])
        raise UndecidedModelError.undecided_digest(
            decided.name, decided.version, decided.digest, digest_of(files), ledger=ledger
        )


def note_what_differs(name: str, lakehouse: Mapping[str, str]) -> list[str]:
    """Record what was changed in the registry past the ledger, and return it in words; the same is recorded once.

    Where the ledger cannot be written, that is logged: who found it has refused all the same. A ledger without any
    record is not begun by this.
    """
    ledger = open_ledger(locate_ledger(name, lakehouse))
    try:
        registered = ModelRegistry(name).read()
        records = ledger.read()
        differences = compare_records(name, records, registered)
        if records:
            note_alarms(ledger, name, differences)
        return [str(each) for each in differences if each.is_alarm]
    except Exception as error:  # noqa: BLE001 - whatever keeps the record from being made, the refusal stands
        logger.warning("What differs between registry and ledger is not on record (%s).", type(error).__name__)
        return []


def locate_ledger(name: str, lakehouse: Mapping[str, str]) -> TableLocation:
    """Return where the ledger of the model ``name`` is: in its own environment."""
    return TableLocation.from_lakehouse(find_namespace(name).full_name(PROMOTIONS), dict(lakehouse))
