"""``boathouse models report``: the life of every version of a model on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import open_governed

if TYPE_CHECKING:
    from boathouse.commands.model_places import Governed
    from boathouse.core.lineage.findings import Finding
    from boathouse.core.lineage.governed import GovernedModel


@click.command()
@click.argument("name", required=False)
@ENVIRONMENT
@click.option("--format", "form", type=click.Choice(["html", "markdown"]), default="html", show_default=True)
@click.option(
    "--to", "path", type=click.Path(dir_okay=False, path_type=Path), default=None, help="A file; default: the screen."
)
@click.option("--publish", is_flag=True, help="Also write the table audit.model_versions, for SQL.")
def report(name: str | None, env: str, conf_source: Path, form: str, path: Path | None, *, publish: bool) -> None:
    """Write the life of every version of NAME (its last part, or in full): data, gates, approvals, findings."""
    from boathouse.core.lineage.findings import find_findings
    from boathouse.core.lineage.governance_page import build_page
    from boathouse.governance.governed_models import read_model

    governed = open_governed(env, conf_source)
    governed.use_registry()
    model = read_model(governed.name_model(name), governed.house.lakehouse, governed.options.rules)
    findings = find_findings(model)
    page = build_page(model, findings)
    text = page.to_html() if form == "html" else page.to_markdown()
    if path is None:
        click.echo(text)
    else:
        path.write_text(text, encoding="utf-8")
        click.echo(f"{path}: {len(model.versions)} version(s), {len(findings)} finding(s)")
    if publish:
        _publish(governed, model, findings)


def _publish(governed: Governed, model: GovernedModel, findings: list[Finding]) -> None:
    from boathouse.commands.feature_places import engines
    from boathouse.governance.governed_models import publish_versions

    with engines():
        version = publish_versions(model, findings, governed.house.lakehouse)
    click.echo(f"{model.environment}.audit.model_versions: version {version}", err=True)
