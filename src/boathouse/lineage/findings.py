"""What is not as it should be with a model: each check looks at one thing and tells what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.lifecycle import event_types
from boathouse.lifecycle.rules import why_void
from boathouse.lineage.facts import find_gaps

if TYPE_CHECKING:
    from boathouse.lifecycle.state import Approval, VersionState
    from boathouse.lineage.governed import GovernedModel, GovernedVersion

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
# More gaps than these are counted.
_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that somebody has to look at.

    Attributes:
        severity: ``error`` (the record contradicts itself or the rules), ``warning`` or ``note``.
        kind: Name in the closed list of checks.
        version: Version concerned, or empty for the model as a whole.
        message: What is wrong and what to do.
    """

    severity: str
    kind: str
    version: str
    message: str


def find_findings(model: GovernedModel) -> list[Finding]:
    """Return everything that is open about ``model``, errors first."""
    found = [finding for check in MODEL_CHECKS for finding in check(model)]
    found += [finding for each in model.versions for check in VERSION_CHECKS for finding in check(model, each)]
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def broken_chain(model: GovernedModel) -> Iterator[Finding]:
    """The trail was changed, cut or reordered."""
    for each in model.breaks:
        yield _model(ERROR, "broken_chain", f"{each}. Nothing the trail says from there on is proven.")


def missing_trail(model: GovernedModel) -> Iterator[Finding]:
    """There is no trail of promotions; one of deployments comes with the first endpoint."""
    for table in model.missing:
        if table.endswith("promotions"):
            yield _model(WARNING, "missing_trail", f"{table} does not exist: no decision is on record.")


def alias_differs(model: GovernedModel) -> Iterator[Finding]:
    """Registry and ledger do not agree about an alias."""
    for alias in event_types.ALIASES:
        shown, told = model.aliases.get(alias), model.life.aliases.get(alias)
        if shown != told:
            text = f"Alias {alias} is {_version(shown)} in the registry and {_version(told)} in the ledger."
            yield _model(ERROR, "alias_differs", f"{text} Repair it: boathouse models sync.")


def waiting_request(model: GovernedModel) -> Iterator[Finding]:
    """Somebody waits for an answer."""
    for each in model.life.open_requests:
        days = (model.at - each.at).days
        text = f"{each.by} asked for {each.to} on {each.at:%Y-%m-%d}, {days} day(s) ago; it is open."
        yield Finding(severity=NOTE, kind="waiting_request", version=each.version, message=text)


def expired_approval(model: GovernedModel) -> Iterator[Finding]:
    """An open request has an approval that no longer counts."""
    for request in model.life.open_requests:
        life = model.life.versions[request.version]
        for each in request.approvals:
            reason = why_void(each, life, model.at, model.rules)
            if reason is not None:
                text = f"{reason} Approve again: boathouse models approve {request.version}."
                yield Finding(severity=WARNING, kind="expired_approval", version=request.version, message=text)


def champion_without_approval(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:
    """A version took charge with fewer valid approvals than the environment asks for."""
    life = each.life
    if life is None or life.stage != event_types.CHAMPION or model.rules.needed == 0:
        return
    valid = {approval.by for approval in _approvals(model, life) if _counted(approval, life, model)}
    if len(valid) < model.rules.needed:
        text = f"It is champion with {len(valid)} of {model.rules.needed} approvals that counted when it took charge."
        yield _finding(ERROR, "champion_without_approval", each, f"{text} Approve it afterwards, or roll back.")


def _approvals(model: GovernedModel, life: VersionState) -> Iterator[Approval]:
    for request in model.life.requests:
        if request.version == life.version and request.to == "production":
            yield from request.approvals


def _counted(approval: Approval, life: VersionState, model: GovernedModel) -> bool:
    """Return whether an approval was there, and counted, when the version took charge."""
    return approval.at <= life.moved_at and why_void(approval, life, life.moved_at, model.rules) is None


def champion_not_passed(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:
    """A version is in charge that the gates did not let pass, or that none has judged."""
    if each.life is None or each.life.stage != event_types.CHAMPION:
        return
    check = each.life.check
    if check is None:
        command = f"kedro run --pipelines evaluation,promotion --env {model.environment}"
        yield _finding(WARNING, "champion_not_passed", each, f"It is champion and no gate has judged it: {command}")
    elif any(gate.get("mode") == "enforce" and not gate.get("passed") for gate in check.gates):
        names = ", ".join(str(gate.get("name")) for gate in check.gates if not gate.get("passed"))
        yield _finding(ERROR, "champion_not_passed", each, f"It is champion though these gates refuse it: {names}.")


def unrecorded_version(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:
    """Registry and ledger do not know the same versions."""
    if each.life is None and "promotions" not in "".join(model.missing):
        text = (
            "The registry has it and the ledger does not: registered past Boathouse. boathouse models sync records it."
        )
        yield _finding(WARNING, "unrecorded_version", each, text)
    if each.facts is None:
        yield _finding(ERROR, "lost_version", each, "The ledger knows it and the registry does not: it was deleted.")


def stage_differs(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """The tag says another stage than the ledger."""
    if each.facts and each.life and each.facts.stage != each.life.stage:
        text = f"Its tag says stage {each.facts.stage or 'nothing'}, the ledger {each.life.stage}."
        yield _finding(ERROR, "stage_differs", each, f"{text} Repair it: boathouse models sync.")


def other_files(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:  # noqa: ARG001
    """The digest that was recorded is not the one that the registry's tag has."""
    if each.facts and each.life and each.life.digest and each.facts.model_digest != each.life.digest:
        text = (
            f"Its digest is {(each.facts.model_digest or 'not recorded')[:12]}, registered was {each.life.digest[:12]}."
        )
        yield _finding(ERROR, "other_files", each, f"{text} Do not use it; train again.")


def unreleased_champion(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:  # noqa: ARG001
    """A version is in charge whose code is in no commit."""
    if each.stage == event_types.CHAMPION and each.facts and each.facts.code.dirty != "false":
        said = {"true": "differed from their commit", None: "are not on record"}.get(each.facts.code.dirty, "unknown")
        yield _finding(WARNING, "unreleased_champion", each, f"It is champion and the files that trained it {said}.")


def missing_records(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:  # noqa: ARG001
    """Something about a version was not written down."""
    gaps = find_gaps(each.facts) if each.facts else []
    if gaps:
        more = f" and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
        text = f"Not recorded: {', '.join(gaps[:_SHOWN])}{more}. A run that was killed leaves gaps; train again."
        yield _finding(WARNING, "missing_records", each, text)


def lost_data(model: GovernedModel, each: GovernedVersion) -> Iterator[Finding]:  # noqa: ARG001
    """Tables can no longer be read as they were: nobody can reproduce the version."""
    lost = [table.table for table in each.facts.tables if table.readable is False] if each.facts else []
    if lost:
        severity = (
            WARNING if each.stage in {event_types.CHAMPION, event_types.CHALLENGER, event_types.PREVIOUS} else NOTE
        )
        text = f"Its data can no longer be read as they were: {', '.join(lost)}. It cannot be reproduced."
        yield _finding(severity, "lost_data", each, text)


MODEL_CHECKS: tuple[Callable[[GovernedModel], Iterator[Finding]], ...] = (
    broken_chain,
    missing_trail,
    alias_differs,
    expired_approval,
    waiting_request,
)
VERSION_CHECKS: tuple[Callable[[GovernedModel, GovernedVersion], Iterator[Finding]], ...] = (
    champion_without_approval,
    champion_not_passed,
    unrecorded_version,
    stage_differs,
    other_files,
    unreleased_champion,
    missing_records,
    lost_data,
)


def _model(severity: str, kind: str, message: str) -> Finding:
    return Finding(severity=severity, kind=kind, version="", message=message)


def _finding(severity: str, kind: str, each: GovernedVersion, message: str) -> Finding:
    return Finding(severity=severity, kind=kind, version=each.version, message=message)


def _version(version: str | None) -> str:
    return "nobody" if version is None else f"version {version}"
