"""``boathouse models``: the life of registered models."""

from __future__ import annotations

import click

from boathouse.commands.model_reproduce import reproduce


@click.group()
def models() -> None:
    """Reproduce and report on registered models."""


for _command in (reproduce,):
    models.add_command(_command)
