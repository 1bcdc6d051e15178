"""Options that commands on the bundle share."""

from __future__ import annotations

from collections.abc import Sequence

import click


def _read_variables(_context: click.Context, _option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Return the variables given as NAME=VALUE."""
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{each!r}; expected NAME=VALUE, such as service_principal=ID.")
        found[name] = value
    return found


VARIABLES = click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_read_variables,
    help="A variable's value; may be repeated. Default: BUNDLE_VAR_NAME, else the bundle's.",
)
