"""Which version may score: the one that the ledger decided on, if the registry shows the same version and digest.

Everything that scores, exports or traces a version asks here: batch, streams, endpoints, ``infer``, exports, images.
Pure, so that the endpoint can import it: who reads ledger and registry is ``lifecycle.decided_versions``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from boathouse.errors import UndecidedModelError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.projection import project_events, project_since
from boathouse.lifecycle.state import ALIASES, ARCHIVED, ModelState, ModelVersion
from boathouse.namespaces import find_namespace, name_environment

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord


# How the projection notes a request that was rejected, and by whom where that was no person.
REJECTED_BY, JUDGES = "rejected by ", frozenset({"the compliance check", "the comparison"})
_MOVES = frozenset({event_types.PROMOTED, event_types.ARCHIVED, event_types.ROLLED_BACK, event_types.STOPPED})


@dataclass(frozen=True, kw_only=True)
class DecidedVersion:
    """A version that may score, and the digest that its files must have; hashable, to cache files by.

    Two are the same if name, version and digest are: a version that changes its stage is not loaded again.

    Attributes:
        name: Registered name.
        version: Version, as text.
        digest: Digest of its files, by the ledger.
        stage: Its stage when it was resolved; ``archived`` for one that was named by its number alone.
        decision: What the ledger says of it, in plain values; goes with it where there is no ledger.
    """

    name: str
    version: str
    digest: str
    stage: str = field(compare=False)
    decision: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class RecordedModel:
    """One model by its records in the ledger.

    Attributes:
        name: Registered name.
        records: Its records, in order.
        now: Its state after all of them.
    """

    name: str
    records: Sequence[AuditRecord]
    now: ModelState

    @classmethod
    def of(cls, name: str, records: Sequence[AuditRecord]) -> RecordedModel:
        """Return the model ``name``; ``records`` may be about others too."""
        own = [record for record in records if record.subject == name]
        return cls(name, own, project_events(own, name=name))

    @property
    def ledger(self) -> str:
        """Name of the table that its records are in."""
        return find_namespace(self.name).full_name("audit.promotions")

    @property
    def environment(self) -> str:
        """Environment that it belongs to."""
        return find_namespace(self.name).environment

    def find_alias(self, alias: str, aliases: Mapping[str, str], *, shown: int) -> str | None:
        """Return the version that the ledger decided on for ``alias``; None if there is none.

        Args:
            alias: ``champion``, ``challenger`` or ``previous``.
            aliases: Version at each alias in the registry, read before the ledger.
            shown: How many of the model's records the registry was last synced with. An alias that shows what
                the ledger had then was not moved by hand: a step was cut off before it reached the registry.

        Raises:
            UndecidedModelError: If the registry has another version at the alias.
        """
        decided, found = self.now.aliases.get(alias), aliases.get(alias)
        states = () if found == decided else project_since(self.records, shown, name=self.name)
        if found != decided and not any(found == state.aliases.get(alias) for state in states):
            raise UndecidedModelError.alias_moved(self.name, alias, decided, found, ledger=self.ledger)
        return decided

    def explain_removal(self, version: str) -> str:
        """Return who took a version out of service, when and why; empty for one that may go on where it answers.

        That are: stopped, replaced by a rollback, archived by a person or by the compliance check, or its request for
        production rejected by a person. One that only made way for its successor may go on.
        """
        known = self.now.versions.get(version)
        if known is None:
            return ""
        if known.stage == ARCHIVED:
            return self._explain_archived(version)
        request = self.now.find_request(version, "production")
        closed = "" if request is None or known.was_champion else request.closed
        if closed.startswith(REJECTED_BY) and closed.removeprefix(REJECTED_BY) not in JUDGES:
            return f"the request to make version {version} of {self.name} champion was {closed}"
        return ""

    def _explain_archived(self, version: str) -> str:
        for record in reversed(self.records):
            evidence = record.read_evidence() if record.kind in _MOVES else {}
            if record.kind == event_types.ROLLED_BACK and str(evidence["from"]) == version != record.version:
                how = f"was replaced by {evidence['to']} in a rollback"
            elif record.kind not in _MOVES or record.version != version:
                continue
            elif record.kind == event_types.STOPPED:
                how = "was stopped"
            elif record.kind == event_types.ARCHIVED and evidence.get("why") != "superseded":
                how = "was archived"
            else:
                return ""
            when, why = f"{record.occurred_at:%Y-%m-%d %H:%M}", record.comment.rstrip(".")
            return f"version {version} of {self.name} {how} by {record.who} at {when} UTC: {why}"
        return ""

    def check_version(self, version: str, tagged: str | None) -> DecidedVersion:
        """Return ``version`` if the ledger has it with the digest that the registry tags it with.

        Raises:
            UndecidedModelError: If the ledger does not know it, or recorded another digest.
        """
        known = self.now.versions.get(version)
        if known is None:
            raise UndecidedModelError.unknown_version(self.name, version, self.now.versions, ledger=self.ledger)
        if known.digest is None or tagged != known.digest:
            raise UndecidedModelError.undecided_digest(self.name, version, known.digest, tagged, ledger=self.ledger)
        return DecidedVersion(
            name=self.name,
            version=version,
            digest=known.digest,
            stage=known.stage,
            decision=self._describe_decision(known),
        )

    def _describe_decision(self, known: ModelVersion) -> dict[str, Any]:
        return {
            "ledger": self.ledger,
            "records": len(self.records),
            "head": self.records[-1].hash,
            "digest": known.digest,
            "stage": known.stage,
            "since": known.moved_at.isoformat(),
            "reason": known.reason,
            "approved_by": known.approved_by,
        }


def is_alias(wanted: str) -> bool:
    """Return whether ``wanted`` is an alias of the life cycle, not the number of a version."""
    return wanted in ALIASES


def check_not_archived(found: DecidedVersion) -> None:
    """Check that a version may leave for where no ledger is asked.

    Raises:
        UndecidedModelError: If it is archived.
    """
    if found.stage == ARCHIVED:
        raise UndecidedModelError.archived(found.name, found.version, str(found.decision.get("reason", "")))


def explain_stop(state: ModelState) -> str:
    """Return who stopped the champion of a model, when and why, and the command that resumes it; else empty."""
    stop = state.stopped
    if stop is None:
        return ""
    return (
        f"version {stop.version} of {state.name} was stopped by {stop.by} at {stop.at:%Y-%m-%d %H:%M} UTC: "
        f"{stop.reason.rstrip('.')}. Resume it: boathouse models rollback --to {stop.version} --comment WHY "
        f"--env {name_environment(state.name)}"
    )


def explain_missing(state: ModelState, alias: str = "champion") -> str:
    """Return why no version of a model has ``alias``, and the command that comes next."""
    environment = name_environment(state.name)
    here = f"--env {environment}"
    if alias == "champion" and state.stopped is not None:
        return explain_stop(state)
    waiting = [each for each in state.open_requests if each.to == "production"]
    if alias == "champion" and waiting:
        version = waiting[-1].version
        return (
            f"Version {version} of {state.name} waits for approval, asked for by {waiting[-1].who}. Look at it: "
            f"boathouse models show {version} {here}. How to approve it: boathouse requests list {here}"
        )
    judged = state.versions.get(state.judged or "")
    if alias == "champion" and judged is not None and judged.check is not None and not judged.check.passed:
        return (
            f"The gates decided '{judged.check.outcome}' on version {judged.version} of {state.name}: "
            f"{judged.check.reason} See: boathouse models show {judged.version} {here}"
        )
    return (
        f"{'No version' if not state.versions else 'None of the versions'} of {state.name} was made {alias}. Next: "
        f"kedro run --pipelines training,evaluation,promotion {here}"
    )
