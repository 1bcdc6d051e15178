"""``boathouse models report``: the life of every version of a model on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT, engines
from boathouse.commands.model_arguments import name_model, read_rules

if TYPE_CHECKING:
    from boathouse.core.lineage.findings import Finding
    from boathouse.core.lineage.governed import GovernedModel
    from boathouse.environment import Environment


@click.command(epilog="Example: boathouse models report --to report.html --env prod")
@click.argument("name", required=False)
@ENVIRONMENT
@click.option("--format", "form", type=click.Choice(["html", "markdown"]), default="html", show_default=True)
@click.option(
    "--to", "path", type=click.Path(dir_okay=False, path_type=Path), default=None, help="A file; default: the screen."
)
@click.option("--publish", is_flag=True, help="Also write the table audit.model_versions, for SQL.")
def report(name: str | None, environment: Environment, form: str, path: Path | None, *, publish: bool) -> None:
    """Report the life of every version of a model.

    Data, gates, approvals and findings. NAME is the last part of a registered name, or the whole; without it the
    environment's model.
    """
    from boathouse.core.lineage.findings import find_findings
    from boathouse.core.lineage.governance_page import build_page
    from boathouse.core.lineage.page import to_html, to_markdown
    from boathouse.governance.governed_models import read_model
    from boathouse.hooks.tracking_store import use_registry

    use_registry(environment)
    model = read_model(name_model(environment, name), environment, read_rules(environment).rules)
    findings = find_findings(model)
    page = build_page(model, findings)
    text = to_html(page) if form == "html" else to_markdown(page)
    if path is None:
        click.echo(text)
    else:
        path.write_text(text, encoding="utf-8")
        click.echo(f"{path}: {len(model.versions)} version(s), {len(findings)} finding(s)")
    if publish:
        _publish(environment, model, findings)


def _publish(environment: Environment, model: GovernedModel, findings: list[Finding]) -> None:
    from boathouse.governance.governed_models import publish_versions

    with engines():
        version = publish_versions(model, findings, environment)
    click.echo(f"{model.environment}.audit.model_versions: version {version}", err=True)
