"""``boathouse trace``: everything on record about one version, in one look-up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import click

from boathouse.commands.feature_places import ENVIRONMENT, House, open_house
from boathouse.core.errors import ModelError

NAME = click.option(
    "--name", default=None, help="Registered model, in full or its last part. Default: the environment's first."
)


@click.command()
@click.argument("subject", metavar="VERSION")
@NAME
@ENVIRONMENT
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all digests and libraries.")
def trace(subject: str, name: str | None, env: str, conf_source: Path, *, as_json: bool) -> None:
    """Say where VERSION comes from: code, environment, data, features, parameters, files, who, and what was decided.

    VERSION is a number or an alias such as champion. What was not recorded is named as such.
    """
    house = open_house(env, conf_source)
    click.echo(_find_form(subject)(subject, name, house, as_json=as_json))


def trace_version(subject: str, name: str | None, house: House, *, as_json: bool) -> str:
    """Return the trace of a model version."""
    from boathouse.core.lineage.trace_text import trace_to_dict, write_trace
    from boathouse.governance.trail import read_trail
    from boathouse.governance.version_facts import read_version

    facts = read_version(name_model(name, house), subject, house.lakehouse, with_files=True)
    events = read_trail(house.environment, house.lakehouse, "promotions").about(facts.name, facts.version)
    if as_json:
        return json.dumps(trace_to_dict(facts, events), indent=2, default=str)
    return write_trace(facts, events)


def name_model(name: str | None, house: House) -> str:
    """Return the three-level name of the model that ``name`` means; None is the environment's first.

    Raises:
        ModelError: If the environment has no model of that short name.
    """
    if name is None:
        return house.models[0]
    if "." in name:
        return name
    found = [each for each in house.models if each.rpartition(".")[2] == name]
    if not found:
        raise ModelError.unknown_name(name, house.models)
    return found[0]


# What a subject looks like, and who traces it. Another kind of id is another line.
_FORMS: tuple[tuple[re.Pattern[str], Callable[..., str]], ...] = (
    (re.compile(r"[0-9]+|champion|challenger|previous|[a-z][a-z0-9_]*"), trace_version),
)


def _find_form(subject: str) -> Callable[..., str]:
    for form, tracer in _FORMS:
        if form.fullmatch(subject):
            return tracer
    raise ModelError.untraceable(subject)
