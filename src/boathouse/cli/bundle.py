"""``boathouse bundle``: what a deployment would refuse or get wrong, found before it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.cli.bundle_options import VARIABLES
from boathouse.cli.bundle_rehearse import rehearse
from boathouse.cli.environment_options import JSON_OUTPUT, show_json

if TYPE_CHECKING:
    from boathouse.bundle.documents import Bundle
    from boathouse.bundle.problems import Problem

# Longest time that the platform's own validation may take, seconds: it asks the workspace.
_PATIENCE_S = 300
_FROM_ENVIRONMENT = "BUNDLE_VAR_"


@click.group()
def bundle() -> None:
    """Check and rehearse deployments."""


bundle.add_command(rehearse)


TARGETS = click.option("--target", "-t", "targets", multiple=True, help="A target; may be repeated. Default: all.")


@bundle.command(epilog="Example: boathouse bundle check --target prod")
@TARGETS
@VARIABLES
@JSON_OUTPUT
def check(targets: tuple[str, ...], variables: dict[str, str], *, as_json: bool) -> None:
    """Check all bundles without a workspace.

    The bundle of the project and those below bundles/: fields and values against the platform's typed models, then
    references, task graphs, commands, rights, schedules, names and files. Exit code 1 if something is wrong. Where the
    program databricks is on the path and DATABRICKS_HOST is set, its own validation is run as well.
    """
    from boathouse.bundle.checks import find_problems
    from boathouse.bundle.commands import CommandLine
    from boathouse.bundle.documents import list_bundles, read_bundle
    from boathouse.cli.main import cli
    from boathouse.pipeline_registry import FLOW

    project = Path.cwd()
    bundles = [read_bundle(folder) for folder in list_bundles(project)]
    _require_known(bundles, targets, variables)
    commands = CommandLine(cli, tuple(FLOW))
    found: list[tuple[str, Problem]] = []
    outcomes: list[str] = []
    for each in bundles:
        chosen = [name for name in targets or each.targets if name in each.targets]
        values = select_values(each, variables)
        folder = each.project.relative_to(project).as_posix()
        problems = find_problems(each, targets=chosen, variables=values, commands=commands) if chosen else []
        found += [(folder, problem) for problem in problems]
        outcomes += _validate(each, chosen, values)
    if as_json:
        show_json([{"bundle": folder, **asdict(problem)} for folder, problem in found])
    else:
        _show(bundles, found, outcomes)
    if found or any("FAILED" in each for each in outcomes):
        raise click.exceptions.Exit(1)


def select_values(each: Bundle, given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the variables that a bundle declares: given, else in the environment as BUNDLE_VAR_NAME."""
    found = {}
    for name in each.document.get("variables") or ():
        value = given.get(name, os.environ.get(f"{_FROM_ENVIRONMENT}{name}"))
        if value is not None:
            found[name] = value
    return found


def _require_known(bundles: Sequence[Bundle], targets: Sequence[str], variables: Mapping[str, str]) -> None:
    """Refuse a target or variable that no bundle has; one that some have is theirs alone."""
    known = {name for each in bundles for name in each.targets}
    declared = {name for each in bundles for name in each.document.get("variables") or ()}
    for kind, given, names in (("target", targets, known), ("variable", variables, declared)):
        unknown = sorted(set(given) - names)
        if unknown:
            raise click.UsageError(f"No {kind} {', '.join(unknown)}; there are: {', '.join(sorted(names))}.")


def _show(bundles: Sequence[Bundle], found: Sequence[tuple[str, Problem]], outcomes: Sequence[str]) -> None:
    from boathouse.bundle.documents import merge_target

    for folder, problem in found:
        click.echo(f"{'' if folder == '.' else f'{folder}/'}{problem}")
    for line in outcomes:
        click.echo(line)
    resources = {
        (each.name, kind, key)
        for each in bundles
        for target in each.targets
        for kind, entries in merge_target(each, target).items()
        for key in entries
    }
    verdict = f"{len(found)} problem(s)" if found else "no problem"
    click.echo(f"{len(bundles)} bundles, {len(resources)} resources, {verdict}.")


def _validate(each: Bundle, targets: Sequence[str], variables: Mapping[str, str]) -> Iterator[str]:
    """Give what the platform's own validation says of each target, or that it was not run."""
    program = shutil.which("databricks")
    if program is None or not os.environ.get("DATABRICKS_HOST"):
        missing = "there is no program databricks" if program is None else "DATABRICKS_HOST is not set"
        yield f"Not run for {each.name}: databricks bundle validate --strict ({missing})."
        return
    for target in targets:
        words = [f"--var={name}={value}" for name, value in variables.items()]
        done = subprocess.run(  # noqa: S603 - the program that the person who types this has installed
            [program, "bundle", "validate", "--strict", "--target", target, *words],
            cwd=each.project,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if done.returncode:
            sys.stderr.write(f"{done.stdout}{done.stderr}")
        state = f"FAILED with exit code {done.returncode}" if done.returncode else "passed"
        yield f"databricks bundle validate --strict --target {target} of {each.name}: {state}."
