"""What is not as it should be with a model: each check looks at one thing and its finding says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.lifecycle.comparison import ALIAS, DIGEST, LOST, TAG, UNRECORDED
from boathouse.lifecycle.policy import DECLARED
from boathouse.lifecycle.rules import why_void
from boathouse.lifecycle.state import CHALLENGER, CHAMPION, PREVIOUS
from boathouse.lineage.facts import find_gaps

if TYPE_CHECKING:
    from boathouse.lifecycle.comparison import Difference
    from boathouse.lifecycle.state import Approval, ModelVersion
    from boathouse.lineage.model_history import ModelHistory, ModelVersionHistory

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
# More gaps than these are counted.
_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a person has to look at.

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


def find_findings(model: ModelHistory) -> list[Finding]:
    """Return everything that is open about ``model``, errors first."""
    found = [finding for check in MODEL_CHECKS for finding in check(model)]
    found += [finding for each in model.versions for check in VERSION_CHECKS for finding in check(model, each)]
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def broken_chain(model: ModelHistory) -> Iterator[Finding]:
    """The trail was changed, cut or reordered."""
    for each in model.breaks:
        yield _model(ERROR, "broken_chain", f"{each}. Records from there on are not proven.")


def missing_trail(model: ModelHistory) -> Iterator[Finding]:
    """There is no trail of promotions; one of deployments comes with the first endpoint."""
    for table in model.missing:
        if table.endswith("promotions"):
            yield _model(WARNING, "missing_trail", f"{table} does not exist: no decision is on record.")


def alias_differs(model: ModelHistory) -> Iterator[Finding]:
    """Registry and ledger do not agree about an alias."""
    for each in model.differences:
        if each.kind == ALIAS:
            yield _model(ERROR, "alias_differs", f"{each} Nothing of it scores. {_name_sync(model)}")


def waiting_request(model: ModelHistory) -> Iterator[Finding]:
    """A request is open."""
    for each in model.state.open_requests:
        days = (model.at - each.at).days
        text = f"{each.who} asked for {each.to} on {each.at:%Y-%m-%d}, {days} day(s) ago; it is open."
        yield Finding(severity=NOTE, kind="waiting_request", version=each.version, message=text)


def expired_approval(model: ModelHistory) -> Iterator[Finding]:
    """An open request has an approval that no longer counts."""
    for request in model.state.open_requests:
        version = model.state.versions[request.version]
        for each in request.approvals:
            reason = why_void(each, version, model.at, model.rules)
            if reason is not None:
                text = f"{reason} Approve again: boathouse models approve {request.version}."
                yield Finding(severity=WARNING, kind="expired_approval", version=request.version, message=text)


def champion_without_approval(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """A version became champion with fewer valid approvals than the environment asks for."""
    version = each.state
    if version is None or version.stage != CHAMPION or model.rules.needed == 0:
        return
    valid = {approval.by for approval in _approvals(model, version) if _counted(approval, version, model)}
    if len(valid) < model.rules.needed:
        text = (
            f"It is champion with {len(valid)} of {model.rules.needed} approvals that counted when it became champion."
        )
        yield _finding(ERROR, "champion_without_approval", each, f"{text} Approve it afterwards, or roll back.")


def declared_approval(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """The champion was approved under a name for which nothing but who typed it vouches."""
    version = each.state
    if version is None or version.stage != CHAMPION:
        return
    for approval in _approvals(model, version):
        if approval.assurance == DECLARED and _counted(approval, version, model):
            text = f"{approval.by} approved it, a name that account {approval.account or 'unknown'} declared (--as)."
            yield _finding(NOTE, "declared_approval", each, f"{text} It proves no second person.")


def _approvals(model: ModelHistory, version: ModelVersion) -> Iterator[Approval]:
    for request in model.state.requests:
        if request.version == version.version and request.to == "production":
            yield from request.approvals


def _counted(approval: Approval, version: ModelVersion, model: ModelHistory) -> bool:
    """Return whether an approval was there, and counted, when the version became champion."""
    return approval.at <= version.moved_at and why_void(approval, version, version.moved_at, model.rules) is None


def champion_not_passed(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """The champion did not pass the gates, or they have not judged it."""
    if each.state is None or each.state.stage != CHAMPION:
        return
    check = each.state.check
    if check is None:
        command = f"kedro run --pipelines evaluation,promotion --env {model.environment}"
        yield _finding(WARNING, "champion_not_passed", each, f"It is champion and no gate has judged it: {command}")
    elif any(gate.get("mode") == "enforce" and not gate.get("passed") for gate in check.gates):
        names = ", ".join(str(gate.get("name")) for gate in check.gates if not gate.get("passed"))
        yield _finding(ERROR, "champion_not_passed", each, f"It is champion though these gates refuse it: {names}.")


def unrecorded_version(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """Registry and ledger do not know the same versions."""
    for found in _differences(model, each, UNRECORDED, LOST):
        if found.kind == LOST:
            yield _finding(ERROR, "lost_version", each, str(found))
        elif "promotions" not in "".join(model.missing):
            yield _finding(WARNING, "unrecorded_version", each, f"{found} {_name_sync(model)}")


def stage_differs(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """A tag states another fact than the ledger."""
    for found in _differences(model, each, TAG):
        if found.is_alarm:
            yield _finding(ERROR, f"{found.key}_differs", each, f"{found} {_name_sync(model)}")


def other_files(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """The digest that was recorded is not the one that the registry's tag has."""
    for found in _differences(model, each, DIGEST):
        text = "It does not score. If its files are those on record, the tag can be set back."
        yield _finding(ERROR, "other_files", each, f"{found} {text} {_name_sync(model)} Else train again.")


def _differences(model: ModelHistory, each: ModelVersionHistory, *kinds: str) -> list[Difference]:
    return [found for found in model.differences if found.kind in kinds and found.version == each.version]


def _name_sync(model: ModelHistory) -> str:
    return f"Put it right: boathouse models sync {model.name} --env {model.environment}."


def unreleased_champion(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:  # noqa: ARG001
    """The champion was trained by code that is in no commit."""
    if each.stage == CHAMPION and each.facts and each.facts.code.dirty != "false":
        described = {"true": "differed from their commit", None: "are not on record"}.get(
            each.facts.code.dirty, "unknown"
        )
        yield _finding(
            WARNING, "unreleased_champion", each, f"It is champion and the files that trained it {described}."
        )


def missing_records(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:  # noqa: ARG001
    """Something about a version was not written down."""
    gaps = find_gaps(each.facts) if each.facts else []
    if gaps:
        more = f" and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
        text = f"Not recorded: {', '.join(gaps[:_SHOWN])}{more}. A run that was killed leaves gaps; train again."
        yield _finding(WARNING, "missing_records", each, text)


def lost_data(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:  # noqa: ARG001
    """Tables can no longer be read as they were: the version cannot be reproduced."""
    lost = [table.table for table in each.facts.tables if table.readable is False] if each.facts else []
    if lost:
        severity = WARNING if each.stage in {CHAMPION, CHALLENGER, PREVIOUS} else NOTE
        text = f"Its data can no longer be read as they were: {', '.join(lost)}. It cannot be reproduced."
        yield _finding(severity, "lost_data", each, text)


MODEL_CHECKS: tuple[Callable[[ModelHistory], Iterator[Finding]], ...] = (
    broken_chain,
    missing_trail,
    alias_differs,
    expired_approval,
    waiting_request,
)
VERSION_CHECKS: tuple[Callable[[ModelHistory, ModelVersionHistory], Iterator[Finding]], ...] = (
    champion_without_approval,
    declared_approval,
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


def _finding(severity: str, kind: str, each: ModelVersionHistory, message: str) -> Finding:
    return Finding(severity=severity, kind=kind, version=each.version, message=message)
