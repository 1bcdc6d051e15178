"""A trace as text for a person: everything on record, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from boathouse.endpoints.states import SERVED
from boathouse.lineage.facts import RuntimeFacts, ServingFact, find_gaps, to_plain

if TYPE_CHECKING:
    from typing import Any

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lineage.facts import FeatureFact, ModelVersionFacts, TableFact

MISSING = "not recorded"
# Digits of a digest that distinguish versions in a text; JSON has all of them.
_SHORT = 12
# Libraries that are named where training and serving differ; JSON has all of them.
_NAMED = 5


def write_trace(facts: ModelVersionFacts, events: Sequence[AuditRecord], served: Sequence[ServingFact] = ()) -> str:
    """Return the whole trace, one section an aspect; ``served`` are the endpoints that have loaded the version."""
    sections = {
        f"{facts.name}, version {facts.version}": _head(facts),
        "Code": _code(facts),
        "Trained in": _runtime(facts),
        "Served in": _served(facts, served),
        "Run": _run(facts),
        "Data": map(_table, facts.tables),
        "Features": (line for each in facts.features for line in _feature(each)),
        "Parameters": _pairs(_used_parameters(facts)),
        "Metrics": _pairs({name: f"{value:.6g}" for name, value in sorted(facts.metrics.items())}),
        "Files": (f"{each.digest[:_SHORT]}  {each.size:>9,} bytes  {each.path}" for each in facts.artefacts),
        "Decisions": map(describe_event, events),
    }
    gaps = find_gaps(facts)
    parts = [_section(title, list(lines)) for title, lines in sections.items()]
    return "\n\n".join([*parts, _section("Not recorded", gaps)] if gaps else parts)


def write_prediction(facts: Mapping[str, Any]) -> str:
    """Return one section about a prediction, from its facts as plain values."""
    missing = {name: MISSING for name in ("model_name", "model_version") if facts[name] is None}
    shown = {**facts, **missing, **facts["read"]}
    skipped = ("prediction_id", "read")
    lines = {name: value for name, value in shown.items() if name not in skipped and value not in (None, [], ())}
    return _section(f"Prediction {facts['prediction_id']}", list(_pairs(lines)))


def trace_to_dict(
    facts: ModelVersionFacts, events: Sequence[AuditRecord], served: Sequence[ServingFact] = ()
) -> dict[str, Any]:
    """Return the trace for JSON: all facts, events with their evidence, and the names of what was not recorded."""
    return {
        **to_plain(facts),
        "served_in": [to_plain(each) for each in served],
        "events": [{**to_plain(each), "evidence": each.read_evidence()} for each in events],
        "not_recorded": find_gaps(facts),
    }


def describe_event(event: AuditRecord) -> str:
    """Return one line: when, what, who, why."""
    evidence = event.read_evidence()
    refused = [gate for gate in evidence.get("gates", []) if not gate.get("passed", True)]
    parts = [f"{event.occurred_at:%Y-%m-%d %H:%M} UTC  {event.kind} by {event.who}"]
    parts += [str(evidence["outcome"])] if "outcome" in evidence else []
    parts += [f"not passed: {', '.join(str(gate.get('name')) for gate in refused)}"] if refused else []
    parts += [event.comment] if event.comment else []
    return "; ".join(parts)


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines or [MISSING])])


def _head(facts: ModelVersionFacts) -> Iterator[str]:
    aliases = ", ".join(facts.aliases) or "none"
    yield f"stage {_say(facts.stage)}, aliases: {aliases}, registered {_when(facts.registered_at)}"
    yield f"{_say(facts.algorithm)}, trained on {_say(facts.training_window)}"
    yield f"digest {_say(facts.model_digest)}"
    if facts.source:
        yield f"copy of {facts.source}: everything below is about how that one was made"


def _code(facts: ModelVersionFacts) -> Iterator[str]:
    code = facts.code
    yield f"commit {_say(code.commit)} on {_say(code.branch)}, boathouse {_say(code.package_version)}"
    if code.dirty == "false":
        yield "clean: nothing differed from the commit"
    elif code.dirty == "true":
        yield f"files differed from the commit; digest of the difference: {_say(code.difference)}"
    else:
        yield f"whether files differed from the commit: {MISSING}"


def _runtime(facts: ModelVersionFacts) -> Iterator[str]:
    found = facts.runtime_environment
    yield f"Python {_say(found.python)}, {_say(found.engine)} {_say(found.engine_version)}"
    yield f"system {_say(found.system)}, processor {_say(found.machine)}"
    yield f"requirements.lock {_short(found.lock_digest)}"
    count = "" if found.libraries is None else f" ({len(found.libraries)}; --json lists them)"
    yield f"libraries {_short(found.libraries_digest)}{count}"


def find_served(records: Iterable[AuditRecord], name: str, version: str) -> list[ServingFact]:
    """Return which endpoints have loaded a version and in what, by the records of ``audit.deployments``, in order."""
    found = []
    for record in records:
        evidence = record.read_evidence() if record.kind == SERVED and record.version == version else {}
        if evidence.get("model") == name:
            runtime = RuntimeFacts(**evidence["runtime_environment"])
            found.append(
                ServingFact(
                    endpoint=record.subject, since=record.occurred_at, by=record.actor, runtime_environment=runtime
                )
            )
    return found


def _served(facts: ModelVersionFacts, served: Sequence[ServingFact]) -> Iterator[str]:
    """Give a line for each endpoint, with what differs from training."""
    if not served:
        yield "no endpoint has loaded it; a batch or stream records its own environment in its run"
    trained = facts.runtime_environment
    for each in served:
        found = each.runtime_environment
        yield f"endpoint {each.endpoint} since {_when(each.since)} as {each.by}"
        yield f"    Python {_say(found.python)}, system {_say(found.system)}, processor {_say(found.machine)}"
        yield f"    requirements.lock {_short(found.lock_digest)}, libraries {_short(found.libraries_digest)}"
        yield f"    {_compare_libraries(trained.libraries, found.libraries)}"


def _compare_libraries(trained: Mapping[str, str] | None, serving: Mapping[str, str] | None) -> str:
    """Return which libraries differ between training and serving, those that only one has included."""
    if trained is None or serving is None:
        return "libraries of training or serving: " + MISSING
    names = sorted(name for name in {*trained, *serving} if trained.get(name) != serving.get(name))
    shown = [f"{name} {trained.get(name, 'none')} there, {serving.get(name, 'none')} here" for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"other libraries than in training: {'; '.join(shown)}{more}" if names else "libraries as in training"


def _run(facts: ModelVersionFacts) -> Iterator[str]:
    run = facts.run
    yield f"{_say(run.run_id)} by {_say(run.run_by)} in {_say(run.environment)}, {_say(run.status)}"
    yield f"from {_when(run.started_at)} to {_when(run.ended_at)}"
    yield f"pipelines {_say(', '.join(run.pipelines))}; job run {_say(run.job_run_id)}"


def _table(table: TableFact) -> str:
    rows = "" if table.rows is None else f", {table.rows:,} rows"
    if table.version is None:
        return f"{table.table}{rows}: a file, without versions"
    state = {True: "can be read", False: f"cannot be read: {table.problem}", None: "not known whether it can be read"}
    updated = "" if table.updated_at is None else f", updated {_when(datetime.fromisoformat(table.updated_at))}"
    return f"{table.table} version {table.version}{updated}{rows}: {state[table.readable]}"


def _feature(view: FeatureFact) -> Iterator[str]:
    current = "as defined here" if view.is_current else "defined differently here, or not at all"
    taken = view.features if view.taken is None else view.taken
    yield f"{view.name} version {view.version}, {view.digest} ({current}): {', '.join(taken) or 'nothing of it'}"
    if idle := [name for name in view.features if name not in taken]:
        yield f"    not taken, but looked up with it: {', '.join(idle)}"
    if not view.sources:
        yield f"    from: {MISSING}"
    for table, columns in (view.sources or {}).items():
        yield f"    from {table}: {', '.join(columns)}"


def _used_parameters(facts: ModelVersionFacts) -> dict[str, object]:
    """Return the parameters of the run's pipelines and those that belong to none."""
    groups = {name.partition(".")[0] for name in facts.parameters if "." in name}
    shown = {*facts.run.pipelines} or groups
    return {
        name: value
        for name, value in sorted(facts.parameters.items())
        if "." not in name or name.partition(".")[0] in shown
    }


def _pairs(values: Mapping[str, object]) -> Iterator[str]:
    return (f"{name} = {value}" for name, value in values.items())


def _say(value: str | None) -> str:
    return value or MISSING


def _short(digest: str | None) -> str:
    return digest[:_SHORT] if digest else MISSING


def _when(moment: datetime | None) -> str:
    return MISSING if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
