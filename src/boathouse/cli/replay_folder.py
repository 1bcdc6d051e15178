"""What a replay is asked for, and the folder and engine that it has to itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.environment import open_environment, require_environment
from boathouse.errors import ReplayError

if TYPE_CHECKING:
    from boathouse.cli.replay_months import MonthPlayer
    from boathouse.replay.deliveries import Book
    from boathouse.replay.words import Terms

# Variables that would lead a replay out of its folder: into a store, tables or predictions of others.
_FOREIGN = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "BOATHOUSE_ONLINE_STORE")


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
    os.environ["BOATHOUSE_DATA"] = folder.absolute().as_posix()
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
