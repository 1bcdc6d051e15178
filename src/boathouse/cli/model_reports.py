"""``boathouse models report``, ``reproduce`` and ``compare``: what is on record about versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.atomic_files import write_file
from boathouse.cli.environment_options import ENVIRONMENT, JSON_OUTPUT, engines, show_json
from boathouse.cli.model_arguments import NAME_VERSION, name_model, read_rules, split_name
from boathouse.errors import ConfigError, LifeCycleError
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.projection import project_events
from boathouse.namespaces import find_namespace

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.environment import Environment
    from boathouse.lineage.finding import Finding
    from boathouse.lineage.model_history import ModelHistory


@click.command(epilog="Example: boathouse models report --to dist/report.html --env prod")
@click.argument("name", required=False)
@ENVIRONMENT
@click.option("--format", "form", type=click.Choice(["html", "markdown"]), default="html", show_default=True)
@click.option(
    "--to", "path", type=click.Path(dir_okay=False, path_type=Path), default=None, help="A file; default: the screen."
)
@click.option("--publish", is_flag=True, help="Also write the table audit.model_versions, for SQL.")
def report(name: str | None, environment: Environment, form: str, path: Path | None, *, publish: bool) -> None:
    """Report the history of a model's versions.

    Data, gates, approvals and findings. NAME is the last part of a registered name, or the whole; without it the
    environment's model.
    """
    from boathouse.hooks.tracking import use_registry
    from boathouse.lineage.findings import find_findings
    from boathouse.lineage.governance_report import build_page
    from boathouse.lineage.model_history import read_model_history
    from boathouse.use_case import USE_CASE

    use_registry(environment)
    rules = read_rules(environment).rules
    model = read_model_history(name_model(environment, name), environment, rules, views=USE_CASE.views)
    findings = find_findings(model)
    page = build_page(model, findings, USE_CASE.task)
    text = page.to_html() if form == "html" else page.to_markdown()
    if path is None:
        click.echo(text)
    else:
        write_file(path, text.encode(), durable=False)
        click.echo(f"{path}: {len(model.versions)} version(s), {len(findings)} finding(s)")
    if publish:
        _publish(environment, model, findings)


def _publish(environment: Environment, model: ModelHistory, findings: list[Finding]) -> None:
    from boathouse.hooks.releases import check_writing
    from boathouse.lineage.model_versions import publish_versions

    check_writing(environment)
    with engines():
        version = publish_versions(model, findings, environment)
    click.echo(f"{find_namespace(model.name).full_name('audit.model_versions')}: version {version}", err=True)


@click.command(epilog="Example: boathouse models reproduce 3 --env prod")
@click.argument("words", nargs=-1, required=True, metavar="[NAME] VERSION")
@ENVIRONMENT
@click.option("--allow-dirty", is_flag=True, help="Go on from the commit alone if files differed from it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every difference.")
def reproduce(words: tuple[str, ...], environment: Environment, *, allow_dirty: bool, as_json: bool) -> None:
    """Reproduce a version and compare predictions.

    VERSION, a number or an alias, is trained from its commit, data and parameters. Everything happens in a temporary
    folder. The exit code is 0 only if every recorded test row gets the same answer.
    """
    from kedro.utils import find_kedro_project

    from boathouse.hooks.tracking import use_registry
    from boathouse.lineage.differences import write_reproduction
    from boathouse.lineage.facts import to_plain
    from boathouse.lineage.reproduction import reproduce as train_and_compare
    from boathouse.use_case import USE_CASE

    name, version = _split_word(words)
    use_registry(environment)
    done = train_and_compare(
        name_model(environment, name),
        version,
        lakehouse=environment.lakehouse,
        views=USE_CASE.views,
        project=Path(find_kedro_project(Path.cwd()) or Path.cwd()),
        allow_dirty=allow_dirty,
    )
    plain = {**to_plain(done), "identical": done.is_identical}
    click.echo(json.dumps(plain, indent=2) if as_json else write_reproduction(done))
    if not done.is_identical:
        raise click.exceptions.Exit(1)


def _split_word(words: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the name, None for the environment's model, and the version."""
    if len(words) > 2:
        message = f"Expected [NAME] VERSION, a model and a number or an alias; found: {' '.join(words)}."
        raise click.UsageError(message)
    return (words[0] if len(words) == 2 else None), words[-1]


_ALL = ":all"


@click.command(epilog="Example: boathouse models compare 4 3 --env prod")
@NAME_VERSION("[NAME] VERSION [OTHER]")
@ENVIRONMENT
@JSON_OUTPUT
def compare(words: tuple[str, ...], environment: Environment, *, as_json: bool) -> None:
    """Compare the metrics of two versions.

    OTHER is the champion by default. The numbers are those of each version's own evaluation. Rows and months can differ
    between two evaluations; the paired comparison with its interval is in the gates of each version: boathouse models
    show.
    """
    name, first, second = _split_versions(environment, words)
    measured = _read_metrics(environment, name)
    metrics = {version: measured.get(version, {}) for version in (first, second)}
    for version, found in metrics.items():
        if not found:
            raise LifeCycleError.not_checked(name, version)
    if as_json:
        show_json({"model": name, "metrics": metrics})
        return
    click.echo(f"{'metric':<24}{first:>14}{second:>14}{'difference':>14}")
    for metric in sorted(metrics[first].keys() & metrics[second].keys()):
        one, other = metrics[first][metric], metrics[second][metric]
        click.echo(f"{metric:<24}{one:>14.4f}{other:>14.4f}{one - other:>+14.4f}")


def _split_versions(environment: Environment, words: tuple[str, ...]) -> tuple[str, str, str]:
    versions = [word for word in words if word.isdigit()]
    name, _ = split_name(environment, [word for word in words if not word.isdigit()])
    state = project_events(open_ledger(environment.table(PROMOTIONS)).read(name), name=name)
    if len(versions) == 1 and state.champion:
        versions.append(state.champion)
    if len(versions) != 2 or versions[0] == versions[1]:
        raise ConfigError(f"Expected two versions, or one beside a champion (it is {state.champion or 'none'}).")
    for version in versions:
        if version not in state.versions:
            raise LifeCycleError.unknown_version(name, version, state.versions)
    return name, versions[0], versions[1]


def _read_metrics(environment: Environment, name: str) -> dict[str, dict[str, float]]:
    """Return the metrics of each version over all rows as recorded; of one from before, as the table has them."""
    from boathouse.lifecycle.ledger import EVIDENCE
    from boathouse.lineage.evaluation_metrics import read_sealed_metrics

    sealed = read_sealed_metrics(
        record for record in open_ledger(environment.table(EVIDENCE)).read_verified() if record.subject == name
    )
    found = {version: {each.name: each.value for each in metrics} for version, metrics in sealed.items()}
    return _read_table(environment, name) | found


def _read_table(environment: Environment, name: str) -> dict[str, dict[str, float]]:
    """Return the metrics that ``audit.evaluations`` has of each version over all rows."""
    import pyarrow.compute as pc

    rows = _read_evaluations(environment)
    wanted: Any = (pc.field("model_name") == name) & (pc.field("role") == "candidate")
    wanted &= (pc.field("slice_key") == _ALL) & pc.field("value").is_valid()
    found: dict[str, dict[str, float]] = {}
    for row in rows.filter(wanted).select(["model_version", "metric", "value"]).to_pylist():
        found.setdefault(row["model_version"], {})[row["metric"]] = row["value"]
    return found


def _read_evaluations(environment: Environment) -> pa.Table:
    place = environment.table("audit.evaluations")
    version = place.require_version("evaluation")
    if place.path is not None:
        from boathouse.tables.delta_log import read_local_rows

        return read_local_rows(place.path)
    with engines():
        return place.read(version).toArrow()
