"""Showing the state of models, from the ledger alone: no registry is asked, nothing heavy is imported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import JSON_OUTPUT, WORDS_HELP, open_governed, show_json
from boathouse.core.errors import LifeCycleError
from boathouse.core.promotion.fold import fold, fold_all

if TYPE_CHECKING:
    from boathouse.core.audit import AuditRecord
    from boathouse.core.promotion.life import ModelLife, VersionLife


@click.command(name="list")
@ENVIRONMENT
@click.option("--all", "everywhere", is_flag=True, help="Models of every environment of the configuration.")
@JSON_OUTPUT
def list_models(env: str, conf_source: Path, *, everywhere: bool, as_json: bool) -> None:
    """List models with champion, challenger, previous and what waits for approval.

    This is what the ledger says; the registry is brought in line with it by every step, and by
    boathouse models mend.
    """
    from boathouse.hooks.environments import list_environments

    lives: list[ModelLife] = []
    for name in list_environments(conf_source) if everywhere else [env]:
        lives += fold_all(open_governed(name, conf_source).house.ledger().read()).values()
    if as_json:
        show_json([asdict(life) for life in lives])
        return
    if not lives:
        click.echo(f"No model is on record. Make one: kedro run --pipelines training,evaluation,promotion --env {env}")
        return
    width = max(len(life.name) for life in lives)
    click.echo(f"{'model':<{width}}  {'champion':>8}  {'challenger':>10}  {'previous':>8}  {'versions':>8}  waiting")
    for life in lives:
        click.echo(f"{life.name:<{width}}  {_row(life)}")


def _row(life: ModelLife) -> str:
    waiting = ", ".join(f"{each.version} to {each.to} ({each.by})" for each in life.open_requests) or "-"
    numbers = [(life.champion, 8), (life.challenger, 10), (life.previous, 8)]
    return "  ".join([*(f"{value or '-':>{width}}" for value, width in numbers), f"{len(life.versions):>8}", waiting])


@click.command(help=f"Show a model, or one version with its gates and records. WORDS: {WORDS_HELP}")
@click.argument("words", nargs=-1)
@ENVIRONMENT
@click.option("--last", type=click.IntRange(1), default=10, show_default=True, help="How many records to show.")
@JSON_OUTPUT
def show(words: tuple[str, ...], env: str, conf_source: Path, last: int, *, as_json: bool) -> None:
    """Show the state of a model or version."""
    governed = open_governed(env, conf_source)
    name, version = governed.split_words(words, needs_version=False)
    ledger = governed.house.ledger().read()
    records = [record for record in ledger if record.subject == name]
    life = fold(records, name=name)
    if not records:
        raise LifeCycleError.unknown_model(name, {record.subject for record in ledger})
    if version is not None and version not in life.versions:
        raise LifeCycleError.unknown_version(name, version, life.versions)
    if version is not None:
        records = [record for record in records if record.version == version]
    if as_json:
        state = asdict(life) if version is None else asdict(life.versions[version])
        show_json({"state": state, "records": [asdict(record) for record in records]})
        return
    _show_life(life) if version is None else _show_version(life, life.versions[version])
    _show_records(records[-last:], len(records))


def _show_life(life: ModelLife) -> None:
    click.echo(f"{life.name}: " + (", ".join(f"{key} {value}" for key, value in life.aliases.items()) or "no alias"))
    for found in life.versions.values():
        checked = found.check.outcome if found.check else "not checked"
        click.echo(
            f"  {found.version:>4}  {found.stage:<10}  {checked:<11}  by {found.trained_by}  {found.reason}".rstrip()
        )
    for request in life.open_requests:
        approvals = ", ".join(each.by for each in request.approvals) or "nobody yet"
        click.echo(f"  waiting: {request.version} to {request.to}, asked by {request.by}; approved by {approvals}")


def _show_version(life: ModelLife, found: VersionLife) -> None:
    click.echo(f"{life.name} version {found.version}: {found.stage} since {found.moved_at:%Y-%m-%d %H:%M} UTC")
    click.echo(f"  trained by {found.trained_by}, digest {(found.digest or 'unknown')[:16]}")
    for label, text in (("why", found.reason), ("copied from", found.source), ("approved by", found.approved_by)):
        if text:
            click.echo(f"  {label}: {text}")
    if found.check is None:
        click.echo("  the gates have not decided on it")
        return
    click.echo(f"  gates: {found.check.outcome}, against champion {found.check.champion or 'none'}")
    for gate in found.check.gates:
        mark = "passed" if gate["passed"] else "REFUSED" if gate["mode"] == "enforce" else "warned"
        click.echo(f"    {mark:<8} {gate['message']}")


def _show_records(records: list[AuditRecord], total: int) -> None:
    click.echo(f"records: {len(records)} of {total}")
    for each in records:
        version = each.version or "-"
        line = f"  {each.sequence:>5}  {each.occurred_at:%Y-%m-%d %H:%M}  {each.kind:<11}  {version:>4}  {each.actor}"
        click.echo(f"{line}  {each.comment}".rstrip())
