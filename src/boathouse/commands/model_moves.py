"""Moving versions: promote, roll back, archive, copy to another environment, mend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import COMMENT, WORDS_HELP, open_governed

if TYPE_CHECKING:
    from boathouse.core.promotion.life import ModelLife

_TARGET = click.option(
    "--to", type=click.Choice(["staging", "production"]), default="production", show_default=True, help="Where to."
)


@click.command(help=f"Make a version champion (production) or challenger (staging). WORDS: {WORDS_HELP}")
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@_TARGET
@COMMENT
def promote(words: tuple[str, ...], env: str, conf_source: Path, to: str, comment: str) -> None:
    """Move a version that the gates let pass and that has its approvals."""
    from boathouse.governance.task_values import publish_values

    governed = open_governed(env, conf_source)
    name, version = governed.split_words(words)
    life = governed.open_life(name).promote(str(version), to=to, comment=comment)
    publish_values(model_updated=life.champion == version, model_version=life.champion)
    governed.tell()
    _say(life)


@click.command()
@click.argument("words", nargs=-1)
@ENVIRONMENT
@click.option("--to", default=None, help="A former champion. Default: the previous one.")
@click.option("--comment", "--reason", "comment", default="Rolled back by hand.", help="Why; goes on record.")
def rollback(words: tuple[str, ...], env: str, conf_source: Path, to: str | None, comment: str) -> None:
    """Put the previous champion back in charge, at once; the present one is archived.

    WORDS is the model's name; without it the environment's model. Typed twice it does the same as once.
    """
    governed = open_governed(env, conf_source)
    name, _ = governed.split_words(words, needs_version=False)
    life = governed.open_life(name).rollback(to=to, comment=comment)
    governed.tell()
    if life.rolled_back is not None:
        old, new, by, at = life.rolled_back
        click.echo(f"Rolled back from {old} to {new}, by {by} at {at:%Y-%m-%d %H:%M} UTC.")
    _say(life)


@click.command(help=f"Withdraw a version for good; the champion cannot be. WORDS: {WORDS_HELP}")
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@COMMENT
def archive(words: tuple[str, ...], env: str, conf_source: Path, comment: str) -> None:
    """Withdraw a version."""
    governed = open_governed(env, conf_source)
    name, version = governed.split_words(words)
    life = governed.open_life(name).archive(str(version), comment=comment)
    governed.tell()
    _say(life)


@click.command(help=f"Copy a version into another environment, where it is registered anew. WORDS: {WORDS_HELP}")
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@click.option("--to", "target", required=True, help="Environment to copy into.")
@COMMENT
def copy(words: tuple[str, ...], env: str, conf_source: Path, target: str, comment: str) -> None:
    """Copy a version with its tags and the lineage to its source."""
    from boathouse.core.deployment import check_source
    from boathouse.governance.copying import copy_version

    source, into = open_governed(env, conf_source), open_governed(target, conf_source)
    name, version = source.split_words(words)
    check_source(into.role, source.house.environment)
    twin = f"{into.house.environment}.{name.split('.', 1)[1]}"
    life, copied = copy_version(source.house, name, str(version), into.open_life(twin), comment=comment)
    into.tell()
    click.echo(f"{name} version {version} is {twin} version {copied}. Have it judged there:")
    click.echo(f"  kedro run --pipelines evaluation,promotion --env {into.house.environment}")
    _say(life)


@click.command()
@click.argument("words", nargs=-1)
@ENVIRONMENT
def mend(words: tuple[str, ...], env: str, conf_source: Path) -> None:
    """Bring the registry in line with the ledger, as every other step does first.

    WORDS is the model's name; without it the environment's model.
    """
    governed = open_governed(env, conf_source)
    name, _ = governed.split_words(words, needs_version=False)
    _say(governed.open_life(name).mend())


def _say(life: ModelLife) -> None:
    click.echo(f"{life.name}: " + (", ".join(f"{key} {value}" for key, value in life.aliases.items()) or "no alias"))
