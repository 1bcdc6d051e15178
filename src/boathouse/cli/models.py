"""``boathouse models``: what there is, what state it is in, and every step that changes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT, JSON_OUTPUT, show_json
from boathouse.cli.model_approvals import approve, check_approval, comment, reject, request
from boathouse.cli.model_arguments import NAME_HELP, NAME_VERSION, require_whole, show_alarms, split_name
from boathouse.cli.model_files import build_context, export
from boathouse.cli.model_moves import archive, copy, former_sync, promote, rollback, stop, sync
from boathouse.cli.model_reports import compare, report, reproduce
from boathouse.environment import list_environments, open_environment
from boathouse.errors import LifeCycleError
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.projection import project_all_events, project_events
from boathouse.lifecycle.registry import RegistryState
from boathouse.lifecycle.registry_reader import read_registry
from boathouse.lifecycle.sync import compare_records

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.errors import AuditError
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.state import ModelState, ModelVersion


@click.command(name="list", epilog="Example: boathouse models list --env prod")
@ENVIRONMENT
@click.option("--all", "everywhere", is_flag=True, help="Models of every environment of the configuration.")
@JSON_OUTPUT
def list_models(environment: Environment, *, everywhere: bool, as_json: bool) -> None:
    """List models and what waits for approval.

    For each its champion, challenger and previous champion by the ledger. What the registry shows otherwise, because
    somebody changed it past the ledger, is listed as an alarm; boathouse models sync sets it back.
    """
    states: list[ModelState] = []
    alarms: dict[str, list[str]] = {}
    cut: list[AuditError] = []
    for each in _open_all(environment) if everywhere else [environment]:
        own, alarmed, contradictions = read_models(each)
        states += own
        alarms |= alarmed
        cut += contradictions
    if as_json:
        show_json([{**asdict(state), "alarms": alarms.get(state.name, [])} for state in states])
    elif states:
        _show_states(states)
    elif not cut:
        made_by = f"kedro run --pipelines training,evaluation,promotion --env {environment.name}"
        click.echo(f"No model is on record. Make one: {made_by}")
    if not as_json:
        for name, found in alarms.items():
            show_alarms(name, found)
    require_whole(cut)


def _show_states(states: list[ModelState]) -> None:
    width = max(len(state.name) for state in states)
    click.echo(f"{'model':<{width}}  {'champion':>8}  {'challenger':>10}  {'previous':>8}  {'versions':>8}  waiting")
    for state in states:
        click.echo(f"{state.name:<{width}}  {_row(state)}")
        champion = state.versions.get(state.champion or "")
        if champion is not None and champion.approved_by:
            click.echo(f"  champion {champion.version} was approved by {champion.approved_by}")


def read_models(
    environment: Environment,
) -> tuple[list[ModelState], dict[str, list[str]], list[AuditError]]:
    """Return the state of every model by the ledger, by name what the registry shows otherwise, and what was cut.

    A ledger that was cut is not compared with the registry: what differs would be taken for the registry's fault.
    """
    ledger = open_ledger(environment.table(PROMOTIONS))
    names = {*project_all_events(ledger.read(warn=False)), *environment.promoted_models}
    registered = {name: read_registry(environment, name) for name in sorted(names)}
    # Again, after the registry: what reached that before, the ledger has now.
    records, cut = ledger.read_compared(*(each.tags for each in registered.values()))
    alarms = {
        name: [str(each) for each in compare_records(name, records, shown) if each.is_alarm]
        for name, shown in registered.items()
        if not cut
    }
    return list(project_all_events(records).values()), alarms, cut


def _open_all(environment: Environment) -> list[Environment]:
    """Return every environment of the same configuration."""
    source = environment.conf_source
    others = [name for name in list_environments(source) if name != environment.name]
    opened = [environment, *(open_environment(name, source, is_other=True) for name in others)]
    return sorted(opened, key=lambda each: each.name)


def _row(state: ModelState) -> str:
    waiting = ", ".join(f"{each.version} to {each.to} ({each.who})" for each in state.open_requests) or "-"
    numbers = [(state.champion, 8), (state.challenger, 10), (state.previous, 8)]
    return "  ".join([*(f"{value or '-':>{width}}" for value, width in numbers), f"{len(state.versions):>8}", waiting])


@click.command(
    help=f"Show a model or one of its versions.\n\nA version is shown with its gates, both with their newest records. "
    f"{NAME_HELP}",
    epilog="Example: boathouse models show 3 --env prod",
)
@NAME_VERSION("[NAME] [VERSION]")
@ENVIRONMENT
@click.option("--last", type=click.IntRange(1), default=10, show_default=True, help="How many records to show.")
@JSON_OUTPUT
def show(words: tuple[str, ...], environment: Environment, last: int, *, as_json: bool) -> None:
    """Show the state of a model or version."""
    name, version = split_name(environment, words)
    # As records alone it is asked for where the registry does not answer, too.
    registered = RegistryState() if as_json else read_registry(environment, name)
    ledger, cut = open_ledger(environment.table(PROMOTIONS)).read_compared(registered.tags)
    records = [record for record in ledger if record.subject == name]
    state = project_events(records, name=name)
    if not state.versions:
        require_whole(cut)
        raise LifeCycleError.unknown_model(name, project_all_events(ledger))
    if version is not None and version not in state.versions:
        require_whole(cut)
        raise LifeCycleError.unknown_version(name, version, state.versions)
    records_of_model = records
    if version is not None:
        records = [record for record in records if record.version == version]
    if as_json:
        shown = asdict(state if version is None else state.versions[version])
        show_json({"state": shown, "records": [asdict(record) for record in records]})
        require_whole(cut)
        return
    _show_model(state) if version is None else _show_version(state, state.versions[version])
    if not cut:
        differences = compare_records(name, records_of_model, registered)
        show_alarms(name, [str(each) for each in differences if each.is_alarm and version in {None, each.version}])
    _show_records(records[-last:], len(records))
    require_whole(cut)


def _show_model(state: ModelState) -> None:
    click.echo(f"{state.name}: " + (", ".join(f"{key} {value}" for key, value in state.aliases.items()) or "no alias"))
    if state.stopped is not None:
        stop = state.stopped
        click.echo(f"  stopped: version {stop.version} by {stop.by} at {stop.at:%Y-%m-%d %H:%M} UTC: {stop.reason}")
    if state.versions:
        click.echo(f"  {'version':>7}  {'stage':<10}  {'gates':<11}  trained by, reason")
    for found in state.versions.values():
        checked = found.check.outcome if found.check else "not checked"
        click.echo(
            f"  {found.version:>7}  {found.stage:<10}  {checked:<11}  by {found.trainer}  {found.reason}".rstrip()
        )
    for waiting in state.open_requests:
        click.echo(
            f"  waiting: {waiting.version} to {waiting.to}, asked by {waiting.who}; approved by {waiting.approvers}"
        )


def _show_version(state: ModelState, found: ModelVersion) -> None:
    click.echo(f"{state.name} version {found.version}: {found.stage} since {found.moved_at:%Y-%m-%d %H:%M} UTC")
    click.echo(f"  trained by {found.trainer}, digest {(found.digest or 'unknown')[:16]}")
    for label, text in (("why", found.reason), ("copied from", found.source), ("approved by", found.approved_by)):
        if text:
            click.echo(f"  {label}: {text}")
    if found.check is None:
        click.echo("  the gates have not decided on it")
        return
    compared = f"comparison {found.check.comparison}, " if found.check.comparison else ""
    against = f"against champion {found.check.champion or 'none'}"
    click.echo(f"  gates: {found.check.outcome}; compliance {found.check.compliance}, {compared}{against}")
    for gate in found.check.gates:
        mark = "passed" if gate["passed"] else "REFUSED" if gate["mode"] == "enforce" else "warned"
        click.echo(f"    {mark:<8} {gate['message']}")


def _show_records(records: list[AuditRecord], total: int) -> None:
    click.echo(f"records: {len(records)} of {total}")
    for each in records:
        version = each.version or "-"
        line = f"  {each.sequence:>5}  {each.occurred_at:%Y-%m-%d %H:%M}  {each.kind:<11}  {version:>4}  {each.who}"
        click.echo(f"{line}  {each.comment}".rstrip())


@click.group()
def models() -> None:
    """List, approve, promote and report models.

    Also roll back, archive, copy to another environment, compare, reproduce and export versions.
    """


for _command in (
    *(list_models, show, compare),
    *(request, approve, reject, check_approval, comment),
    *(promote, rollback, stop, archive, copy, sync, former_sync),
    *(export, build_context),
    *(report, reproduce),
):
    models.add_command(_command)
