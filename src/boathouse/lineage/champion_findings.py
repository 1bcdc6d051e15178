"""Whether the champion came to be champion by the rules: judged by the gates and approvals that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from boathouse.lifecycle.event_types import CHECKED, PROMOTED
from boathouse.lifecycle.gate_rules import APPROVAL
from boathouse.lifecycle.policy import DECLARED
from boathouse.lifecycle.rules import why_void
from boathouse.lifecycle.state import CHAMPION
from boathouse.lineage.finding import ERROR, NOTE, WARNING, Finding, of_version

if TYPE_CHECKING:
    from datetime import datetime

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.state import Approval, ModelVersion, Request
    from boathouse.lineage.model_history import ModelHistory, ModelVersionHistory


def champion_without_approval(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """A version became champion with fewer valid approvals than the environment asks for."""
    version = each.state
    if version is None or version.stage != CHAMPION or model.rules.needed == 0:
        return
    promotion = find_promotion(each)
    moment = version.moved_at if promotion is None else promotion.occurred_at
    valid = {approval.by for _, approval in _approvals(model, version, moment)}
    if len(valid) < model.rules.needed:
        text = (
            f"It is champion with {len(valid)} of {model.rules.needed} approvals that counted when it became champion."
        )
        yield of_version(ERROR, "champion_without_approval", each, f"{text} Approve it afterwards, or roll back.")


def declared_approval(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """The champion was approved under a name for which nothing but who typed it vouches."""
    version, promotion = each.state, find_promotion(each)
    if version is None or version.stage != CHAMPION or promotion is None:
        return
    for _, approval in _approvals(model, version, promotion.occurred_at):
        if approval.assurance == DECLARED:
            text = f"{approval.by} approved it, a name that account {approval.account or 'unknown'} declared (--as)."
            yield of_version(NOTE, "declared_approval", each, f"{text} It proves no second person.")


def approved_by_own(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """The champion was approved by who trained it or who asked for it."""
    version, promotion = each.state, find_promotion(each)
    if version is None or version.stage != CHAMPION or promotion is None:
        return
    severity, rule = (ERROR, "which four_eyes forbids") if model.rules.four_eyes else (NOTE, "which is allowed here")
    for request, approval in _approvals(model, version, promotion.occurred_at):
        parts = [("trained", version.trained_by), ("asked for", request.by)]
        own = [part for part, person in parts if person == approval.by]
        if own:
            text = f"{approval.by}, who {' and '.join(own)} it, approved it, {rule}."
            advice = " Have somebody else look at it, or roll back." if severity == ERROR else ""
            yield of_version(severity, "approved_by_own", each, text + advice)


def find_promotion(each: ModelVersionHistory) -> AuditRecord | None:
    """Return the record by which the version became champion; None if it never did, or by a rollback alone."""
    found = [one for one in each.records if one.kind == PROMOTED and one.read_evidence().get("stage") == CHAMPION]
    return found[-1] if found else None


def _approvals(model: ModelHistory, version: ModelVersion, moment: datetime) -> Iterator[tuple[Request, Approval]]:
    """Give the approvals for production that were there, and counted, at ``moment``."""
    for request in model.state.requests:
        if request.version == version.version and request.to == "production":
            for approval in request.approvals:
                if approval.at <= moment and why_void(approval, version, moment, model.rules) is None:
                    yield request, approval


def champion_not_passed(model: ModelHistory, each: ModelVersionHistory) -> Iterator[Finding]:
    """The champion was not judged before it became champion, or a gate that was enforced refused it.

    An approval may come after the gates, so that of the gate ``approval`` is judged by ``champion_without_approval``.
    """
    if each.state is None or each.state.stage != CHAMPION:
        return
    gates = find_deciding_gates(each)
    if gates is None:
        command = f"kedro run --pipelines evaluation,promotion --env {model.environment}"
        yield of_version(WARNING, "champion_not_passed", each, f"It is champion and no gate has judged it: {command}")
        return
    refusing = [
        str(gate["name"])
        for gate in gates
        if gate.get("mode") == "enforce" and not gate.get("passed") and gate.get("name") != APPROVAL
    ]
    if refusing:
        text = f"It is champion though these gates refused it: {', '.join(refusing)}."
        yield of_version(ERROR, "champion_not_passed", each, f"{text} Roll back, or have it judged again.")


def find_deciding_gates(each: ModelVersionHistory) -> list[Mapping[str, Any]] | None:
    """Return the gates that had judged the version when it became champion, else its newest; None without any.

    What was judged later, with other rules or against another champion, did not decide.
    """
    promotion = find_promotion(each)
    judged: dict[str, Mapping[str, Any]] | None = None
    for record in each.records:
        if promotion is not None and record.sequence > promotion.sequence:
            break
        gates = record.read_evidence().get("gates")
        if gates is None:
            continue
        # A check begins a decision; what follows, such as a comparison, adds its gates.
        judged = {} if judged is None or record.kind == CHECKED else judged
        judged |= {str(gate.get("name")): gate for gate in gates}
    return None if judged is None else list(judged.values())
