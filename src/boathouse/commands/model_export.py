"""``boathouse models export``: a version in a portable form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_arguments import NAME, name_model
from boathouse.core.options import require_choice

if TYPE_CHECKING:
    from boathouse.core.modelling import LoadedModel
    from boathouse.environment import Environment


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
    from boathouse.core.export import export_model
    from boathouse.hooks.tracking_store import use_registry

    use_registry(environment)
    model = name_model(environment, name)
    loaded = load_version(model, version)
    target = folder or Path("dist") / f"{model.rsplit('.', 1)[-1]}-{loaded.version}"
    exported = export_model(loaded.files, target, name=model, version=loaded.version, overwrite=overwrite)
    click.echo(f"{model} version {loaded.version} as {form} in {exported.folder}:")
    for each, size in exported.sizes.items():
        click.echo(f"  {each:<18} {size / 1024:8,.1f} KiB")
    click.echo(f"Try it: python {exported.folder / 'score.py'} rows.json")


def load_version(model: str, version: str) -> LoadedModel:
    """Return a version by its number or an alias, its files checked.

    Raises:
        OptionError: If it is neither a number nor an alias.
        ModelError: If there is no such version.
    """
    from boathouse.datasets.model_version import ALIASES, ModelVersionDataset

    if version.isdigit():
        return cast("LoadedModel", ModelVersionDataset(name=model, version=version).load())
    require_choice("version", version, ALIASES)
    return cast("LoadedModel", ModelVersionDataset(name=model, alias=version).load())
