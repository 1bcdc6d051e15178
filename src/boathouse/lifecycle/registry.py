"""One registered model in MLflow's registry, on SQLite, a server or Unity Catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING

from boathouse.lifecycle.state import REGISTERED, ModelVersion
from boathouse.registry.client import change_store, guard_store, ignore_missing, open_client
from boathouse.registry.tags import TAG_LENGTH, read_tags, write_tags
from boathouse.registry.versions import SHOWN_TAG, copy_registered, parse_shown, read_aliases, read_versions
from boathouse.scoring.files import check_files, digest_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as RegisteredVersion


# The text above it was written by people and stays; a comment is not shown on the page.
_MARKER = "<!-- life cycle: kept up to date from the ledger -->"


@dataclass(frozen=True, kw_only=True)
class ModelVersionEntry:
    """One version as the registry has it: all of its tags, its page and where its files are.

    Unlike ``ModelVersion`` it holds no decision: it is compared with the ledger, which decides, and corrected by it.

    Attributes:
        version: Version as text.
        tags: All of its tags.
        description: Text of its page, or empty.
        created_by: User whom the registry names, or empty.
        source: Where its files come from.
    """

    version: str
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    created_by: str = ""
    source: str = ""

    @property
    def digest(self) -> str | None:
        """Digest that it was tagged with when it was registered."""
        return self.tags.get("model_digest")


@dataclass(frozen=True, kw_only=True)
class RegistryState:
    """One model as the registry has it.

    Attributes:
        versions: By version.
        aliases: Version at each alias, all aliases.
        tags: Tags of the registered model itself.
    """

    versions: Mapping[str, ModelVersionEntry] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> int:
        """How many of the model's records the registry was last synced with; 0 if never."""
        return parse_shown(self.tags.get(SHOWN_TAG))


@dataclass(frozen=True)
class Change:
    """One step; doing it again changes nothing.

    Attributes:
        action: ``set_alias``, ``delete_alias``, ``set_tag``, ``delete_tag``, ``describe``, or ``mark``, which notes on
            the registered model how many records it shows.
        version: Version concerned; empty for ``delete_alias`` and ``mark``.
        key: Alias or tag; empty for ``describe`` and ``mark``.
        value: Value of the tag, the description, or the number of records.
    """

    action: str
    version: str
    key: str = ""
    value: str = ""

    def __str__(self) -> str:
        """Return what is done, in words."""
        if self.action == "set_alias":
            return f"alias '{self.key}' set to version {self.version}"
        if self.action == "delete_alias":
            return f"alias '{self.key}' deleted"
        if self.action == "describe":
            return f"page of version {self.version} written"
        done = f"set to {self.value!r}" if self.action == "set_tag" else "deleted"
        return f"tag '{self.key}' of version {self.version} {done}"


MANAGED_TAGS = ("stage", "compliance", "comparison", "promotion", "gates", "approved_by", "copied_from")


def describe_tags(version: ModelVersion) -> dict[str, str]:
    """Return the tags of the life cycle: stage, results of the checks, who approved, where it came from."""
    tags = {"stage": version.stage, "approved_by": version.approved_by, "copied_from": version.source or ""}
    if version.check is not None:
        tags |= {
            "compliance": version.check.compliance,
            "comparison": version.check.comparison,
            "promotion": version.check.reason,
            "gates": _sum_up_gates(version),
        }
    return {key: value[:TAG_LENGTH] for key, value in tags.items() if value}


def describe_version(version: ModelVersion, written: str = "") -> str:
    """Return the text of the version's page: what people wrote, then its stage, why, and each gate in a line.

    A version without a decision keeps its text alone: a gate judges whether there is one.
    """
    people = written.split(_MARKER, maxsplit=1)[0].rstrip()
    if version.stage == REGISTERED and version.check is None and not version.comments:
        return people
    return "\n\n".join(part for part in (people, f"{_MARKER}\n{_describe_state(version)}") if part)


def _describe_state(version: ModelVersion) -> str:
    lines = [f"{version.stage}, since {version.moved_at:%Y-%m-%d %H:%M} UTC. {version.reason}".rstrip()]
    if version.approved_by:
        lines.append(f"Approved by {version.approved_by}.")
    lines += [f"{each.by}, {each.at:%Y-%m-%d %H:%M} UTC: {each.text}" for each in version.comments]
    if version.check is not None:
        lines += ["", f"Gates: {version.check.outcome}. {version.check.reason}"]
        lines += [f"- {_mark(gate)} {gate.get('message') or gate.get('name')}" for gate in version.check.gates]
    return "\n".join(lines)


def _mark(gate: Mapping[str, object]) -> str:
    if gate.get("passed"):
        return "passed:"
    return "refused:" if gate.get("mode") == "enforce" else "warned:"


def _sum_up_gates(version: ModelVersion) -> str:
    gates = version.check.gates if version.check else ()
    failed = [str(gate.get("name")) for gate in gates if not gate.get("passed")]
    counts: dict[str, object] = {"passed": len(gates) - len(failed), "failed": failed}
    text = json.dumps(counts, separators=(",", ":"))
    # Names are left out from the end, so that the tag stays JSON; the page of the version names them all.
    for kept in range(len(failed), -1, -1):
        if len(text) <= TAG_LENGTH:
            break
        text = json.dumps({**counts, "failed": failed[:kept], "more": len(failed) - kept}, separators=(",", ":"))
    return text


def _describe_entry(found: RegisteredVersion) -> ModelVersionEntry:
    return ModelVersionEntry(
        version=str(found.version),
        tags=read_tags(found.tags),
        description=found.description or "",
        created_by=str(found.user_id or ""),
        source=str(found.source or ""),
    )


class ModelRegistry:
    """One model of the registry: what the life cycle reads of it, and the single changes it makes."""

    def __init__(self, name: str) -> None:
        """Remember which model; connect to nothing."""
        self.name = name

    def read(self) -> RegistryState:
        """Return all versions with their tags, and the aliases; nothing for a model that is not registered.

        Raises:
            ModelError: If the store cannot be reached.
        """
        with guard_store():
            client = open_client()
            versions = read_versions(client, self.name)
            aliases, tags = read_aliases(client, self.name)
        entries = {str(each.version): _describe_entry(each) for each in versions}
        return RegistryState(versions=entries, aliases=aliases, tags=tags)

    def apply(self, change: Change) -> None:
        """Carry out one step; again if another writer was in the way.

        Raises:
            ModelError: If the store cannot be reached.
        """
        change_store(lambda: self._apply(open_client(), change))

    def _apply(self, client: MlflowClient, change: Change) -> None:
        if change.action == "set_alias":
            client.set_registered_model_alias(self.name, change.key, change.version)
        elif change.action == "delete_alias":
            client.delete_registered_model_alias(self.name, change.key)
        elif change.action == "set_tag":
            write_tags(self.name, change.version, {change.key: change.value}, client=client)
        elif change.action == "delete_tag":
            # That another writer has deleted it meanwhile is as good.
            with ignore_missing():
                client.delete_model_version_tag(self.name, change.version, change.key)
        elif change.action == "mark":
            client.set_registered_model_tag(self.name, SHOWN_TAG, change.value)
        else:
            client.update_model_version(self.name, change.version, change.value)

    def tag(self, version: str, key: str, value: str) -> None:
        """Set one tag of a version."""
        self.apply(Change("set_tag", version, key, value))

    def compute_digest(self, version: str) -> str:
        """Return the digest of the version's files as they are now; nothing of them is executed.

        Raises:
            ModelError: If the store cannot be reached.
            UntrustedModelError: If the files are not those of their own manifest, or could execute code.
        """
        from boathouse.registry.model_files import download_model

        with guard_store(), redirect_stderr(StringIO()):
            files = download_model(self.name, version)
        check_files(files)
        return digest_of(files)

    def copy_from(self, source: str, version: str) -> str:
        """Copy ``version`` of the model ``source`` into this one; return the new version."""
        with redirect_stderr(StringIO()):
            copied = change_store(lambda: copy_registered(open_client(), source, version, self.name))
        return str(copied.version)

    def delete(self, version: str) -> None:
        """Remove a version."""
        change_store(lambda: open_client().delete_model_version(self.name, version))
