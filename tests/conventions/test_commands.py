"""Every command has a help line that is shown whole, an example and a usage that says what is meant."""

from __future__ import annotations

import click
import pytest

from boathouse.cli.main import cli
from tests.conventions.commands import find_faults, walk

COMMANDS = dict(walk(cli, "boathouse"))


def test_every_command_says_in_one_line_what_it_does_and_shows_an_example() -> None:
    assert len(COMMANDS) > 50
    shown = {path: command for path, command in COMMANDS.items() if not command.hidden}
    assert [fault for path, command in shown.items() for fault in find_faults(path, command)] == []


def test_an_old_name_does_what_the_new_one_does_and_is_not_listed() -> None:
    old, new = COMMANDS["boathouse models mend"], COMMANDS["boathouse models sync"]
    assert (old.hidden, new.hidden) == (True, False)
    assert (old.help, [each.name for each in old.params]) == (new.help, [each.name for each in new.params])


def make(text: str | None, *, epilog: str | None = "Example: boathouse sink x", metavar: str = "BOAT") -> click.Command:
    argument = click.Argument(["words"], nargs=-1, metavar=metavar)
    return click.Command("sink", help=text, epilog=epilog, params=[argument, click.Option(["--to"])])


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (make("Sink a boat."), None),
        (make("Sink a boat: the one that was rented out last and not returned."), "has 63 characters"),
        (make("Sink a boat: the one that was rented out last and not returned."), "is cut"),
        (make(None), "no help"),
        (make("Sink a boat.", epilog=None), "no example"),
        (make("Sink a boat.", epilog="Example: boathouse float"), "no example"),
        (
            make("Sink a boat.", epilog="Example: boathouse sink x --deep"),
            "the example is not accepted: No such option",
        ),
        (make("Sink a boat.", metavar="WORDS..."), "usage names WORDS"),
        (make("Sink a boat.", epilog="Example: boathouse sink --to log.html"), "writes to log.html; write to data/"),
        (make("Sink a boat.", epilog="Example: boathouse sink --to csv:log"), "writes to ./log; write to data/"),
        (make("Sink a boat.", epilog="Example: boathouse sink --to csv:dist/log"), None),
        (make("Sink a boat.", epilog="Example: boathouse sink --to island"), None),
    ],
)
def test_what_is_missing_is_told(command: click.Command, fault: str | None) -> None:
    found = find_faults("boathouse sink", command)
    assert found == [] if fault is None else any(fault in each for each in found)
