"""Ledger and registry compared: the one list of differences that steps set back and that reports and alarms show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from boathouse.lifecycle.registry import (
    MANAGED_TAGS,
    Change,
    ModelVersionEntry,
    RegistryState,
    describe_tags,
    describe_version,
)
from boathouse.lifecycle.state import ALIASES, REGISTERED, ModelState, ModelVersion
from boathouse.registry.checks import DIGEST_TAG

ALIAS, TAG, DIGEST, PAGE = "alias", "tag", "digest", "page"
UNRECORDED, LOST = "unrecorded_version", "lost_version"
# Tags that state what the ledger knows in the same words in every release; the others are texts for readers.
_FACTS = frozenset({"stage", "approved_by", "copied_from", "trained_by"})
_SHOWN_DIGITS = 16
# What training writes of the life cycle's own tags.
_TRAINED = {"stage": REGISTERED}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that the registry shows otherwise than the ledger has it.

    Attributes:
        kind: ``alias``, ``tag``, ``digest``, ``page``, ``unrecorded_version`` or ``lost_version``.
        version: Version concerned; of an alias the one decided on, or empty.
        key: Alias or tag, or empty.
        decided: What the ledger has; None for nothing.
        found: What the registry shows; None for nothing.
        is_late: Whether the registry shows what the ledger had when it was last synced: a step was cut off,
            or is being made. Otherwise somebody changed the registry past the ledger.
    """

    kind: str
    version: str
    key: str = ""
    decided: str | None = None
    found: str | None = None
    is_late: bool = False

    @property
    def is_alarm(self) -> bool:
        """Whether somebody has changed past the ledger what decides or states a fact."""
        return not self.is_late and (self.kind in {ALIAS, DIGEST} or (self.kind == TAG and self.key in _FACTS))

    def __str__(self) -> str:
        """Return what is found, what was decided, and where, in one sentence."""
        found, decided = _shorten(self.found), _shorten(self.decided)
        if self.kind == ALIAS:
            return f"Alias {self.key} is {_version(found)} in the registry and {_version(decided)} in the ledger."
        if self.kind == DIGEST:
            return f"Version {self.version} has digest {found} in the registry and {decided} in the ledger."
        if self.kind == TAG:
            return f"Tag '{self.key}' of version {self.version} is {found} in the registry and {decided} in the ledger."
        if self.kind == PAGE:
            return f"The page of version {self.version} does not show what the ledger has."
        if self.kind == UNRECORDED:
            return f"Version {self.version} is in the registry and not in the ledger."
        return f"Version {self.version} is in the ledger and not in the registry: it was deleted there."


def _shorten(value: str | None) -> str:
    return "not set" if value is None else value[:_SHOWN_DIGITS] if len(value) > 2 * _SHOWN_DIGITS else value


def _version(value: str) -> str:
    return value if value == "not set" else f"version {value}"


def compare_registry(shown: Sequence[ModelState], registered: RegistryState) -> list[Difference]:
    """Return where ``registered`` differs from the ledger; nothing if it shows what the ledger has.

    Args:
        shown: States by the ledger, from the one that the registry was last synced with to the one now; see
            ``projection.project_since``.
        registered: The model as the registry has it, read before the ledger: then no step reached the registry that the
            ledger as it was read does not have.
    """
    return [*_compare_aliases(shown, registered), *_compare_versions(shown, registered)]


def _compare_aliases(shown: Sequence[ModelState], registered: RegistryState) -> Iterator[Difference]:
    now = shown[-1]
    for alias in ALIASES:
        decided, found = now.aliases.get(alias), registered.aliases.get(alias)
        if decided != found:
            is_late = any(found == state.aliases.get(alias) for state in shown)
            yield Difference(
                kind=ALIAS, version=decided or "", key=alias, decided=decided, found=found, is_late=is_late
            )


def _compare_versions(shown: Sequence[ModelState], registered: RegistryState) -> Iterator[Difference]:
    now = shown[-1]
    for number in sorted({*now.versions, *registered.versions}, key=_order):
        decided, entry = now.versions.get(number), registered.versions.get(number)
        if entry is None:
            yield Difference(kind=LOST, version=number)
        elif decided is None:
            yield Difference(kind=UNRECORDED, version=number)
        else:
            before = [state.versions[number] for state in shown if number in state.versions]
            yield from _compare_version(decided, entry, before, is_new=number not in shown[0].versions)


def _order(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdigit() else (0, version)


def _compare_version(
    decided: ModelVersion, entry: ModelVersionEntry, before: Sequence[ModelVersion], *, is_new: bool
) -> Iterator[Difference]:
    number = decided.version
    if decided.digest is not None and entry.digest != decided.digest:
        yield Difference(kind=DIGEST, version=number, key=DIGEST_TAG, decided=decided.digest, found=entry.digest)
    wanted = describe_tags(decided)
    for key in MANAGED_TAGS:
        found = entry.tags.get(key)
        if found != wanted.get(key):
            # A version that was not shown yet has the tags of its training, or those of what it was copied from.
            is_late = is_new and (decided.source is not None or found == _TRAINED.get(key))
            is_late = is_late or any(found == describe_tags(each).get(key) for each in before)
            yield Difference(kind=TAG, version=number, key=key, decided=wanted.get(key), found=found, is_late=is_late)
    trained_by = entry.tags.get("trained_by")
    if not is_new and trained_by is not None and trained_by != decided.trained_by:
        yield Difference(kind=TAG, version=number, key="trained_by", decided=decided.trained_by, found=trained_by)
    text = describe_version(decided, entry.description)
    if entry.description != text:
        yield Difference(kind=PAGE, version=number, decided=text, found=entry.description)


def plan_changes(state: ModelState, registered: RegistryState) -> list[Change]:
    """Return the changes after which ``registered`` shows ``state``; none if it does.

    The champion's alias moves first, so that every state on the way has exactly one champion. Aliases and
    tags that are not of the life cycle stay as they are, and versions that the registry lost are passed over. A digest
    is not set back here: whether the files are those on record has to be looked at.
    """
    found = compare_registry([state], registered)
    aliases = [each for each in found if each.kind == ALIAS]
    moved = [
        Change("set_alias", each.decided, each.key)
        for each in aliases
        if each.decided is not None and each.decided in registered.versions
    ]
    gone = [Change("delete_alias", "", each.key) for each in reversed(aliases) if each.decided is None]
    return [*moved, *gone, *(_change_version(each) for each in found if each.kind in {TAG, PAGE})]


def _change_version(difference: Difference) -> Change:
    if difference.kind == PAGE:
        return Change("describe", difference.version, "", difference.decided or "")
    if difference.decided is None:
        return Change("delete_tag", difference.version, difference.key)
    return Change("set_tag", difference.version, difference.key, difference.decided)
