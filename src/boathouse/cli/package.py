"""``boathouse package``: the wheel, and the configuration without what belongs to one machine or is secret."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import click

from boathouse.atomic_files import new_file
from boathouse.errors import ConfigError
from boathouse.hooks.release_record import RELEASE_FILE
from boathouse.hooks.releases import describe_release, is_private


@click.command(epilog="Example: boathouse package --out dist")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("dist"), help="Folder. Default: dist."
)
def package(out: Path) -> None:
    """Build the wheel and its configuration.

    Files of credentials and the folder local are left out of the configuration, and named. Run the
    result anywhere: boathouse run --conf-source conf-boathouse.tar.gz --data-dir FOLDER --env prod.
    """
    root = Path.cwd()
    if not (root / "pyproject.toml").is_file() or not (root / "conf").is_dir():
        message = f"{root} is not the project: it has no pyproject.toml or no conf. Change to the project's folder."
        raise click.ClickException(message)
    out.mkdir(parents=True, exist_ok=True)
    build_wheel(root, out)
    left_out = pack_conf(root / "conf", out / "conf-boathouse.tar.gz")
    for name in left_out:
        click.echo(f"Left out: conf/{name}")
    click.echo(f"Packaged in {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")


def build_wheel(root: Path, out: Path) -> None:
    """Build the wheel of the project at ``root`` with the tools of this environment; needs no network.

    Raises:
        ConfigError: If the build fails; with the last lines of what it said.
    """
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    # A copy: a build in place would put modules into the wheel that an earlier build has left behind.
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, copy)
        shutil.copytree(root / "src", Path(copy, "src"), ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        # The wheel says of itself what it was built from, and which configuration belongs to it.
        Path(copy, "src", "boathouse", RELEASE_FILE).write_text(describe_release(root).to_json(), encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            [*command, "--wheel-dir", str(out.absolute()), copy], capture_output=True, text=True, check=False
        )
    if done.returncode:
        said = " ".join(done.stderr.split()[-60:])
        message = f"The wheel could not be built (pip exited with {done.returncode}): {said}"
        raise ConfigError(message)


def pack_conf(conf: Path, archive: Path) -> list[str]:
    """Write ``conf`` to ``archive`` as Kedro reads it; return the files left out, relative to ``conf``.

    The archive replaces an older one only when it is whole.
    """
    files = sorted(path for path in conf.rglob("*") if path.is_file())
    left_out = [path for path in files if is_private(path.relative_to(conf))]
    with new_file(archive) as unfinished, tarfile.open(unfinished, "w:gz") as packed:
        for path in files:
            if path not in left_out:
                packed.add(path, arcname=f"conf/{path.relative_to(conf).as_posix()}", filter=_anonymous)
    return [path.relative_to(conf).as_posix() for path in left_out]


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return ``member`` without the name of the user who packed it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
