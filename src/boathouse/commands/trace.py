"""``boathouse trace``: everything on record about one version, or about one prediction and its version."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import open_governed
from boathouse.core.errors import ModelError

if TYPE_CHECKING:
    from boathouse.commands.model_places import Governed

NAME = click.option(
    "--name", default=None, help="Registered model, in full or its last part. Default: the environment's own."
)


@click.command()
@click.argument("subject", metavar="VERSION|PREDICTION_ID")
@NAME
@ENVIRONMENT
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all digests and libraries.")
def trace(subject: str, name: str | None, env: str, conf_source: Path, *, as_json: bool) -> None:
    """Say where a version or a prediction comes from: code, data, features, parameters, files, who, what was decided.

    VERSION is a number or an alias such as champion. PREDICTION_ID is that of a row of batch or stream, or the
    x-request-id of an endpoint's answer, followed by - and the number of the record from 0. What was not
    recorded is named as such.
    """
    governed = open_governed(env, conf_source)
    governed.use_registry()
    click.echo(_find_form(subject)(subject, name, governed, as_json=as_json))


def trace_version(subject: str, name: str | None, governed: Governed, *, as_json: bool) -> str:
    """Return the trace of a model version."""
    from boathouse.core.lineage.trace_text import trace_to_dict, write_trace
    from boathouse.governance.trail import read_trail
    from boathouse.governance.version_facts import read_version
    from boathouse.use_case import USE_CASE

    lakehouse = governed.house.lakehouse
    facts = read_version(governed.name_model(name), subject, lakehouse, views=USE_CASE.views, with_files=True)
    events = read_trail(governed.house.environment, lakehouse, "promotions").about(facts.name, facts.version)
    if as_json:
        return json.dumps(trace_to_dict(facts, events), indent=2, default=str)
    return write_trace(facts, events)


def trace_prediction(subject: str, name: str | None, governed: Governed, *, as_json: bool) -> str:
    """Return the trace of a prediction, then that of the version that gave it."""
    from boathouse.core.lineage.facts import to_plain
    from boathouse.core.lineage.trace_text import write_prediction
    from boathouse.governance.prediction_facts import find_prediction

    house = governed.house
    facts = find_prediction(subject, house.environment, house.lakehouse, governed.documents)
    model, version = facts.model_name or name, facts.model_version
    known = model is not None and version is not None
    found = trace_version(str(version), model, governed, as_json=as_json) if known else ""
    if as_json:
        plain = {"prediction": to_plain(facts), "version": json.loads(found) if found else None}
        return json.dumps(plain, indent=2, default=str)
    return "\n\n".join([write_prediction(to_plain(facts)), *([found] if found else [])])


# What a subject looks like, and who traces it. Another kind of id is another line.
_FORMS: tuple[tuple[re.Pattern[str], Callable[..., str]], ...] = (
    (re.compile(r"[0-9a-f]{32}(-\d+)?"), trace_prediction),
    (re.compile(r"[0-9]+|champion|challenger|previous|[a-z][a-z0-9_]*"), trace_version),
)


def _find_form(subject: str) -> Callable[..., str]:
    for form, tracer in _FORMS:
        if form.fullmatch(subject):
            return tracer
    raise ModelError.untraceable(subject)
