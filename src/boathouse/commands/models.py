"""``boathouse models``: what there is, what state it is in, and every step that changes it."""

from __future__ import annotations

import click

from boathouse.commands.model_approvals import approve, check_approval, reject, request
from boathouse.commands.model_compare import compare
from boathouse.commands.model_export import export
from boathouse.commands.model_image import build_context
from boathouse.commands.model_moves import archive, copy, mend, promote, rollback, sync
from boathouse.commands.model_report import report
from boathouse.commands.model_reproduce import reproduce
from boathouse.commands.model_state import list_models, show


@click.group()
def models() -> None:
    """List, approve, promote and report models.

    Also roll back, archive, copy to another environment, compare, reproduce and export versions.
    """


for _command in (
    *(list_models, show, compare),
    *(request, approve, reject, check_approval),
    *(promote, rollback, archive, copy, sync, mend),
    *(export, build_context),
    *(report, reproduce),
):
    models.add_command(_command)
