"""``boathouse trace``: everything on record about one version, or about one prediction and its version."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT
from boathouse.cli.model_arguments import NAME, name_model
from boathouse.errors import ModelError

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.scoring.spec import Outputs


@click.command(epilog="Example: boathouse trace champion --env prod")
@click.argument("subject", metavar="VERSION|PREDICTION_ID")
@NAME
@ENVIRONMENT
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all digests and libraries.")
def trace(subject: str, name: str | None, environment: Environment, *, as_json: bool) -> None:
    """Trace a version or a prediction.

    Shows code, data, features, parameters, files, persons and decisions. VERSION is a number or an alias such as
    champion. PREDICTION_ID is that of a row of batch or stream, or the x-request-id of an endpoint's answer, followed
    by - and the number of the record from 0. What was not recorded is named as such.
    """
    click.echo(_find_form(subject)(subject, name, environment, as_json=as_json))


def trace_version(subject: str, name: str | None, environment: Environment, *, as_json: bool) -> str:
    """Return the trace of a model version; an alias is that of the ledger.

    Raises:
        ModelError: If there is no such version.
    """
    from boathouse.hooks.tracking import use_registry
    from boathouse.lifecycle.registry_reader import read_registry
    from boathouse.lifecycle.resolution import RecordedModel, explain_missing, is_alias
    from boathouse.lifecycle.state import ALIASES
    from boathouse.lifecycle.sync import compare_records
    from boathouse.lineage.model_history import read_trail
    from boathouse.lineage.trace_text import find_served, trace_to_dict, write_trace
    from boathouse.lineage.version_facts import read_version
    from boathouse.use_case import USE_CASE

    model, lakehouse = name_model(environment, name), environment.lakehouse
    shown, trail = read_registry(environment, model), read_trail(environment, "promotions")
    recorded = RecordedModel.of(model, trail.records)
    if is_alias(subject) and recorded.records:
        found = recorded.now.aliases.get(subject)
        if found is None:
            message = f"No version of {model} is {subject}. {explain_missing(recorded.now, subject)}"
            raise ModelError(message)
        subject = found
    if subject.isdecimal() and subject not in shown.versions:
        # Said before MLflow is imported, which takes seconds.
        raise ModelError.no_version(model, f"version {subject}", shown.versions)
    use_registry(environment)
    differences = compare_records(model, trail.records, shown)
    alarms = [str(each) for each in differences if each.is_alarm and each.version in {"", subject}]
    facts = read_version(model, subject, lakehouse, views=USE_CASE.views, with_files=True)
    decided = recorded.now.versions.get(facts.version)
    if decided is not None:
        # What the registry shows may be behind, or another: the ledger decides.
        held = [alias for alias, version in recorded.now.aliases.items() if version == facts.version]
        others = [alias for alias in facts.aliases if alias not in ALIASES]
        facts = replace(facts, stage=decided.stage, aliases=tuple(sorted([*held, *others])))
    events = trail.about(facts.name, facts.version)
    served = find_served(read_trail(environment, "deployments").records, facts.name, facts.version)
    if as_json:
        return json.dumps({**trace_to_dict(facts, events, served), "alarms": alarms}, indent=2, default=str)
    return "\n".join([*(f"ALARM {each}" for each in alarms), write_trace(facts, events, served)])


def trace_prediction(subject: str, name: str | None, environment: Environment, *, as_json: bool) -> str:
    """Return the trace of a prediction, then that of the version that gave it."""
    from boathouse.lineage.prediction_facts import find_prediction
    from boathouse.lineage.trace_text import write_prediction

    def read_outputs() -> Outputs:
        # The use case takes a second to import: an id that no table has is told before.
        from boathouse.use_case import USE_CASE

        return USE_CASE.task.outputs

    facts = find_prediction(subject, environment, read_outputs)
    model, version = facts.model_name or name, facts.model_version
    known = model is not None and version is not None
    found = trace_version(str(version), model, environment, as_json=as_json) if known else ""
    if as_json:
        plain = {"prediction": facts.to_dict(), "version": json.loads(found) if found else None}
        return json.dumps(plain, indent=2, default=str)
    return "\n\n".join([write_prediction(facts.to_dict()), *([found] if found else [])])


# The form of each kind of subject, and the function that traces it.
_FORMS: tuple[tuple[re.Pattern[str], Callable[..., str]], ...] = (
    (re.compile(r"[0-9a-f]{32}(-\d+)?"), trace_prediction),
    (re.compile(r"[0-9]+|champion|challenger|previous|[a-z][a-z0-9_]*"), trace_version),
)


def _find_form(subject: str) -> Callable[..., str]:
    for form, tracer in _FORMS:
        if form.fullmatch(subject):
            return tracer
    message = f"'{subject}' cannot be traced: expected the number of a version, or an alias such as champion."
    raise ModelError(message)
