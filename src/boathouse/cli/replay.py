"""``boathouse replay``: the book played month by month with what was known then, and policies compared on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import NAMES, default_environment
from boathouse.cli.replay_folder import Request, name_terms, open_player, own_folder, read_book
from boathouse.errors import OptionError

if TYPE_CHECKING:
    from boathouse.environment import Environment

PLAYED = ("never", "always", "monthly", "on-alert")


@click.command(epilog="Example: boathouse replay --from 2005-04 --to 2005-10 --policy on-alert")
@click.option("--from", "first", metavar="YYYY-MM", help="First month. Default: that of the book.")
@click.option("--to", "last", metavar="YYYY-MM", help="Last month, inclusive. Default: that of the book.")
@click.option("--policy", default="on-alert", show_default=True, type=click.Choice([*PLAYED, "recalibrate"]),
              help="When a model is trained again.")  # fmt: skip
@click.option("--compare", is_flag=True, help="Compare all policies on one matrix instead of playing one.")
@click.option("--env", "-e", default=None, help="Environment whose rules hold. Default: dev.")
@click.option("--conf-source", type=click.Path(path_type=Path), default=Path("conf"),
              help="Configuration; default: ./conf.")  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path), default=None,
              help="Data folder of the replay alone. Default: data/replay/POLICY.")  # fmt: skip
@click.option("--book", type=click.Path(path_type=Path), default=Path("data/01_raw"), show_default=True,
              help="Folder of the extracts that are played.")  # fmt: skip
@click.option("--params", multiple=True, metavar="NAME=VALUE", help="Parameter of every run; repeatable.")
@NAMES
def replay(  # noqa: PLR0913, PLR0917 - one argument an option
    first: str | None,
    last: str | None,
    policy: str,
    compare: bool,  # noqa: FBT001 - an option
    env: str | None,
    conf_source: Path,
    folder: Path | None,
    book: Path,
    params: Sequence[str],
) -> None:
    """Play the book month by month.

    With only what was known then: deliver, check, compute features, score, receive labels, monitor, alert, act by the
    policy, gate and promote by the rules of the environment. Started again, it goes on where it broke off. Exit code 1
    if the audit trail does not hold at the end.
    """
    asked = Request(first, last, "all" if compare else policy, env or default_environment(), conf_source.absolute())
    folder = (folder or Path("data") / "replay" / ("compare" if compare else policy)).absolute()
    if not compare and policy not in PLAYED:
        raise OptionError.out_of_range(
            "--policy", policy, f"{', '.join(PLAYED)}; {policy} is compared with them: boathouse replay --compare"
        )
    with own_folder(folder, asked):
        if compare:
            from boathouse.cli.replay_comparison import compare_in

            compare_in(folder, asked, book, parse_params(params))
        else:
            play_in(folder, asked, book, parse_params(params))


def parse_params(words: Sequence[str]) -> dict[str, Any]:
    """Return the tree of ``name=value``, nested names by dots, values as in YAML.

    Raises:
        OptionError: If a word has no ``=``.
    """
    import yaml

    tree: dict[str, Any] = {}
    for word in words:
        path, sign, value = word.partition("=")
        if not sign or not path:
            raise OptionError.out_of_range("--params", word, "name=value, such as training.split.by=hash")
        *groups, name = path.split(".")
        group = tree
        for each in groups:
            group = group.setdefault(each, {})
        group[name] = yaml.safe_load(value)
    return tree


def play_in(folder: Path, asked: Request, book_folder: Path, params: Mapping[str, Any]) -> None:
    """Play the months that are not done yet in ``folder``, and say what came of all of them."""
    import json

    from boathouse.replay.records import Asked, claim_folder
    from boathouse.replay.words import describe_step, summarise_months

    book, terms = read_book(book_folder), name_terms()
    months = asked.list_months(book)
    wanted = Asked(
        kind="months",
        policy=asked.policy,
        first=f"{months[0]:%Y-%m}",
        last=f"{months[-1]:%Y-%m}",
        environment=asked.environment,
        book=book.digest,
        params=json.dumps(params, sort_keys=True, default=str),
    )
    click.echo(
        f"Replay of {wanted.first} to {wanted.last} · policy {asked.policy} · env {asked.environment} · {folder}"
    )
    with claim_folder(folder, wanted) as found, open_player(folder, asked, book, params) as player:
        progress, done = found, sum(each.is_done for each in found.months)
        if done:
            click.echo(f"{done} of {len(months)} months are done already; it goes on after them.")
        for progress in player.play(found, months, asked.policy):
            progress.write(folder)
            touched = progress.find(player.month)
            for line in describe_step(touched, terms):
                click.echo(line)
        click.echo("\n" + "\n".join(summarise_months(progress.months, terms)))
        say_where(player.environment, progress.digest())
        holds = verify(player.environment)
    if not holds:
        raise click.exceptions.Exit(1)


def say_where(environment: Environment, digest: str) -> None:
    """Say where the reports are, and the digest of the results."""
    reports = Path(environment.section("globals")["reports_folder"])
    pages = sorted(path for path in reports.glob("*") if path.suffix in {".html", ".md", ".png"})
    click.echo(f"\nReports in {reports}: {', '.join(path.name for path in pages) or 'none'}")
    click.echo(f"Results have the digest {digest[:16]}: the same inputs, the same digest.")


def verify(environment: Environment) -> bool:
    """Say whether the audit trail holds, as ``boathouse audit verify`` does; return that."""
    from boathouse.cli.model_arguments import read_rules
    from boathouse.lifecycle.verification import verify_trail

    found = verify_trail(environment, read_rules(environment).anchors)
    for each in found:
        for problem in [*(f"record {one.sequence}: {one.problem}" for one in each.breaks), *each.alarms]:
            click.echo(f"{each.table}: {problem}", err=True)
    holds = all(each.holds for each in found)
    records = sum(each.records for each in found)
    click.echo(f"Audit trail: {records:,} record(s) in {len(found)} tables, {'intact' if holds else 'NOT intact'}.")
    return holds
