"""What is not as it should be with a model: each check looks at one thing and its finding says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from boathouse.lifecycle.comparison import ALIAS, DIGEST, LOST, TAG, UNRECORDED
from boathouse.lifecycle.event_types import COPIED, REGISTERED
from boathouse.lifecycle.rules import why_void
from boathouse.lifecycle.sealed_results import REGISTERED_TAGS
from boathouse.lifecycle.state import CHALLENGER, CHAMPION, PREVIOUS
from boathouse.lineage.champion_findings import (
    approved_by_own,
    champion_not_passed,
    champion_without_approval,
    declared_approval,
)
from boathouse.lineage.facts import find_gaps
from boathouse.lineage.finding import ERROR, NOTE, SEVERITIES, WARNING, Finding, of_model, of_version
from boathouse.namespaces import name_environment

if TYPE_CHECKING:
    from boathouse.lifecycle.comparison import Difference
    from boathouse.lineage.model_history import ModelHistory, ModelVersionHistory

# More gaps than these are counted.
_SHOWN = 6


def find_findings(model: ModelHistory) -> list[Finding]:
    """Return everything that is open about ``model``, errors first."""
    found = [finding for check in MODEL_CHECKS for finding in check(model)]
    found += [finding for each in model.versions for check in VERSION_CHECKS for finding in check(model, each)]
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def broken_chain(model: ModelHistory) -> Iterator[Finding]:
    """The trail was changed, cut or reordered."""
    for each in model.breaks:
        yield of_model(ERROR, "broken_chain", f"{each}. Records from there on are not proven.")


def missing_trail(model: ModelHistory) -> Iterator[Finding]:
    """There is no trail of promotions; one of deployments comes with the first endpoint."""
    for table in model.missing:
        if table.endswith("promotions"):
            yield of_model(WARNING, "missing_trail", f"{table} does not exist: no decision is on record.")


def alias_differs(model: ModelHistory) -> Iterator[Finding]:
    """Registry and ledger do not agree about an alias."""
    for each in model.differences:
        if each.kind == ALIAS:
            yield of_model(ERROR, "alias_differs", f"{each} Nothing of it scores. {_name_sync(model)}")


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
                here = f"--env {name_environment(model.state.name)}"
                text = f"{reason} Approve again: boathouse models approve {request.version} --comment WHY {here}"
                yield Finding(severity=WARNING, kind="expired_approval", version=request.version, message=text)


def unrecorded_version(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """Registry and ledger do not know the same versions."""
    for found in _differences(model, each, UNRECORDED, LOST):
        if found.kind == LOST:
            yield of_version(ERROR, "lost_version", each, str(found))
        elif "promotions" not in "".join(model.missing):
            yield of_version(WARNING, "unrecorded_version", each, f"{found} {_name_sync(model)}")


def stage_differs(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """A tag states another fact than the ledger."""
    for found in _differences(model, each, TAG):
        if found.is_alarm:
            yield of_version(ERROR, f"{found.key}_differs", each, f"{found} {_name_sync(model)}")


def edited_tags(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:  # noqa: ARG001
    """The registry shows something else of the training than was registered."""
    for record in each.records:
        is_registration = record.kind in {REGISTERED, COPIED}
        registered: Mapping[str, str] = (record.read_evidence().get("tags") if is_registration else None) or {}
        for key in sorted(REGISTERED_TAGS & registered.keys() - {"model_digest"}):
            shown = each.facts.tags.get(key) if each.facts else None
            if shown is not None and shown != registered[key]:
                text = f"Its tag {key} is '{shown}', registered was '{registered[key]}'. Decisions go by the latter."
                yield of_version(WARNING, "edited_tags", each, f"{text} Find out who changed it, and set it back.")


def edited_metrics(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:  # noqa: ARG001
    """The table of evaluations has other numbers than were sealed when the version was evaluated."""
    if each.edited_metrics:
        text = f"audit.evaluations has other numbers than were recorded: {', '.join(each.edited_metrics)}."
        advice = "Decisions and this page go by the record. Write the table again: kedro run --pipelines evaluation"
        yield of_version(ERROR, "edited_metrics", each, f"{text} {advice}")


def accepted_trail(model: ModelHistory) -> Iterator[Finding]:
    """A person accepted an audit table that its anchors contradicted."""
    for each in model.accepted:
        yield of_model(WARNING, "accepted_trail", f"{each}. What its anchors kept before no longer counts.")


def other_files(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """The digest that was recorded is not the one that the registry's tag has."""
    for found in _differences(model, each, DIGEST):
        text = "It does not score. If its files are those on record, the tag can be set back."
        yield of_version(ERROR, "other_files", each, f"{found} {text} {_name_sync(model)} Else train again.")


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
        yield of_version(
            WARNING, "unreleased_champion", each, f"It is champion and the files that trained it {described}."
        )


def missing_records(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:  # noqa: ARG001
    """Something about a version was not written down."""
    gaps = find_gaps(each.facts) if each.facts else []
    if gaps:
        more = f" and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
        text = f"Not recorded: {', '.join(gaps[:_SHOWN])}{more}. A run that was killed leaves gaps; train again."
        yield of_version(WARNING, "missing_records", each, text)


def lost_data(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:  # noqa: ARG001
    """Tables can no longer be read as they were: the version cannot be reproduced."""
    lost = [table.table for table in each.facts.tables if table.readable is False] if each.facts else []
    if lost:
        severity = WARNING if each.stage in {CHAMPION, CHALLENGER, PREVIOUS} else NOTE
        text = f"Its data can no longer be read as they were: {', '.join(lost)}. It cannot be reproduced."
        yield of_version(severity, "lost_data", each, text)


MODEL_CHECKS: tuple[Callable[[ModelHistory], Iterator[Finding]], ...] = (
    broken_chain,
    accepted_trail,
    missing_trail,
    alias_differs,
    expired_approval,
    waiting_request,
)
VERSION_CHECKS: tuple[Callable[[ModelHistory, ModelVersionHistory], Iterator[Finding]], ...] = (
    champion_without_approval,
    declared_approval,
    champion_not_passed,
    approved_by_own,
    edited_tags,
    edited_metrics,
    unrecorded_version,
    stage_differs,
    other_files,
    unreleased_champion,
    missing_records,
    lost_data,
)
