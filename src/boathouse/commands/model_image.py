"""``boathouse models build-context``: what an image of a served version is built from."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_arguments import NAME, name_model
from boathouse.commands.model_export import load_version
from boathouse.commands.package import build_wheel, is_private
from boathouse.core.errors import ConfigError

if TYPE_CHECKING:
    from boathouse.environment import Environment

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
    number or an alias, answers as the champion in the image, whatever the registry says later. The image serves on
    every address and asks for tokens: mount the data folder at /data, with those that boathouse tokens create has made.
    """
    from boathouse.hooks.tracking_store import use_registry
    from boathouse.images.context import ImageParts, check_context, write_context
    from boathouse.images.requirements import pin_requirements

    root = Path.cwd()
    if not (root / "pyproject.toml").is_file():
        message = f"{root} is not the project: it has no pyproject.toml. Change to the project's folder."
        raise ConfigError(message)
    use_registry(environment)
    loaded = load_version(name_model(environment, name), version)
    parts = ImageParts(
        environment=environment.name,
        versions={(loaded.name, loaded.version): loaded.files},
        aliases={loaded.name: {"champion": loaded.version}},
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
    click.echo(
        f"Build it: docker build -t {loaded.name.rsplit('.', 1)[-1].replace('_', '-')}:{loaded.version} {folder}"
    )


def copy_conf(conf: Path, out: Path) -> None:
    """Copy the configuration without the folder local and without what is named like credentials or keys."""
    for path in sorted(path for path in conf.rglob("*") if path.is_file()):
        relative = path.relative_to(conf)
        if not is_private(relative):
            (out / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / relative)
