"""``boathouse package``: the wheel, its constraints, and the configuration without what is one machine's or secret."""

from __future__ import annotations

import gzip
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.atomic_files import new_file
from boathouse.cli.wheel_build import PACKAGE, build_wheel, list_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boathouse.databricks.installation import Change


@click.command(epilog="Example: boathouse package --out dist")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("dist"), help="Folder. Default: dist."
)
@click.option("--check-environment", "checked", metavar="NAME", help="Say what installing it replaces: 5, dbr-17.3-ml.")
def package(out: Path, checked: str | None) -> None:
    """Build wheel, constraints and configuration.

    The wheel has the files that git knows and says what it was built from; older wheels of the package in the folder
    are removed. For each environment of the platform there is a file of constraints, for exact installations. Files
    of credentials and the folder local are left out of the configuration, and named. Run the result anywhere:
    boathouse run --conf-source conf-boathouse.tar.gz --data-dir FOLDER --env prod.
    """
    root = Path.cwd()
    if not (root / "pyproject.toml").is_file() or not (root / "conf").is_dir():
        message = f"{root} is not the project: it has no pyproject.toml or no conf. Change to the project's folder."
        raise click.ClickException(message)
    name = _find_set(checked)
    out.mkdir(parents=True, exist_ok=True)
    wheel = build_wheel(root, out)
    _remove_older(wheel)
    made = [wheel, *write_constraints(out)]
    archive = out / f"conf-{PACKAGE}.tar.gz"
    for left_out in pack_conf(root / "conf", archive, _read_time(root)):
        click.echo(f"Left out: conf/{left_out}")
    click.echo(f"Packaged in {out}: {', '.join(sorted(path.name for path in [*made, archive]))}")
    if name is not None:
        _check(name, wheel, out)


def _find_set(name: str | None) -> str | None:
    """Return the set that is meant, before anything is built."""
    from boathouse.databricks.published_sets import find_set

    return None if name is None else find_set(name)


def _read_time(root: Path) -> datetime:
    from boathouse.hooks.releases import describe_release

    return datetime.fromisoformat(describe_release(root, list_sources(root)).built_at)


def _remove_older(wheel: Path) -> None:
    """Remove the other wheels of the package beside ``wheel``: a job installs every wheel of the folder."""
    for path in wheel.parent.glob(f"{PACKAGE}-*.whl"):
        if path != wheel:
            path.unlink()


def write_constraints(out: Path) -> list[Path]:
    """Write the constraints for each environment of the platform into ``out``, and return the files."""
    from boathouse.databricks.published_sets import CONSTRAINTS, list_sets, read_constraints

    written = []
    for name in list_sets():
        path = out / f"{CONSTRAINTS}{name}.txt"
        path.write_text(read_constraints(name), encoding="utf-8")
        written.append(path)
    return written


def pack_conf(conf: Path, archive: Path, time: datetime | None = None) -> list[str]:
    """Write ``conf`` to ``archive`` as Kedro reads it; return the files left out, relative to ``conf``.

    The archive replaces an older one only when it is whole. The same files at the same ``time``, by default now, give
    the same bytes.
    """
    from boathouse.hooks.releases import is_private

    files = sorted(path for path in conf.rglob("*") if path.is_file())
    left_out = [path for path in files if is_private(path.relative_to(conf))]
    seconds = int((time or datetime.now(UTC)).timestamp())
    with (
        new_file(archive) as unfinished,
        unfinished.open("wb") as file,
        # Without the name of a file that is renamed at the end.
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=seconds) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as packed,
    ):
        for path in files:
            if path not in left_out:
                name = f"conf/{path.relative_to(conf).as_posix()}"
                packed.add(path, arcname=name, filter=lambda member: _anonymous(member, seconds))
    return [path.relative_to(conf).as_posix() for path in left_out]


def _anonymous(member: tarfile.TarInfo, seconds: int) -> tarfile.TarInfo:
    """Return ``member`` without user, mode and time of the machine that packed it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode, member.mtime = 0o644, seconds
    return member


def _check(name: str, wheel: Path, out: Path) -> None:
    """Say what installing ``wheel`` means in an environment of the platform, alone and with its constraints."""
    from boathouse.databricks.installation import plan_installation
    from boathouse.databricks.published_sets import CONSTRAINTS, read_set

    published = read_set(name)
    click.echo(f"{published.title}, Python {published.python}, as published on {published.date}:")
    constraints = out / f"{CONSTRAINTS}{name}.txt"
    for title, limits in (("the wheel alone", None), (f"with {constraints.name}", constraints)):
        changes = plan_installation(published, str(wheel), constraints=limits)
        click.echo(f"  {title}: {len(published.versions)} packages are there")
        for line in describe_changes(changes):
            click.echo(f"    {line}")


def describe_changes(changes: Iterable[Change]) -> list[str]:
    """Return a line on all that is added, and one on each package that is replaced, with what asks for it."""
    every = [each for each in changes if each.name != PACKAGE]
    added = [f"{each.name} {each.after}" for each in every if each.before is None]
    replaced = [each for each in every if each.before is not None]
    lines = [f"added, {len(added)}: {', '.join(added) or 'none'}", f"replaced, {len(replaced)}:"]
    for each in replaced:
        because = "; ".join(each.wanted_by) or "newer, and wanted by none of these"
        lines.append(f"  {each.name} {each.before} by {each.after} ({because})")
    return lines
