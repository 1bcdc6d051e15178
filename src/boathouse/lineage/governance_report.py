"""The governance report of a model: the history of every version of a model on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boathouse.lineage.model_history import served_by
from boathouse.modelling.task import BINARY
from boathouse.reports.page import Page, Section, Table

if TYPE_CHECKING:
    from datetime import datetime

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.state import Request
    from boathouse.lineage.finding import Finding
    from boathouse.lineage.model_history import ModelHistory, ModelVersionHistory
    from boathouse.modelling.task import Task

MISSING = "not recorded"
_SHORT = 12


def build_page(model: ModelHistory, findings: Sequence[Finding], task: Task = BINARY) -> Page:
    """Return the page; it leaves out nothing but empty tables. Versions are listed with the task's decisive metric."""
    return Page(
        title=f"Governance of {model.name}",
        lead=(
            f"Environment {model.environment}, as of {_when(model.at)}: {len(model.versions)} version(s), "
            f"{sum(1 for _ in model.records())} record(s) in the trail. "
            f"{_approvals_needed(model)}"
        ),
        sections=(
            _findings(findings),
            _overview(model, task),
            _history(model),
            _requests(model),
            _deployments(model),
            *(section for each in model.versions for section in _version(each)),
        ),
    )


def _approvals_needed(model: ModelHistory) -> str:
    if not model.rules.needed:
        return "Production needs no approval."
    return f"Production needs {model.rules.needed} approval(s), each valid for {model.rules.valid_days} days."


def _findings(findings: Sequence[Finding]) -> Section:
    errors = sum(each.severity == "error" for each in findings)
    warnings = sum(each.severity == "warning" for each in findings)
    rows = tuple((each.severity, each.version or "all", each.kind.replace("_", " "), each.message) for each in findings)
    table = Table(caption="Open findings, errors first", headers=("severity", "version", "what", "message"), rows=rows)
    if not errors and not warnings:
        return Section(title="Findings", text=("No errors and no warnings.",), tables=(table,), mark="good")
    verdict = f"{errors} error(s) and {warnings} warning(s); each says what to do."
    return Section(title="Findings", text=(verdict,), tables=(table,), mark="error" if errors else "warning")


def _overview(model: ModelHistory, task: Task) -> Section:
    decisive = f"{task.words.metrics[task.decisive]}#"
    headers = ("version", "stage", "registered", "trained by", "gates", "approved by", decisive, "commit", "copy of")
    rows = tuple(_overview_row(each, task.decisive) for each in model.versions)
    aliases = ", ".join(f"{alias} is {version}" for alias, version in sorted(model.aliases.items())) or "none"
    table = Table(caption="Every version, the newest first", headers=headers, rows=rows)
    return Section(title="Versions", text=(f"Aliases in the registry: {aliases}.",), tables=(table,))


def _overview_row(each: ModelVersionHistory, decisive: str) -> tuple[str, ...]:
    state, facts = each.state, each.facts
    measured = next((metric for metric in each.metrics if metric.name == decisive), None)
    return (
        each.version,
        each.stage,
        _when(state.registered_at if state else facts.registered_at if facts else None),
        (state.trainer if state else facts.run.run_by if facts else None) or MISSING,
        state.check.outcome if state and state.check else "not judged",
        (state.approved_by if state else "") or "–",
        "–" if measured is None else f"{measured.value:.3f}",
        (facts.code.commit or MISSING)[:_SHORT] if facts else MISSING,
        (state.source if state else facts.source if facts else None) or "–",
    )


def _history(model: ModelHistory) -> Section:
    records = sorted(model.records(), key=lambda each: each.sequence)
    rows = tuple((_when(each.occurred_at), each.version or "–", each.kind, each.who, _why(each)) for each in records)
    table = Table(caption="Every record, in order", headers=("when", "version", "what", "who", "why"), rows=rows)
    return Section(title="History", text=() if rows else ("Nothing is on record.",), tables=(table,))


def _why(record: AuditRecord) -> str:
    evidence = record.read_evidence()
    described = {
        "promoted": f"to {evidence.get('stage')}, replacing {evidence.get('from') or 'no champion'}",
        "rolled_back": f"from {evidence.get('from')} to {evidence.get('to')}",
        "stopped": "nothing takes its place",
        "copied": f"from {evidence.get('source')} version {evidence.get('source_version')}",
        "requested": f"to {evidence.get('to')}",
        "checked": _judged(evidence),
        "compared": _judged(evidence),
    }.get(record.kind, "")
    return ". ".join(part for part in (described, record.comment) if part) or "–"


def _judged(evidence: Mapping[str, Any]) -> str:
    """Return the result of a step, and against which champion if it was compared with one."""
    against = f", against {evidence['champion'] or 'no champion'}" if "champion" in evidence else ""
    return f"{evidence.get('outcome')}{against}"


def _requests(model: ModelHistory) -> Section:
    headers = ("version", "to", "asked by", "when", "approvals", "state", "why")
    table = Table(
        caption="Requests with their approvals", headers=headers, rows=tuple(map(_request_row, model.state.requests))
    )
    return Section(
        title="Requests and approvals", text=() if table.rows else ("There are no requests.",), tables=(table,)
    )


def _request_row(each: Request) -> tuple[str, ...]:
    approvals = "; ".join(f"{one.who} on {one.at:%Y-%m-%d}: {one.comment}" for one in each.approvals)
    state = each.closed or "open"
    return each.version, each.to, each.who, _when(each.at), approvals or "none", state, each.comment or "–"


def _deployments(model: ModelHistory) -> Section:
    rows = tuple(
        (_when(each.occurred_at), each.subject, each.kind, each.who, _served(each, model), each.comment or "–")
        for each in model.deployments
    )
    headers = ("when", "endpoint", "what", "who", "serves", "why")
    table = Table(caption="What endpoints did with this model", headers=headers, rows=rows)
    now = [
        f"{each.title} serves version {each.version} now."
        if each.version
        else f"{each.title} serves the version at alias {each.alias} now."
        for each in model.serving
    ]
    told = [each[0].upper() + each[1:] for each in now]
    if told and not rows:
        told.append("That is by conf; no change of an endpoint is on record.")
    return Section(title="Deployments", text=tuple(told) or ("No endpoint serves it.",), tables=(table,))


def _served(record: AuditRecord, model: ModelHistory) -> str:
    return ", ".join(served_by(record, model.name)) or "–"


def _version(each: ModelVersionHistory) -> Iterator[Section]:
    title = f"Version {each.version}"
    reason = f" {each.state.reason}" if each.state and each.state.reason else ""
    yield Section(title=title, text=(f"Stage {each.stage}.{reason}",), tables=(_origin(each),))
    for name, table in (("Gates", _gates(each)), ("Metrics", _metrics(each)), ("Data", _data(each))):
        if table.rows:
            yield Section(title=f"{name} of version {each.version}", tables=(table,), level=3)


def _origin(each: ModelVersionHistory) -> Table:
    facts = each.facts
    if facts is None:
        return Table(caption="Origin", headers=("what", "value"), rows=(("registry", "the version is not there"),))
    code, found = facts.code, facts.runtime_environment
    clean = {"false": "clean", "true": f"changed, difference {(code.difference or MISSING)[:_SHORT]}"}
    values = {
        "code": f"commit {code.commit or MISSING}, {clean.get(str(code.dirty), MISSING)}",
        "trained": f"{_when(facts.registered_at)} by {facts.run.run_by or MISSING}, run {facts.run.run_id or MISSING}",
        "with": f"{facts.algorithm or MISSING} on {facts.training_window or MISSING}",
        "in": f"Python {found.python or MISSING}, {found.engine or MISSING} {found.engine_version or MISSING}",
        "libraries": (found.libraries_digest or MISSING)[:_SHORT],
        "files": f"digest {facts.model_digest or MISSING}",
        "features": ", ".join(f"{view.name} {view.version} ({view.digest})" for view in facts.features) or MISSING,
    }
    rows = (*values.items(), *((("copy of", facts.source),) if facts.source else ()))
    return Table(caption=f"Where version {each.version} comes from", headers=("what", "value"), rows=tuple(rows))


def _gates(each: ModelVersionHistory) -> Table:
    rows = tuple(
        (
            str(gate.get("name")),
            str(gate.get("mode")),
            "passed" if gate.get("passed") else "refused" if gate.get("mode") == "enforce" else "warned",
            _number(gate.get("value")),
            _number(gate.get("limit")),
            str(gate.get("message") or ""),
        )
        for gate in each.gates
    )
    headers = ("gate", "mode", "result", "value#", "limit#", "in words")
    return Table(caption=f"What the gates measured of version {each.version}", headers=headers, rows=rows)


def _metrics(each: ModelVersionHistory) -> Table:
    rows = tuple(
        (one.name, _number(one.value), "–" if one.low is None else f"{_number(one.low)} to {_number(one.high)}")
        for one in each.metrics
    )
    caption = f"Version {each.version} on rows it was not trained on"
    return Table(caption=caption, headers=("metric", "value#", "interval#"), rows=rows)


def _data(each: ModelVersionHistory) -> Table:
    state = {True: "can be read", False: "cannot be read any more", None: "–"}
    rows = tuple(
        (
            table.table,
            "–" if table.version is None else str(table.version),
            "–" if table.rows is None else f"{table.rows:,}",
            state[table.readable],
        )
        for table in (each.facts.tables if each.facts else ())
    )
    headers = ("table or file", "version#", "rows#", "now")
    return Table(caption=f"What version {each.version} was made from", headers=headers, rows=rows)


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "undefined" if value is None else str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _when(moment: datetime | None) -> str:
    return MISSING if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
