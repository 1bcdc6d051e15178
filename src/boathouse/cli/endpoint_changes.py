"""``boathouse endpoints update|promote|rollback|reset|canary-step|pause|resume``: changes of what is served."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ACT_AS, ENVIRONMENT, WRITES
from boathouse.endpoints.options import STEPPED
from boathouse.endpoints.states import (
    PAUSED,
    PROMOTED,
    ROLLED_BACK,
    STARTED,
    STEP,
    UPDATED,
    ChangedMeanwhileError,
    EndpointStates,
)
from boathouse.errors import ModelError, RolloutError
from boathouse.lifecycle.identity import identify

if TYPE_CHECKING:
    from boathouse.endpoints.admission import Admission
    from boathouse.endpoints.config import EndpointConfig
    from boathouse.endpoints.state import EndpointState
    from boathouse.environment import Environment
    from boathouse.lifecycle.resolution import DecidedVersion

_COMMENT = click.option("--comment", default="", help="Why; kept in the trail.")


@click.command(epilog="Example: boathouse endpoints update NAME --route champion=100")
@click.argument("name")
@click.option("--split", type=click.Choice(["weight", "ab", "canary", "rolling", "shadow"]), default=None)
@click.option("--route", "routes", multiple=True, metavar="ENTITY=PERCENT", help="Share of the traffic; repeat it.")
@click.option("--candidate", default=None, help="Of a canary or a rolling replacement: the entity brought in.")
@click.option("--mirror", "mirrors", multiple=True, metavar="ENTITY", help="Of a shadow: scores without answering.")
@click.option("--steps", default=None, metavar="1,5,25,50,100", help="Of a canary: percentages; default: conf's.")
@click.option(
    "--batches",
    default=4,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Of a rolling replacement: equal steps.",
)
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
    that gives 100 to the other entity. Entities that take part are pinned to the versions of now. Everything can be
    undone with `boathouse endpoints rollback`.
    """
    from boathouse.endpoints.experiments.planning import ExperimentOptions

    states, admission = EndpointStates.of(environment), open_admission(environment)
    state = states.read(name)
    if given["expect"] not in {None, state.sequence}:
        raise RolloutError.not_as_expected(
            name, given["expect"], state.sequence, state.kind, state.actor, environment=environment.name
        )
    admission.allow(states, name, "promote")
    if given["split"] not in {None, "weight"}:
        _require_no_other(state)
    wanted = _read_file(name, given["path"]) if given["path"] else _change(state, given)
    if wanted.split.kind != "weight" and _name_rollout(wanted) != _name_rollout(state.config):
        _require_no_other(state)
    if wanted.split.kind == "ab" and not environment.options(ExperimentOptions, "rollouts", "experiments").enabled:
        raise RolloutError.switched_off()
    config = admission.pin(wanted, state.config, state.base)
    admission.check(config, state.config)
    is_start = config.split.kind not in {"weight", state.config.split.kind}
    kind = STARTED if is_start else UPDATED
    report(states.change(state, config, kind=kind, actor=admission.identity, comment=given["comment"]))


def open_admission(environment: Environment) -> Admission:
    """Return what is asked before a change is recorded: rules, identity, and the versions in ledger and registry."""
    from boathouse.cli.model_arguments import read_rules
    from boathouse.endpoints.admission import Admission
    from boathouse.lifecycle.decided_versions import LedgerVersions

    versions = LedgerVersions(environment.lakehouse)

    def load(version: DecidedVersion) -> None:
        """Load the version as a worker would."""
        from boathouse.serving.served_model import load_model
        from boathouse.use_case import USE_CASE

        files, name, number = versions.files(version), version.name, version.version
        load_model("", name, number, files, on_demand=USE_CASE.on_demand, ranges={}, digest=version.digest)

    environment.use_mlflow()
    return Admission(versions=versions, options=read_rules(environment), identity=identify(environment), load=load)


def _name_rollout(config: EndpointConfig) -> tuple[str | None, ...]:
    return config.split.kind, config.split.candidate, config.split.salt, config.split.unit


def _require_no_other(state: EndpointState) -> None:
    """Check that no rollout is under way that another one would break; a shadow answers no caller.

    Raises:
        RolloutError: Naming it.
    """
    kind = state.config.split.kind
    if kind not in {"weight", "shadow"}:
        since = f"since record {state.sequence} by {state.actor}" if state.sequence else "as conf has it"
        raise RolloutError.under_way(state.name, kind, since, environment=state.environment)


def _read_file(name: str, path: Path) -> EndpointConfig:
    import yaml

    from boathouse.endpoints.config import EndpointConfig

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place is not None else ""
        raise RolloutError(
            f"{path}{where} is neither YAML nor JSON: the document of an endpoint is expected."
        ) from error
    if not isinstance(document, dict):
        raise RolloutError(
            f"{path} holds {type(document).__name__}; expected the document of an endpoint, as `boathouse endpoints "
            f"show {name} --json` prints it."
        )
    # A file of several endpoints, as in conf, or one alone.
    return EndpointConfig.from_document(name, document.get(name, document))


def _change(state: EndpointState, given: dict[str, Any]) -> EndpointConfig:
    from boathouse.endpoints import rollouts

    shares = _read_shares(given["routes"])
    if given["split"] is None and not shares:
        message = (
            "Nothing to change: give --route ENTITY=PERCENT, --split or --file. --salt and --unit belong to --split ab."
        )
        raise click.UsageError(message)
    if given["split"] is None:
        return rollouts.route_traffic(state.config, shares)
    # Salt, steps and the like of the rollout before are not those of this one.
    config = rollouts.end_rollout(state.config, state.base)
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
        case _:
            return rollouts.split_by_weight(config, shares)


def _need(given: dict[str, Any], option: str) -> str:
    if not given[option]:
        raise click.UsageError(f"--split {given['split']} needs --{option}.")
    return str(given[option])


def _read_shares(texts: Sequence[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for entity, share in map(_parse_route, texts):
        if entity in shares:
            raise RolloutError(
                f"--route names '{entity}' twice: {shares[entity]:g} and {share:g}. Give one percentage."
            )
        shares[entity] = share
    return shares


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

    It ends the rollout under way. It needs the role and the approvals that `boathouse models promote` needs, and leaves
    the version's stage in the registry as it is.
    """
    from boathouse.endpoints.rollouts import choose_promoted, end_rollout, give_everything

    states, admission = EndpointStates.of(environment), open_admission(environment)
    state = states.read(name)
    admission.allow(states, name, "promote")
    chosen = entity or choose_promoted(state.config)
    wanted = give_everything(end_rollout(state.config, state.base), chosen)
    config = admission.pin(wanted, state.config, state.base)
    try:
        admission.check(config, state.config)
    except RolloutError as error:
        states.refuse(name, action="promote", reason=str(error), actor=admission.identity)
        raise
    report(states.change(state, config, kind=PROMOTED, actor=admission.identity, comment=comment))


@click.command(epilog="Example: boathouse endpoints rollback NAME --comment 'Too many errors'")
@click.argument("name")
@click.option("--to", type=click.IntRange(0), default=None, metavar="RECORD", help="Go to that record; 0: to conf.")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def rollback(name: str, to: int | None, comment: str, environment: Environment) -> None:
    """Return to the configuration before.

    That is the one before the newest change, or before the rollout under way. Typed twice it does the same as once;
    --to goes further back, or forward again.
    """
    states, admission = EndpointStates.of(environment), open_admission(environment)
    state = states.read(name)
    admission.allow(states, name, "rollback")

    def check(config: EndpointConfig) -> None:
        try:
            admission.check(config, state.config if to is not None else None)
        except ModelError as error:
            # The way back must not depend on a store that is down: servers have what they need for it.
            click.echo(f"Not checked whether its versions can be loaded: {error}", err=True)

    actor = admission.identity
    report(states.roll_back(name, actor=actor, comment=comment, seen=state, to=to, check=check, tell=click.echo))


@click.command(epilog="Example: boathouse endpoints reset NAME --comment 'As released'")
@click.argument("name")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def reset(name: str, comment: str, environment: Environment) -> None:
    """Return to what conf says.

    Nothing is left of what commands changed: traffic, split, pinned versions, all of it is as in conf.
    """
    states, admission = EndpointStates.of(environment), open_admission(environment)
    admission.allow(states, name, "rollback")
    base = states.read(name).base
    if base is not None:
        admission.check(base)
    report(states.reset(name, actor=admission.identity, comment=comment, tell=click.echo))


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

    states, admission = EndpointStates.of(environment), open_admission(environment)
    admission.allow(states, name, "promote")
    is_first = True
    while True:
        state = states.read(name)
        if not is_first and state.config.split.kind not in STEPPED:
            click.echo(f"ended: record {state.sequence} ({state.kind}) by {state.actor}: {state.comment}")
            raise click.exceptions.Exit(3 if state.kind == ROLLED_BACK else 0)
        try:
            decision = step_canary(
                states, name, environment.endpoint_log, actor=admission.identity, admission=admission
            )
        except ChangedMeanwhileError as error:
            if watch is None:
                raise
            click.echo(f"again: {error}")
            continue
        click.echo(f"{decision.outcome}: {decision.reason}")
        for check in decision.checks:
            click.echo(f"  {check.verdict:<5} {check.name:<9} {check.text}")
        if decision.outcome == "roll_back":
            raise click.exceptions.Exit(3)
        if watch is None or decision.outcome == "done":
            return
        is_first = False
        time.sleep(watch)


@click.command(epilog="Example: boathouse endpoints pause NAME --env prod")
@click.argument("name")
@_COMMENT
@ENVIRONMENT
@ACT_AS
@WRITES
def pause(name: str, comment: str, environment: Environment) -> None:
    """Pause a canary until it is resumed."""
    states, admission = EndpointStates.of(environment), open_admission(environment)
    admission.allow(states, name, "promote")
    state = states.read(name)
    if state.config.split.kind not in STEPPED:
        raise RolloutError.no_canary(name, state.config.split.kind, environment=environment.name)
    report(states.change(state, state.config, kind=PAUSED, actor=admission.identity, comment=comment))


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
    states, admission = EndpointStates.of(environment), open_admission(environment)
    admission.allow(states, name, "promote")
    state = states.read(name)
    if state.kind != PAUSED:
        raise RolloutError.no_canary(name, f"{state.config.split.kind}, not paused", environment=environment.name)
    report(states.change(state, state.config, kind=STEP, actor=admission.identity, comment=comment))


def report(state: EndpointState) -> None:
    """Print what is served now, the record of it, and the command that undoes it."""
    click.echo(f"{state.name}: {describe_traffic(state)}")
    for entity in state.config.served_entities:
        if entity.is_pinned:
            click.echo(f"  {entity.name} stays with version {entity.entity_version} of {entity.entity_name}")
    if not state.sequence:
        return
    back = f" --to {(state.evidence or {}).get('from')}" if state.kind == ROLLED_BACK else ""
    undo = f"boathouse endpoints rollback {state.name}{back} --env {state.environment}"
    click.echo(f"record {state.sequence} ({state.kind}); undo with: {undo}")


def describe_traffic(state: EndpointState) -> str:
    """Return kind and shares in one line."""
    config = state.config
    shares = ", ".join(f"{route.served_entity_name} {route.traffic_percentage:g} %" for route in config.routes)
    extra = {
        **dict.fromkeys(STEPPED, f", candidate {config.split.candidate}"),
        "shadow": f", shadow {', '.join(config.split.mirrors)}",
        "ab": f", by {config.split.unit}",
    }.get(config.split.kind, "")
    return f"{config.split.kind}: {shares}{extra}"
