"""``boathouse endpoints update|promote|rollback|canary-step|pause|resume``: changes of what is served."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ACT_AS, ENVIRONMENT, WRITES
from boathouse.endpoints.states import PAUSED, PROMOTED, STARTED, STEP, UPDATED, EndpointStates
from boathouse.errors import RolloutError
from boathouse.lifecycle.identity import identify

if TYPE_CHECKING:
    from boathouse.endpoints.config import EndpointConfig
    from boathouse.endpoints.states import EndpointState
    from boathouse.environment import Environment

_COMMENT = click.option("--comment", default="", help="Why; kept in the trail.")


@click.command(epilog="Example: boathouse endpoints update NAME --route champion=100")
@click.argument("name")
@click.option("--split", type=click.Choice(["weight", "ab", "canary", "rolling", "shadow"]), default=None)
@click.option("--route", "routes", multiple=True, metavar="ENTITY=PERCENT", help="Share of the traffic; repeat it.")
@click.option("--candidate", default=None, help="Of a canary or a rolling replacement: the entity brought in.")
@click.option("--mirror", "mirrors", multiple=True, metavar="ENTITY", help="Of a shadow: scores without answering.")
@click.option("--steps", default=None, metavar="1,5,25,50,100", help="Of a canary: percentages; default: conf's.")
@click.option("--batches", default=4, show_default=True, help="Of a rolling replacement: equal steps.")
@click.option("--salt", default=None, help="Of an A/B test: a new one for each test: it changes the assignment.")
@click.option("--unit", default=None, help="Of an A/B test: column that names the unit; default: conf's.")
@click.option("--file", "path", type=click.Path(exists=True, path_type=Path), default=None, help="Whole document.")
@click.option("--expect", type=int, default=None, help="Change it only if this record is still the newest.")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def update(name: str, environment: Environment, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Change what an endpoint serves.

    A traffic split, an A/B test, a canary, a shadow, or a rolling replacement. Blue/green is a split of kind weight
    that gives 100 to the other entity. Everything can be undone with `boathouse endpoints rollback`.
    """
    from boathouse.endpoints.experiments.planning import ExperimentOptions

    states = EndpointStates.of(environment)
    state = states.read(name)
    if given["expect"] is not None:
        state = replace(state, sequence=given["expect"])
    config = _read_file(name, given["path"]) if given["path"] else _change(state, given)
    if config.split.kind == "ab" and not environment.options(ExperimentOptions, "rollouts", "experiments").enabled:
        raise RolloutError.switched_off()
    is_start = config.split.kind not in {"weight", state.config.split.kind}
    kind = STARTED if is_start else UPDATED
    _report(states.change(state, config, kind=kind, actor=identify(environment), comment=given["comment"]))


def _read_file(name: str, path: Path) -> EndpointConfig:
    import yaml

    from boathouse.endpoints.config import EndpointConfig

    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    # A file of several endpoints, as in conf, or one alone.
    return EndpointConfig.from_document(name, document.get(name, document))


def _change(state: EndpointState, given: dict[str, Any]) -> EndpointConfig:
    from boathouse.endpoints import rollouts

    config = state.config
    shares = dict(_parse_route(text) for text in given["routes"])
    if given["split"] is None and not shares:
        message = (
            "Nothing to change: give --route ENTITY=PERCENT, --split or --file. --salt and --unit belong to --split ab."
        )
        raise click.UsageError(message)
    match given["split"]:
        case "canary":
            return rollouts.start_canary(config, _need(given, "candidate"), steps=_parse_steps(given["steps"]))
        case "rolling":
            return rollouts.start_rolling(config, _need(given, "candidate"), batches=given["batches"])
        case "shadow":
            return rollouts.start_shadow(config, given["mirrors"])
        case "ab":
            unit = given["unit"] or config.split.unit or ""
            return rollouts.start_experiment(config, shares, salt=_need(given, "salt"), unit=unit)
        case "weight":
            return rollouts.split_by_weight(config, shares)
        case _:
            return rollouts.route_traffic(config, shares)


def _need(given: dict[str, Any], option: str) -> str:
    if not given[option]:
        raise click.UsageError(f"--split {given['split']} needs --{option}.")
    return str(given[option])


def _parse_route(text: str) -> tuple[str, float]:
    entity, equals, share = text.rpartition("=")
    try:
        percentage = float(share) if equals and entity else None
    except ValueError:
        percentage = None
    if percentage is None:
        raise RolloutError(f"'{text}' is no route. Write the entity and its percentage: champion=90.")
    return entity, percentage


def _parse_steps(text: str | None) -> Sequence[float] | None:
    try:
        return None if text is None else tuple(float(step) for step in text.split(","))
    except ValueError:
        raise click.UsageError("--steps takes percentages, divided by commas: 1,5,25,50,100.") from None


@click.command(epilog="Example: boathouse endpoints promote NAME --env prod")
@click.argument("name")
@click.option("--entity", default=None, help="Default: the candidate, the mirror, or the only other one.")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def promote(name: str, entity: str | None, comment: str, environment: Environment) -> None:
    """Give all traffic to one served entity.

    It ends the rollout under way.
    """
    from boathouse.endpoints.rollouts import choose_promoted, give_everything

    states = EndpointStates.of(environment)
    state = states.read(name)
    chosen = entity or choose_promoted(state.config)
    config = give_everything(state.config, chosen)
    _report(states.change(state, config, kind=PROMOTED, actor=identify(environment), comment=comment))


@click.command(epilog="Example: boathouse endpoints rollback NAME --comment 'Too many errors'")
@click.argument("name")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def rollback(name: str, comment: str, environment: Environment) -> None:
    """Return to the configuration before.

    That is the one before the newest change, or before the rollout under way; typed again it goes further back.
    """
    states = EndpointStates.of(environment)
    _report(states.roll_back(name, actor=identify(environment), comment=comment))


@click.command(name="canary-step", epilog="Example: boathouse endpoints canary-step NAME --watch 60")
@click.argument("name")
@click.option("--watch", type=float, default=None, metavar="SECONDS", help="Look again and again, until it is decided.")
@ENVIRONMENT
@ACT_AS
@WRITES
def canary_step(name: str, watch: float | None, environment: Environment) -> None:
    """Advance, keep or roll back a canary.

    It is judged by the inference log.

    Exit code 0: it went on, waits or is done; 3: it was rolled back.
    """
    from boathouse.endpoints.canary_step import step_canary

    states = EndpointStates.of(environment)
    while True:
        decision = step_canary(states, name, environment.endpoint_log, actor=identify(environment))
        click.echo(f"{decision.outcome}: {decision.reason}")
        for check in decision.checks:
            click.echo(f"  {check.verdict:<5} {check.name:<9} {check.text}")
        if decision.outcome == "roll_back":
            raise click.exceptions.Exit(3)
        if watch is None or decision.outcome == "done":
            return
        time.sleep(watch)


@click.command(epilog="Example: boathouse endpoints pause NAME --env prod")
@click.argument("name")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def pause(name: str, comment: str, environment: Environment) -> None:
    """Pause a canary until it is resumed."""
    states = EndpointStates.of(environment)
    state = states.read(name)
    if state.config.split.kind != "canary":
        raise RolloutError.no_canary(name, state.config.split.kind)
    _report(states.change(state, state.config, kind=PAUSED, actor=identify(environment), comment=comment))


@click.command(epilog="Example: boathouse endpoints resume NAME --env prod")
@click.argument("name")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def resume(name: str, comment: str, environment: Environment) -> None:
    """Resume a paused canary.

    Its step starts again.
    """
    states = EndpointStates.of(environment)
    state = states.read(name)
    if state.kind != PAUSED:
        raise RolloutError.no_canary(name, f"{state.config.split.kind}, not paused")
    _report(states.change(state, state.config, kind=STEP, actor=identify(environment), comment=comment))


def _report(state: EndpointState) -> None:
    click.echo(f"{state.name}: {describe_traffic(state)}")
    click.echo(f"record {state.sequence} ({state.kind}); undo with: boathouse endpoints rollback {state.name}")


def describe_traffic(state: EndpointState) -> str:
    """Return kind and shares in one line."""
    config = state.config
    shares = ", ".join(f"{route.served_entity_name} {route.traffic_percentage:g} %" for route in config.routes)
    extra = {
        "canary": f", candidate {config.split.candidate}",
        "shadow": f", shadow {', '.join(config.split.mirrors)}",
        "ab": f", by {config.split.unit}",
    }.get(config.split.kind, "")
    return f"{config.split.kind}: {shares}{extra}"
