"""``boathouse replay``: the book played month by month with what was known then, and policies compared on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import NAMES, default_environment, use_data_dir
from boathouse.environment import open_environment, require_environment
from boathouse.errors import OptionError, ReplayError

if TYPE_CHECKING:
    from boathouse.cli.replay_months import MonthPlayer
    from boathouse.environment import Environment
    from boathouse.replay.deliveries import Book
    from boathouse.replay.words import Terms

PLAYED = ("never", "always", "monthly", "on-alert")
# Variables that would lead a replay out of its folder: into a store, tables or predictions of others.
_FOREIGN = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "BOATHOUSE_ONLINE_STORE")


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


@dataclass(frozen=True)
class Request:
    """What is asked for, as typed: months None for those of the book."""

    first: str | None
    last: str | None
    policy: str
    environment: str
    conf_source: Path

    def list_months(self, book: Book) -> list[date]:
        """Return the last day of each month.

        Raises:
            OptionError: If the months are none, or the first is after the last.
            ReplayError: If nothing became known in one of them.
        """
        from boathouse.replay.deliveries import list_months, parse_month

        begin, end = book.span()
        first = parse_month("--from", self.first) if self.first else begin
        last = parse_month("--to", self.last) if self.last else end
        months = list_months(first, last)
        book.require_months(months)
        return months


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


@contextmanager
def own_folder(folder: Path, asked: Request) -> Iterator[None]:
    """Have everything in this process kept in ``folder``, which is a replay's alone.

    Raises:
        ConfigError: If there is no such environment.
        ReplayError: On a platform, where tables are in no folder.
    """
    require_environment(asked.environment, asked.conf_source)
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        raise ReplayError(
            "A replay keeps its tables in a folder of its own; on a Databricks runtime they are in Unity Catalog. "
            "Replay on a laptop, or run the jobs for each month with --params as_of=YYYY-MM-DD."
        )
    before = {name: os.environ.pop(name, None) for name in (*_FOREIGN, "BOATHOUSE_DATA")}
    use_data_dir(folder)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def read_book(book: Path) -> Book:
    """Return the extracts in ``book``, dated by the use case.

    Raises:
        ReplayError: If the use case does not say when rows became known.
    """
    from boathouse.replay.deliveries import Book
    from boathouse.use_case import USE_CASE

    if USE_CASE.deliveries is None:
        raise ReplayError(
            "This use case does not say when the rows of its extracts became known, so that the past cannot be played. "
            "Declare 'deliveries' in USE_CASE."
        )
    return Book.read(book, USE_CASE.sources, USE_CASE.deliveries)


def name_terms() -> Terms:
    """Return the words of the use case."""
    from boathouse.replay.words import Terms
    from boathouse.use_case import USE_CASE

    title = USE_CASE.task.words.metrics[USE_CASE.task.decisive]
    return Terms(USE_CASE.words.observations, USE_CASE.words.currency, title)


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
    progress = open_progress(folder, wanted)
    done = sum(each.is_done for each in progress.months)
    click.echo(
        f"Replay of {wanted.first} to {wanted.last} · policy {asked.policy} · env {asked.environment} · {folder}"
    )
    with claim_folder(folder, wanted) as progress, open_player(folder, asked, book, params) as player:
        done = sum(each.is_done for each in progress.months)
        if done:
            click.echo(f"{done} of {len(months)} months are done already; it goes on after them.")
        for progress in player.play(progress, months, asked.policy):  # noqa: B020 - each is the next of the same
            progress.write(folder)
            touched = progress.find(player.month)
            for line in describe_step(touched, terms):
                click.echo(line)
        click.echo("\n" + "\n".join(summarise_months(progress.months, terms)))
        say_where(player.environment, progress.digest())
        holds = verify(player.environment)
    if not holds:
        raise click.exceptions.Exit(1)


@contextmanager
def open_player(folder: Path, asked: Request, book: Book, params: Mapping[str, Any]) -> Iterator[MonthPlayer]:
    """Give what plays months in ``folder``, its engine started once for all of them and stopped at the end."""
    from boathouse.cli.replay_months import MonthPlayer
    from boathouse.tables.engines.registry import get_engine, running_engines

    environment = open_environment(asked.environment, asked.conf_source)
    environment.use_mlflow()
    before = running_engines()
    try:
        with show_running() as tell:
            get_engine(environment.engine).session()
            yield MonthPlayer(environment, book, folder, params, tell)
    finally:
        for engine in running_engines():
            if engine not in before:
                engine.stop()


@contextmanager
def show_running() -> Iterator[Callable[[str], None]]:
    """Give what shows, on a terminal alone, what runs at the moment; the line is replaced by the next."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        yield lambda _text: None
        return
    with console.status("") as status:
        yield status.update


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
