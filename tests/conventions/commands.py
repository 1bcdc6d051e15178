"""Conventions of the command line: a help line that is shown whole, an example, usage that names its arguments."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

HELP_LINE = 45
# What a terminal of 80 columns shows in one line, so that it can be copied.
EXAMPLE_LINE = 76
# Folders whose content a run may write, and that git ignores.
_WRITTEN_BY_RUNS = re.compile(r"/|(\./)?(data|dist)/")
# Names of arguments that say nothing of what is meant.
FORBIDDEN_USAGE = ("WORDS", "ARGS", "VALUES")


def walk(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[tuple[str, click.Command]]:
    """Give each command below ``command`` with what is typed for it, hidden ones too."""
    here = click.Context(command, parent=parent, info_name=path.rpartition(" ")[2])
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(here):
        found = command.get_command(here, name)
        if found is not None:
            yield f"{path} {name}", found
            yield from walk(found, f"{path} {name}", here)


def find_faults(path: str, command: click.Command) -> list[str]:
    """Return what is wrong with the help of one command."""
    whole = command.get_short_help_str(limit=1000)
    faults = []
    if not whole:
        faults.append(f"{path}: no help")
    if len(whole) > HELP_LINE:
        faults.append(f"{path}: the help line has {len(whole)} characters, allowed {HELP_LINE}: {whole}")
    if command.get_short_help_str(limit=HELP_LINE) != whole:
        faults.append(f"{path}: the help line is cut")
    usage = command.get_usage(click.Context(command, info_name=path))
    faults += [f"{path}: usage names {word}" for word in FORBIDDEN_USAGE if word in usage.replace("...", " ").split()]
    return faults if isinstance(command, click.Group) else [*faults, *_find_example_faults(path, command)]


def _find_example_faults(path: str, command: click.Command) -> Iterator[str]:
    """Give what is wrong with the example: there is none, or the command does not take it."""
    lines = f"{command.help or ''}\n{command.epilog or ''}".splitlines()
    examples = [line.strip().removeprefix("Example: ") for line in lines if line.strip().startswith("Example: ")]
    own = [each for each in examples if each == path or each.startswith(f"{path} ")]
    if not own:
        yield f"{path}: no example; write 'Example: {path} …'"
    for each in own:
        if len(f"Example: {each}") > EXAMPLE_LINE:
            yield f"{path}: the example is shown in two lines, allowed {EXAMPLE_LINE} characters"
        context = click.Context(command, info_name=path)
        try:
            command.make_parser(context).parse_args(shlex.split(each)[len(path.split()) :])
        except click.UsageError as error:
            yield f"{path}: the example is not accepted: {error.format_message()}"
        yield from (f"{path}: the example writes to {name}; write to data/ or dist/" for name in find_stray(each))


def find_stray(example: str) -> list[str]:
    """Return the files and folders that an example writes to beside data/ and dist/, where they would be committed.

    What follows ``--to`` is a path if it has a slash, an ending of a file or a format before it.
    """
    targets = [after for word, after in pairwise(shlex.split(example)) if word == "--to"]
    paths = [re.sub(r"^(csv|parquet):", "./", each) for each in targets]
    return [each for each in paths if re.search(r"/|\.(html|json|md)$", each) and not _WRITTEN_BY_RUNS.match(each)]
