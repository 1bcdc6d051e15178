"""Run all pipelines together in schemas of their own, and drop them: the integration test of an environment.

Usage: ``python scripts/integration.py run --env staging``, in the workspace that DATABRICKS_HOST names, by the wheel
that is deployed there; with ``--here`` on this machine, on the shipped data. Schemas of a run that failed stay,
readable from dev as those of the environment are; ``clean --days 3`` drops those that are older.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from boathouse.pipeline_registry import WHOLE
from scripts.platform_runs import (
    Command,
    Deployed,
    Outcome,
    PlatformError,
    find_deployed,
    render_outcomes,
    run_commands,
)

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

ROOT = Path(__file__).resolve().parents[1]
# What only integration runs begin their schemas with: nothing else is ever dropped.
MARK = "it_"
PREFIX = re.compile(rf"{MARK}[a-z0-9_]*[a-z0-9]_")
HERE = ROOT / "dist" / "integration"
TIMEOUT = timedelta(hours=1)


def main() -> None:
    """Run or clean, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("run", "clean"))
    parser.add_argument("--env", default="staging", help="Environment. Default: staging.")
    parser.add_argument("--schema-prefix", default="", help=f"Begins the schemas' names; by default {MARK}<time>_.")
    parser.add_argument("--here", action="store_true", help="On this machine, in dist/integration.")
    parser.add_argument("--days", type=float, default=3, help="Age from which clean drops. Default: 3.")
    parser.add_argument("--report", type=Path, help="Markdown file of the results.")
    given = parser.parse_args()
    try:
        if given.action == "clean":
            print(clean(given.env, timedelta(days=given.days), here=given.here))
            return
        prefix = check_prefix(given.schema_prefix or f"{MARK}{datetime.now(UTC):%Y%m%d%H%M%S}_")
        outcomes, kept = run_here(given.env, prefix) if given.here else run_there(given.env, prefix)
    except PlatformError as fault:
        sys.exit(str(fault))
    text = render(given.env, outcomes, kept)
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(text, encoding="utf-8")
    print(text)
    sys.exit(0 if has_passed(outcomes) else 1)


def check_prefix(prefix: str) -> str:
    """Return ``prefix``, if it is one of integration runs.

    Raises:
        PlatformError: If it is not: what is dropped at the end might be somebody's.
    """
    if not PREFIX.fullmatch(prefix):
        raise PlatformError(f"Expected a schema prefix such as {MARK}42_, small letters and digits, found '{prefix}'.")
    return prefix


def has_passed(outcomes: Iterable[Outcome]) -> bool:
    """Return whether every step passed."""
    return all(each.state == "passed" for each in outcomes)


def list_commands(prefix: str = "") -> list[Command]:
    """Return one command a pipeline, in the order of a whole run."""
    option = (f"--schema-prefix={prefix}",) if prefix else ()
    return [Command(name, ("run", f"--pipeline={name}", *option)) for name in WHOLE]


def run_there(environment: str, prefix: str) -> tuple[list[Outcome], str]:
    """Run in the workspace; return how each step ended, and what was kept.

    Raises:
        PlatformError: If nothing is deployed there.
    """
    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient()
    deployed = find_deployed(client, environment)
    make_schemas(client, deployed, prefix)
    try:
        outcomes = run_commands(client, deployed, f"integration {prefix}", list_commands(prefix), timeout=TIMEOUT)
    except TimeoutError:
        outcomes = [Outcome(key="all pipelines", state="failed", seconds=TIMEOUT.total_seconds())]
    outcomes.append(find_strays(client, deployed, prefix))
    if not has_passed(outcomes):
        return outcomes, f"{deployed.catalog}.{prefix}*"
    drop_schemas(client, deployed.catalog, [prefix])
    return outcomes, ""


def make_schemas(client: WorkspaceClient, deployed: Deployed, prefix: str) -> None:
    """Make a schema for each that the tables and models of the project have, with the volumes of the environment's."""
    from databricks.sdk.service.catalog import VolumeType

    catalog = deployed.catalog
    for name in list_schemas():
        client.schemas.create(name=f"{prefix}{name}", catalog_name=catalog, comment="Integration run")
        for volume in client.volumes.list(catalog_name=catalog, schema_name=name):
            client.volumes.create(catalog, f"{prefix}{name}", volume.name or "", VolumeType.MANAGED)


def list_schemas() -> list[str]:
    """Return the schemas of the project's tables and models."""
    from boathouse.pipelines.table_dataset import known_contracts

    return sorted({name.partition(".")[0] for name in known_contracts()} | {"models"})


def find_strays(client: WorkspaceClient, deployed: Deployed, prefix: str) -> Outcome:
    """Return whether the run has made tables in its own schemas, as it was told to."""
    made = [
        table.full_name
        for name in ("clean", "inference")
        for table in client.tables.list(catalog_name=deployed.catalog, schema_name=f"{prefix}{name}")
    ]
    return Outcome(key="tables are in the run's schemas", state="passed" if made else "failed", seconds=0)


def drop_schemas(client: WorkspaceClient, catalog: str, prefixes: Sequence[str]) -> list[str]:
    """Drop the schemas that begin with one of ``prefixes``, with their tables and models; return their names."""
    names = [schema.name or "" for schema in client.schemas.list(catalog_name=catalog)]
    dropped = [name for name in names if name.startswith(tuple(map(check_prefix, prefixes)))]
    for name in dropped:
        client.schemas.delete(f"{catalog}.{name}", force=True)
    return dropped


def run_here(environment: str, prefix: str) -> tuple[list[Outcome], str]:
    """Run on this machine, in a folder of its own with the shipped extracts; return as :func:`run_there`."""
    folder = HERE / prefix
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "data" / "01_raw", folder / "01_raw")
    outcomes: list[Outcome] = []
    for command in list_commands():
        is_due = has_passed(outcomes)
        outcomes.append(run_process(command, environment, prefix, folder) if is_due else _not_run(command.key))
    outcomes.append(find_strays_here(folder / "lakehouse" / environment, prefix))
    if not has_passed(outcomes):
        return outcomes, f"{environment}.{prefix}* in {folder.relative_to(ROOT)}"
    shutil.rmtree(folder)
    return outcomes, ""


def _not_run(key: str) -> Outcome:
    return Outcome(key=key, state="not run", seconds=0)


def run_process(command: Command, environment: str, prefix: str, folder: Path) -> Outcome:
    """Run one command of the package in a process of its own, and wait for it."""
    variables = os.environ | {"BOATHOUSE_SCHEMA_PREFIX": prefix}
    words = [*command.words, f"--env={environment}", f"--data-dir={folder}"]
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "boathouse", *words], cwd=ROOT, env=variables, check=False)
    state = "failed" if done.returncode else "passed"
    return Outcome(key=command.key, state=state, seconds=time.monotonic() - begun)


def find_strays_here(catalog: Path, prefix: str) -> Outcome:
    """Return whether all tables below the folder of the catalog are in schemas that begin with ``prefix``."""
    tables = [log.parent.relative_to(catalog).as_posix() for log in sorted(catalog.glob("*/*/_delta_log"))]
    strays = [name for name in tables if not name.startswith(prefix)]
    key = "tables are in the run's schemas" + (f"; not: {', '.join(strays[:3])}" if strays else "")
    return Outcome(key=key, state="passed" if tables and not strays else "failed", seconds=0)


def clean(environment: str, age: timedelta, *, here: bool) -> str:
    """Drop what runs left that are older than ``age``; return what that was."""
    limit = datetime.now(UTC) - age
    if here:
        old = [path for path in sorted(HERE.glob(f"{MARK}*")) if path.stat().st_mtime < limit.timestamp()]
        for path in old:
            shutil.rmtree(path)
        return f"Dropped: {', '.join(path.name for path in old) or 'nothing'}"
    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient()
    catalog = find_deployed(client, environment).catalog
    schemas = [schema for schema in client.schemas.list(catalog_name=catalog) if (schema.name or "").startswith(MARK)]
    names = [each.name or "" for each in schemas if (each.created_at or 0) / 1000 < limit.timestamp()]
    for name in names:
        client.schemas.delete(f"{catalog}.{name}", force=True)
    return f"Dropped: {', '.join(names) or 'nothing'}"


def render(environment: str, outcomes: Sequence[Outcome], kept: str) -> str:
    """Return the results as Markdown."""
    passed = has_passed(outcomes)
    left = f"Kept to look at, readable from dev: `{kept}`." if kept else "Its schemas are dropped."
    head = [f"## Integration on {environment}: {'passed' if passed else 'failed'}", "", left, ""]
    return "\n".join([*head, *render_outcomes(outcomes)]) + "\n"


if __name__ == "__main__":
    main()
