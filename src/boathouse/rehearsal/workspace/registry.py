"""Unity Catalog's model registry: the messages of MLflow's own protocol in and out, kept in memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow.protos import databricks_uc_registry_messages_pb2 as messages

from boathouse.rehearsal.workspace.answers import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from boathouse.rehearsal.access import Access
    from boathouse.rehearsal.workspace.catalog import UnityCatalog
    from boathouse.rehearsal.workspace.files import Files

# A message of MLflow's protocol; their classes have no types.
Message = Any
# What the platform keeps of a tag, and how many tags an object may have.
TAG_LENGTH, TAGS = 256, 50
_FILTER = re.compile(r"\s*(name|run_id)\s*=\s*(['\"])([^'\"]*)\2\s*")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
# What has to be held on the model for each message; None is ownership, or the right to manage it.
_RIGHTS: dict[type[Message], str | None] = {
    messages.UpdateRegisteredModelRequest: None,
    messages.DeleteRegisteredModelRequest: None,
    messages.GetRegisteredModelRequest: "EXECUTE",
    messages.CreateModelVersionRequest: "CREATE_MODEL_VERSION",
    messages.FinalizeModelVersionRequest: "CREATE_MODEL_VERSION",
    messages.UpdateModelVersionRequest: None,
    messages.DeleteModelVersionRequest: None,
    messages.GetModelVersionRequest: "EXECUTE",
    messages.GetModelVersionDownloadUriRequest: "EXECUTE",
    messages.GetModelVersionByAliasRequest: "EXECUTE",
    messages.SetRegisteredModelAliasRequest: None,
    messages.DeleteRegisteredModelAliasRequest: None,
    messages.SetRegisteredModelTagRequest: "APPLY_TAG",
    messages.DeleteRegisteredModelTagRequest: "APPLY_TAG",
    messages.SetModelVersionTagRequest: "APPLY_TAG",
    messages.DeleteModelVersionTagRequest: "APPLY_TAG",
    messages.EmitModelVersionLineageRequest: "EXECUTE",
}


@dataclass
class Version:
    """A version of a model, its tags apart: a search leaves them out."""

    known: Message
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Model:
    """A registered model with its versions; numbers of deleted versions are not given again."""

    known: Message
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    newest: int = 0


class Registry:
    """All models of a metastore.

    Attributes:
        models: By three-level name.
        page: How many hits a page of a search has at most, whatever was asked for. The first page of each search
            is empty and names a successor: the platform promises no more of a page than a token for the next.
    """

    def __init__(self, files: Files, catalog: UnityCatalog, access: Access, *, page: int = 2) -> None:
        """Start without a model."""
        self.models: dict[str, Model] = {}
        self.page = page
        self._files, self._catalog, self._access = files, catalog, access
        self._user = ""
        self._answers = self._list_answers()

    def answer(self, request: Message, principal: str) -> Message:
        """Return the response to the ``request`` of a principal; one at a time.

        Raises:
            ServiceError: If the platform would refuse it.
        """
        answer = self._answers.get(type(request))
        if answer is None:
            raise ServiceError("ENDPOINT_NOT_FOUND", f"{type(request).__name__} is not part of this workspace.")
        self._user = principal
        if type(request) in _RIGHTS:
            self.model(request.name)
            self._require(_RIGHTS[type(request)], request.name)
        return answer(request)

    def _list_answers(self) -> Mapping[type[Message], Callable[[Message], Message]]:
        """Return which method answers which message."""
        return {
            messages.CreateRegisteredModelRequest: self._create_model,
            messages.UpdateRegisteredModelRequest: self._update_model,
            messages.DeleteRegisteredModelRequest: self._delete_model,
            messages.GetRegisteredModelRequest: self._get_model,
            messages.SearchRegisteredModelsRequest: self._search_models,
            messages.CreateModelVersionRequest: self._create_version,
            messages.FinalizeModelVersionRequest: self._finalize_version,
            messages.UpdateModelVersionRequest: self._update_version,
            messages.DeleteModelVersionRequest: self._delete_version,
            messages.GetModelVersionRequest: self._get_version,
            messages.SearchModelVersionsRequest: self._search_versions,
            messages.GetModelVersionDownloadUriRequest: self._get_download_uri,
            messages.SetRegisteredModelAliasRequest: self._set_alias,
            messages.DeleteRegisteredModelAliasRequest: self._delete_alias,
            messages.GetModelVersionByAliasRequest: self._get_by_alias,
            messages.SetRegisteredModelTagRequest: self._set_model_tag,
            messages.DeleteRegisteredModelTagRequest: self._delete_model_tag,
            messages.SetModelVersionTagRequest: self._set_version_tag,
            messages.DeleteModelVersionTagRequest: self._delete_version_tag,
            messages.EmitModelVersionLineageRequest: self._emit_lineage,
            messages.IsDatabricksSdkModelsArtifactRepositoryEnabledRequest: self._uses_sdk,
        }

    def _require(self, privilege: str | None, name: str) -> None:
        """Refuse who lacks a privilege; who owns the model, or may manage it, lacks none but the use of its schema."""
        refusal = self._access.refusal(self._user, privilege or "MANAGE", name)
        if refusal is not None:
            raise ServiceError.denied(refusal)

    def add_model(self, name: str, *, owner: str, description: str = "") -> Model:
        """Register a model without a version; return it."""
        known = messages.RegisteredModel(name=name, description=description, user_id=owner)
        known.creation_timestamp = known.last_updated_timestamp = _now()
        self.models[name] = Model(known)
        self._access.own(owner, name)
        return self.models[name]

    def _create_model(self, asked: Message) -> Message:
        self._catalog.require_parents(_check_name(asked.name))
        schema = asked.name.rpartition(".")[0]
        self._require("CREATE_MODEL", schema)
        if asked.name in self.models:
            raise ServiceError("RESOURCE_ALREADY_EXISTS", f"Routine or Model '{asked.name}' already exists.")
        tags = _read_tags(asked.tags)
        self.add_model(asked.name, owner=self._user, description=asked.description).tags.update(tags)
        return messages.CreateRegisteredModelResponse(registered_model=self.show(asked.name))

    def _update_model(self, asked: Message) -> Message:
        model = self.model(asked.name)
        if asked.HasField("new_name"):
            raise ServiceError.invalid("A model is renamed with SQL.")
        model.known.description, model.known.last_updated_timestamp = asked.description, _now()
        return messages.UpdateRegisteredModelResponse(registered_model=self.show(asked.name))

    def _delete_model(self, asked: Message) -> Message:
        if self.model(asked.name).versions:
            raise ServiceError.invalid(f"Model '{asked.name}' still has versions.")
        del self.models[asked.name]
        return messages.DeleteRegisteredModelResponse()

    def _get_model(self, asked: Message) -> Message:
        return messages.GetRegisteredModelResponse(registered_model=self.show(asked.name))

    def _search_models(self, asked: Message) -> Message:
        found, token = self._cut(
            [self.models[name].known for name in sorted(self.models) if self._may_execute(name)], asked
        )
        return messages.SearchRegisteredModelsResponse(registered_models=found, next_page_token=token)

    def _create_version(self, asked: Message) -> Message:
        model, tags = self.model(asked.name), _read_tags(asked.tags)
        model.newest += 1
        number = str(model.newest)
        known = messages.ModelVersion(
            name=asked.name,
            version=number,
            description=asked.description,
            source=asked.source,
            run_id=asked.run_id,
            model_id=asked.model_id,
            user_id=self._user,
            status=messages.PENDING_REGISTRATION,
            storage_location=self._files.address(asked.name, number),
        )
        known.creation_timestamp = known.last_updated_timestamp = _now()
        model.versions[number] = Version(known, tags=tags)
        return messages.CreateModelVersionResponse(model_version=self.show_version(asked.name, number))

    def _finalize_version(self, asked: Message) -> Message:
        found = self.version(asked.name, asked.version)
        if not self._files.close(asked.name, asked.version):
            raise ServiceError.invalid(f"Version {asked.version} of '{asked.name}' has no MLmodel file.")
        found.known.status = messages.READY
        return messages.FinalizeModelVersionResponse(model_version=self.show_version(asked.name, asked.version))

    def _update_version(self, asked: Message) -> Message:
        known = self.version(asked.name, asked.version).known
        known.description, known.last_updated_timestamp = asked.description, _now()
        return messages.UpdateModelVersionResponse(model_version=self.show_version(asked.name, asked.version))

    def _delete_version(self, asked: Message) -> Message:
        self.version(asked.name, asked.version)
        model = self.model(asked.name)
        del model.versions[asked.version]
        model.aliases = {alias: number for alias, number in model.aliases.items() if number != asked.version}
        self._files.delete_version(asked.name, asked.version)
        return messages.DeleteModelVersionResponse()

    def _get_version(self, asked: Message) -> Message:
        return messages.GetModelVersionResponse(model_version=self.show_version(asked.name, asked.version))

    def _search_versions(self, asked: Message) -> Message:
        condition = _FILTER.fullmatch(asked.filter)
        if condition is None:
            raise ServiceError.invalid(f"Unsupported filter: {asked.filter!r}. Give name = '...' or run_id = '...'.")
        key, _, wanted = condition.groups()
        models = [self.model(wanted)] if key == "name" else list(self.models.values())
        if key == "name":
            self._require("EXECUTE", wanted)
        models = [model for model in models if self._may_execute(model.known.name)]
        known = [version.known for model in models for version in model.versions.values()]
        hits = [each for each in known if getattr(each, key) == wanted]
        # As text, so that 10 comes before 2: the order of the answers is not promised.
        found, token = self._cut(sorted(hits, key=lambda each: (each.name, each.version)), asked)
        return messages.SearchModelVersionsResponse(model_versions=found, next_page_token=token)

    def _may_execute(self, name: str) -> bool:
        return self._access.may(self._user, "EXECUTE", name)

    def _get_download_uri(self, asked: Message) -> Message:
        known = self.version(asked.name, asked.version).known
        return messages.GetModelVersionDownloadUriResponse(artifact_uri=known.storage_location)

    def _set_alias(self, asked: Message) -> Message:
        self.version(asked.name, asked.version)
        if not _ALIAS.fullmatch(asked.alias) or asked.alias == "latest":
            raise ServiceError.invalid(f"'{asked.alias}' is no name for an alias.")
        self.model(asked.name).aliases[asked.alias] = asked.version
        return messages.SetRegisteredModelAliasResponse()

    def _delete_alias(self, asked: Message) -> Message:
        self.model(asked.name).aliases.pop(asked.alias, None)
        return messages.DeleteRegisteredModelAliasResponse()

    def _get_by_alias(self, asked: Message) -> Message:
        number = self.model(asked.name).aliases.get(asked.alias)
        if number is None:
            raise ServiceError.missing(f"Alias '{asked.alias}' of '{asked.name}'")
        return messages.GetModelVersionByAliasResponse(model_version=self.show_version(asked.name, number))

    def _set_model_tag(self, asked: Message) -> Message:
        _set_tag(self.model(asked.name).tags, asked)
        return messages.SetRegisteredModelTagResponse()

    def _delete_model_tag(self, asked: Message) -> Message:
        _delete_tag(self.model(asked.name).tags, asked)
        return messages.DeleteRegisteredModelTagResponse()

    def _set_version_tag(self, asked: Message) -> Message:
        _set_tag(self.version(asked.name, asked.version).tags, asked)
        return messages.SetModelVersionTagResponse()

    def _delete_version_tag(self, asked: Message) -> Message:
        _delete_tag(self.version(asked.name, asked.version).tags, asked)
        return messages.DeleteModelVersionTagResponse()

    def _emit_lineage(self, asked: Message) -> Message:
        self.version(asked.name, asked.version)
        return messages.EmitModelVersionLineageResponse()

    def _uses_sdk(self, _asked: Message) -> Message:
        """Files go through databricks-sdk, not through the cloud's own client."""
        return messages.IsDatabricksSdkModelsArtifactRepositoryEnabledResponse(
            is_databricks_sdk_models_artifact_repository_enabled=True
        )

    def model(self, name: str) -> Model:
        """Return a model, or refuse."""
        if _check_name(name) not in self.models:
            raise ServiceError.missing(f"Routine or Model '{name}'")
        return self.models[name]

    def version(self, name: str, number: str) -> Version:
        """Return a version, or refuse."""
        if number not in self.model(name).versions:
            raise ServiceError.missing(f"Routine or Model Version '{name}' version {number}")
        return self.models[name].versions[number]

    def show(self, name: str) -> Message:
        """Return what a question by name returns of a model; a search leaves out tags and aliases."""
        model = self.model(name)
        shown = messages.RegisteredModel()
        shown.CopyFrom(model.known)
        for alias, number in model.aliases.items():
            shown.aliases.add(alias=alias, version=number)
        _add_tags(shown, model.tags)
        return shown

    def show_version(self, name: str, number: str) -> Message:
        """Return what a question by number returns of a version; a search leaves out tags and aliases."""
        found = self.version(name, number)
        shown = messages.ModelVersion()
        shown.CopyFrom(found.known)
        for alias, held in self.models[name].aliases.items():
            if held == number:
                shown.aliases.add(alias=alias, version=number)
        _add_tags(shown, found.tags)
        return shown

    def _cut(self, found: Sequence[Message], asked: Message) -> tuple[Sequence[Message], str]:
        """Return the page that was asked for, and the token of the next; empty at the end."""
        if not asked.page_token:
            return [], "0" if found else ""
        first = int(asked.page_token)
        last = first + min(self.page, asked.max_results or self.page)
        return found[first:last], str(last) if last < len(found) else ""


def _check_name(name: str) -> str:
    if len([part for part in name.split(".") if part]) != len("csm"):
        raise ServiceError.invalid(f"'{name}' must specify all three levels: catalog.schema.model.")
    return name


def _read_tags(given: Iterable[Message]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for each in given:
        _set_tag(tags, each)
    return tags


def _set_tag(tags: dict[str, str], asked: Message) -> None:
    if not asked.key or len(asked.value) > TAG_LENGTH:
        raise ServiceError.invalid(f"Tag '{asked.key}': a value has at most {TAG_LENGTH} characters.")
    if len({*tags, asked.key}) > TAGS:
        raise ServiceError.invalid(f"An object has at most {TAGS} tags.")
    tags[asked.key] = asked.value


def _delete_tag(tags: dict[str, str], asked: Message) -> None:
    if asked.key not in tags:
        raise ServiceError.missing(f"Tag '{asked.key}'")
    del tags[asked.key]


def _add_tags(shown: Message, tags: Mapping[str, str]) -> None:
    for key, value in tags.items():
        shown.tags.add(key=key, value=value)


def _now() -> int:
    return int(time.time() * 1000)
