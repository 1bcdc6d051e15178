"""``boathouse bundle rehearse``: the jobs of a target, run from the wheel against a stand-in of the workspace."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.bundle_options import VARIABLES
from boathouse.cli.environment_options import JSON_OUTPUT, show_json
from boathouse.errors import BundleError

if TYPE_CHECKING:
    from boathouse.bundle.documents import Bundle
    from boathouse.rehearsal.deployment import Inputs
    from boathouse.rehearsal.rehearse import Step

_DIST, _APPROVER = "dist", "maria@example.com"


@click.command(epilog="Example: boathouse bundle rehearse --target staging")
@click.option("--target", "-t", required=True, help="Target of the bundle.")
@click.option(
    "--extracts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("data/01_raw"),
    help="Extracts to deliver, of which the target's sample is taken. Default: data/01_raw.",
)
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Folder for tables, files and logs; kept."
)
@click.option(
    "--calls",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Page whose table says what each job asks.",
)
@click.option("--approver", default=None, help="Second person. Default: the first whom the configuration lets approve.")
@VARIABLES
@JSON_OUTPUT
def rehearse(  # noqa: PLR0913 - an argument for each option
    target: str,
    extracts: Path,
    keep: Path | None,
    calls: Path | None,
    approver: str | None,
    variables: dict[str, str],
    *,
    as_json: bool,
) -> None:
    """Run all jobs of a target on this machine.

    Builds the wheel as the bundle does, installs it without extras in an environment of its own (Python 3.12 where it
    is installed), starts a stand-in of the workspace on loopback (Spark Connect with catalogs and rights, Unity
    Catalog's registry, MLflow, secrets) and runs the tasks of each job in fresh processes with the parameters of the
    YAML. Where an approval is missing a second person gives it. In prod the configuration has to name the service
    principal, as on the platform: give it with --var service_principal=ID. Needs Java and the jars of make jars, and
    a package registry once. Exit code 1 if a job fails, another environment can be written, or a job asks more or less
    of the workspace than the table of the page of --calls says.
    """
    from boathouse.bundle.documents import read_bundle
    from boathouse.environment import open_environment
    from boathouse.rehearsal.calls import compare_calls, count_calls, read_calls
    from boathouse.rehearsal.deployment import Inputs, take_part
    from boathouse.use_case import USE_CASE

    bundle = read_bundle(Path.cwd())
    if target not in bundle.targets:
        raise BundleError(f"No target '{target}' in databricks.yml; it has: {', '.join(bundle.targets)}.")
    stated = read_calls(calls) if calls else None
    say = _quiet if as_json else click.echo
    with _open_folder(keep) as folder:
        started = time.monotonic()
        wheel, conf = _build(bundle, folder, say)
        person = approver or _find_approver(target, conf)
        delivered = take_part(extracts, folder / "extracts", open_environment(target, conf), USE_CASE)
        inputs = Inputs(
            bundle=bundle, target=target, variables=variables, approver=person, conf=conf, extracts=delivered
        )
        steps, first_nodes = _rehearse(inputs, wheel, folder, say)
        seconds = time.monotonic() - started
        if as_json:
            show_json({"target": target, "seconds": round(seconds, 1), "steps": [_as_document(each) for each in steps]})
        else:
            click.echo(render(steps, first_nodes, seconds))
            if keep:
                click.echo(f"Tables, files and logs: {folder}")
    failed = not all(each.succeeded for each in steps)
    other = [] if failed or stated is None else compare_calls(count_calls(steps), stated)
    for line in other:
        click.echo(f"{calls}: {line}", err=True)
    if failed or other:
        raise click.exceptions.Exit(1)


def _quiet(_message: str) -> None:
    pass


@contextmanager
def _open_folder(keep: Path | None) -> Iterator[Path]:
    """Give the folder that is kept, which has to be empty, else one that is removed at the end."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="boathouse-rehearsal-") as name:
            yield Path(name)
        return
    if keep.is_dir() and any(keep.iterdir()):
        raise BundleError(f"{keep} is not empty: expected an empty folder, or a new one. Name another with --keep.")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.absolute()


def _find_approver(target: str, conf: Path) -> str:
    """Return the first person whom the configuration of the target names as one who may approve."""
    from boathouse.environment import open_environment

    governance = open_environment(target, conf).section("parameters")["governance"]
    groups, waiting = governance.get("groups") or {}, list(governance["roles"]["approve"])
    while waiting:
        name = str(waiting.pop(0))
        if name.removeprefix("@") in groups and name.startswith("@"):
            waiting += groups[name.removeprefix("@")]
        elif name != "*" and not name.startswith("@"):
            return name
    return _APPROVER


def _rehearse(
    inputs: Inputs,
    wheel: Path,
    folder: Path,
    say: Callable[[str], object],
) -> tuple[list[Step], Mapping[str, float]]:
    from boathouse.rehearsal.deployment import deploy
    from boathouse.rehearsal.environment import install_wheel, prepare
    from boathouse.rehearsal.programs import WheelPrograms
    from boathouse.rehearsal.rehearse import Rehearsal

    version = _read_environment_version(inputs.bundle)
    constraints = folder / _DIST / f"constraints-serverless-{version}.txt"
    python = prepare(wheel, constraints if constraints.is_file() else None, say)
    packages = folder / "site-packages"
    install_wheel(python, wheel, packages)
    programs = WheelPrograms(python, packages, folder / "tasks", f"client.{version}.0")
    say(f"Deploying {inputs.target} to a workspace on loopback, and running its jobs from {wheel.name}")
    with deploy(inputs, folder, python=python, packages=packages) as deployment:
        return Rehearsal(deployment, programs, say).run(), programs.until_first_node


def _build(bundle: Bundle, folder: Path, say: Callable[[str], object]) -> tuple[Path, Path]:
    """Build what the bundle deploys, by its own command; return the wheel and the folder of the configuration."""
    words = shlex.split(bundle.document["artifacts"]["boathouse"]["build"])
    say(f"Building the wheel: {' '.join(words)}")
    dist = folder / _DIST
    # The very command, with another folder: one in the checkout belongs to the person who deploys.
    command = [sys.executable, *(str(dist) if word == _DIST else word for word in words[1:])]
    done = subprocess.run(command, cwd=bundle.project, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BundleError(f"The wheel could not be built ({' '.join(words)}):\n{done.stdout}{done.stderr}".rstrip())
    (wheel,) = dist.glob("*.whl")
    (archive,) = dist.glob("conf-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "synced", filter="data")
    return wheel, folder / "synced" / "conf"


def _read_environment_version(bundle: Bundle) -> str:
    """Return the version of the environment that the jobs name."""
    found = {
        str(each["spec"].get("environment_version"))
        for job in bundle.resources.get("jobs", {}).values()
        for each in job.get("environments") or ()
    }
    if len(found) != 1:
        raise BundleError(f"Jobs of the bundle name {len(found)} environment versions ({', '.join(sorted(found))}).")
    return found.pop()


def render(steps: Sequence[Step], first_nodes: Mapping[str, float], seconds: float) -> str:
    """Return a line for each job with its tasks, what failed, and a last line that sums up."""
    lines = []
    for step in steps:
        state = "ok" if step.succeeded else "FAILED"
        counts = f"  {sum(step.spark.values())} calls of Spark, {sum(step.requests.values())} requests"
        note = f"  ({step.said})" if step.succeeded and step.said else ""
        lines.append(f"{state:<6} {step.name:<28}{counts if step.tasks else ''}{note}".rstrip())
        lines += [f"         {each.job}/{each.task}: {each.state}, {each.seconds:.0f} s" for each in step.tasks]
        if not step.succeeded and step.said:
            lines += [f"         {line}" for line in step.said.splitlines()]
    slowest = f", first node after {max(first_nodes.values()):.1f} s at most" if first_nodes else ""
    failed = sum(not each.succeeded for each in steps)
    lines.append(f"{len(steps)} steps in {seconds:.0f} s, {failed} failed{slowest}.")
    return "\n".join(lines)


def _as_document(step: Step) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(step)
