"""What the registry has to show of a model, and the single steps that bring it there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from boathouse.core.promotion import kinds
from boathouse.core.promotion.life import ModelLife, VersionLife

# Unity Catalog keeps at most 256 characters of a tag's value; MLflow takes more.
_TAG_LENGTH = 256


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion:
    """One version as the registry has it.

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
    """

    versions: Mapping[str, RegisteredVersion] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One step; doing it again changes nothing.

    Attributes:
        action: ``set_alias``, ``delete_alias``, ``set_tag``, ``delete_tag`` or ``describe``.
        version: Version concerned; empty for ``delete_alias``.
        key: Alias or tag; empty for ``describe``.
        value: Value of the tag, or the description.
    """

    action: str
    version: str
    key: str = ""
    value: str = ""


def plan_changes(life: ModelLife, state: RegistryState) -> list[Change]:
    """Return the steps that bring ``state`` in line with ``life``; none if it is.

    The champion's alias moves first, so that every state on the way has exactly one champion. Aliases and
    tags that are not of the life cycle stay as they are, and versions that the registry lost are passed over.
    """
    return [*_alias_changes(life, state), *_version_changes(life, state)]


def _alias_changes(life: ModelLife, state: RegistryState) -> Iterator[Change]:
    wanted = {alias: version for alias, version in life.aliases.items() if version in state.versions}
    for alias in kinds.ALIASES:
        version = wanted.get(alias)
        if version is not None and state.aliases.get(alias) != version:
            yield Change("set_alias", version, alias)
    for alias in reversed(kinds.ALIASES):
        if alias in state.aliases and alias not in life.aliases:
            yield Change("delete_alias", "", alias)


def _version_changes(life: ModelLife, state: RegistryState) -> Iterator[Change]:
    for version, found in state.versions.items():
        if version not in life.versions:
            continue
        wanted = describe_tags(life.versions[version])
        for key in MANAGED_TAGS:
            if key in wanted and found.tags.get(key) != wanted[key]:
                yield Change("set_tag", version, key, wanted[key])
            if key not in wanted and key in found.tags:
                yield Change("delete_tag", version, key)
        text = describe_version(life.versions[version])
        if found.description != text:
            yield Change("describe", version, "", text)


MANAGED_TAGS = ("stage", "comparison", "promotion", "gates", "approved_by", "copied_from")


def describe_tags(version: VersionLife) -> dict[str, str]:
    """Return the tags of the life cycle: stage, results of the checks, who approved, where it came from."""
    tags = {"stage": version.stage, "approved_by": version.approved_by, "copied_from": version.source or ""}
    if version.check is not None:
        tags |= {
            "comparison": {"promoted": "passed", "kept": "failed"}.get(version.check.outcome, ""),
            "promotion": version.check.reason,
            "gates": _sum_up_gates(version),
        }
    return {key: value[:_TAG_LENGTH] for key, value in tags.items() if value}


def describe_version(version: VersionLife) -> str:
    """Return the text of the version's page: where it stands, why, and each gate in a line."""
    lines = [f"{version.stage}, since {version.moved_at:%Y-%m-%d %H:%M} UTC. {version.reason}".rstrip()]
    if version.approved_by:
        lines.append(f"Approved by {version.approved_by}.")
    if version.check is not None:
        lines += ["", f"Gates: {version.check.outcome}. {version.check.reason}"]
        lines += [f"- {_mark(gate)} {gate.get('message') or gate.get('name')}" for gate in version.check.gates]
    return "\n".join(lines)


def _mark(gate: Mapping[str, object]) -> str:
    if gate.get("passed"):
        return "passed:"
    return "refused:" if gate.get("mode") == "enforce" else "warned:"


def _sum_up_gates(version: VersionLife) -> str:
    gates = version.check.gates if version.check else ()
    failed = [str(gate.get("name")) for gate in gates if not gate.get("passed")]
    return json.dumps({"passed": len(gates) - len(failed), "failed": failed}, separators=(",", ":"))
