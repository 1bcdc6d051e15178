"""``boathouse models export``: a version in a portable form."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT
from boathouse.cli.model_arguments import NAME, name_model
from boathouse.cli.wheel_build import build_wheel
from boathouse.errors import ConfigError, ModelError
from boathouse.options import require_choice

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.resolution import DecidedVersion
    from boathouse.modelling.result import LoadedModel


@click.command(epilog="Example: boathouse models export champion --to dist/champion")
@click.argument("version")
@ENVIRONMENT
@NAME
@click.option("--format", "form", default="onnx", type=click.Choice(["onnx"]), help="Form. Default: onnx.")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), default=None, help="Folder. Default: dist/<model>-<n>."
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier export in the folder.")
def export(
    version: str, environment: Environment, name: str | None, form: str, folder: Path | None, *, overwrite: bool
) -> None:
    """Export a version to score elsewhere.

    VERSION is a number or an alias. The folder scores without this package: it holds the model as an ONNX graph, its
    spec, check sums, and a scorer of thirty lines that needs onnxruntime and numpy alone. Probabilities agree with the
    scorer's within a millionth, decisions are the same.
    """
    from boathouse.hooks.tracking import use_registry
    from boathouse.scoring.export.folder import export_model

    use_registry(environment)
    model = name_model(environment, name)
    loaded, decided = load_version(environment, model, version)
    target = folder or Path("dist") / f"{model.rsplit('.', 1)[-1]}-{loaded.version}"
    exported = export_model(
        loaded.files, target, name=model, version=loaded.version, decision=decided.decision, overwrite=overwrite
    )
    click.echo(f"{model} version {loaded.version} as {form} in {exported.folder}:")
    click.echo(f"  {describe_seal(decided)}")
    for each, size in exported.sizes.items():
        click.echo(f"  {each:<18} {size / 1024:8,.1f} KiB")
    click.echo(f"Try it: python {exported.folder / 'score.py'} {exported.folder / 'example.json'}")


def load_version(environment: Environment, model: str, version: str) -> tuple[LoadedModel, DecidedVersion]:
    """Return a version by its number or an alias, its files checked, and what the ledger decided on it.

    Raises:
        OptionError: If it is neither a number nor an alias.
        ModelError: If there is no such version, ledger and registry do not agree on it, or it is archived.
    """
    from boathouse.cli.model_arguments import open_decided
    from boathouse.lifecycle.resolution import check_not_archived
    from boathouse.lifecycle.state import ALIASES

    if not version.isdigit():
        require_choice("version", version, ALIASES)
    with open_decided(environment, model) as versions:
        loaded = versions.load(version)
        decided = versions.resolve(loaded.version)
    if decided is None:
        raise ModelError.no_version(model, f"version {loaded.version}", ())
    check_not_archived(decided)
    return loaded, decided


_EXTRAS = frozenset({"serving", "postgres"})


@click.command(
    name="build-context", epilog="Example: boathouse models build-context champion --to dist/image --env prod"
)
@click.argument("version")
@ENVIRONMENT
@NAME
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, help="Folder of the build context.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier build context in the folder.")
def build_context(version: str, environment: Environment, name: str | None, folder: Path, *, overwrite: bool) -> None:
    """Write the build context of a served version.

    The folder gets Dockerfile, wheel, pinned requirements, configuration and the version, and is checked. VERSION, a
    number or an alias, answers as the champion in the image, whatever the registry holds later. The image serves on
    every address and asks for tokens: mount the data folder at /data, with those that boathouse tokens create has made.
    """
    from boathouse.hooks.tracking import use_registry
    from boathouse.serving.image import ImageParts, check_context, pin_requirements, write_context

    root = Path.cwd()
    if not (root / "pyproject.toml").is_file():
        message = f"{root} is not the project: it has no pyproject.toml. Change to the project's folder."
        raise ConfigError(message)
    use_registry(environment)
    loaded, decided = load_version(environment, name_model(environment, name), version)
    parts = ImageParts(
        environment=environment.name,
        versions={(loaded.name, loaded.version): loaded.files},
        aliases={loaded.name: {"champion": loaded.version}},
        decisions={(loaded.name, loaded.version): decided.decision},
        requirements=pin_requirements("boathouse", _EXTRAS),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    write_context(
        parts,
        folder,
        build_wheel=lambda out: build_wheel(root, out),
        copy_conf=lambda out: copy_conf(environment.conf_source, out),
        overwrite=overwrite,
    )
    check_context(folder)
    click.echo(f"{loaded.name} version {loaded.version} in {folder}: {len(parts.requirements)} pinned packages")
    click.echo(describe_seal(decided))
    click.echo(
        f"Build it: docker build -t {loaded.name.rsplit('.', 1)[-1].replace('_', '-')}:{loaded.version} {folder}"
    )


def describe_seal(decided: DecidedVersion) -> str:
    """Return what goes along in place of a ledger."""
    return (
        f"It is {decided.stage} by record {decided.decision['records']} of {decided.decision['ledger']}. That decision "
        "goes along: what happens to the version later, a rollback too, does not reach it there."
    )


def copy_conf(conf: Path, out: Path) -> None:
    """Copy the configuration without the folder local and without what is named like credentials or keys."""
    from boathouse.hooks.releases import is_private

    for path in sorted(path for path in conf.rglob("*") if path.is_file()):
        relative = path.relative_to(conf)
        if not is_private(relative):
            (out / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / relative)
