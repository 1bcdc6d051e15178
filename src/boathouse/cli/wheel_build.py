"""The wheel of the project: built from a copy of the files that git knows, with a record of what it was built from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import ConfigError, ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.hooks.release_record import ReleaseRecord

PACKAGE = "boathouse"
_PACKAGE_FOLDER = Path("src", PACKAGE)
# Beside the package: what builds it, and what its metadata hold.
_BESIDE = ("pyproject.toml", "README.md", "LICENSE")
_VERSION_LINE = re.compile(r'^__version__ = ".*"$', re.MULTILINE)
_SHOWN = 8


def build_wheel(root: Path, out: Path) -> Path:
    """Build the wheel of the project at ``root`` into ``out``, and return it; needs no network.

    The tools of this environment build it, from a copy of the files that git knows: nothing that lies about travels,
    and what an earlier build has left does not either. The wheel says of itself what it was built from. Two builds of
    a clean commit have the same bytes.

    Raises:
        ConfigError: If the build fails, with the last lines of what it said; or if the wheel holds other files.
        ReleaseError: If a file of the package is not in git, or a tag names another version.
    """
    from boathouse.hooks.releases import describe_release

    sources = list_sources(root)
    release = describe_release(root, sources)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in sources:
            _copy(root / name, copy / name)
        stamp(copy, release)
        _run_builder(copy, out.absolute(), release)
    wheel = out / f"{PACKAGE}-{release.version}-py3-none-any.whl"
    check_contents(wheel, sources)
    return wheel


def list_sources(root: Path) -> list[Path]:
    """Return the files that a wheel of the project is built from, by their path below ``root``, sorted.

    In a checkout those that git knows and that are there; elsewhere all of the package's folder but what Python or an
    editor leaves in it.

    Raises:
        ReleaseError: If the package has a file that git does not know: the wheel would lack it.
    """
    from boathouse.hooks.provenance import find_checkout
    from boathouse.hooks.release_record import counts_as_code

    if find_checkout(root / _PACKAGE_FOLDER) is None:
        found = [path.relative_to(root) for path in (root / _PACKAGE_FOLDER).rglob("*") if path.is_file()]
    else:
        unknown = list_in_git(root, "--others", "--exclude-standard")
        forgotten = [name.as_posix() for name in unknown if counts_as_code(name.relative_to(_PACKAGE_FOLDER))]
        if forgotten:
            raise ReleaseError(_name_forgotten(forgotten))
        found = [name for name in list_in_git(root, "--cached") if (root / name).is_file()]
    beside = [Path(name) for name in _BESIDE if (root / name).is_file()]
    return sorted([*beside, *(name for name in found if counts_as_code(name.relative_to(_PACKAGE_FOLDER)))])


def list_in_git(root: Path, *options: str) -> list[Path]:
    """Return the files of the package that ``git ls-files`` with ``options`` lists, by their path below ``root``."""
    from boathouse.lineage.git_files import ask_git

    said = ask_git(root, "ls-files", "-z", *options, "--", _PACKAGE_FOLDER.as_posix())
    if said is None:
        message = f"git does not list the files of {root.as_posix()}, which is a checkout. Is git installed there?"
        raise ReleaseError(message)
    return [Path(os.fsdecode(name)) for name in said.split(b"\0") if name]


def _name_forgotten(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"{len(names)} file(s) of the package are not in git: {', '.join(names[:_SHOWN])}{more}. A wheel has the files "
        f"that git knows, so that it is the same wherever it is built; nothing was built. Add them (git add "
        f"{names[0]}), or remove them."
    )


def _copy(source: Path, target: Path) -> None:
    """Copy a file with the mode that git gives it: that of the checkout depends on the machine."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def stamp(copy: Path, release: ReleaseRecord) -> None:
    """Write into a copy of the project what its wheel says of itself: its version and its record.

    Raises:
        ConfigError: If the package has no line with its version.
    """
    from boathouse.hooks.release_record import RELEASE_FILE

    path = copy / _PACKAGE_FOLDER / "__init__.py"
    text, count = _VERSION_LINE.subn(f'__version__ = "{release.version}"', path.read_text(encoding="utf-8"))
    if count != 1:
        message = f'{_PACKAGE_FOLDER / "__init__.py"} has {count} lines of the form __version__ = "…"; one is needed.'
        raise ConfigError(message)
    path.write_text(text, encoding="utf-8")
    record = copy / _PACKAGE_FOLDER / RELEASE_FILE
    record.write_text(release.to_json(), encoding="utf-8")
    record.chmod(0o644)


def _run_builder(copy: Path, out: Path, release: ReleaseRecord) -> None:
    from boathouse.hooks.releases import EPOCH_VARIABLE

    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    # Builders take the times of the files in the wheel from it.
    epoch = str(int(datetime.fromisoformat(release.built_at).timestamp()))
    done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
        [*command, "--wheel-dir", str(out), str(copy)],
        env={**os.environ, EPOCH_VARIABLE: epoch},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()[-60:])
        message = f"The wheel could not be built (pip exited with {done.returncode}): {said}"
        raise ConfigError(message)


def check_contents(wheel: Path, sources: Iterable[Path]) -> None:
    """Check that a wheel holds the package's files, its record and its metadata, and nothing else.

    Raises:
        ConfigError: If not; names what is missing and what is foreign.
    """
    from boathouse.hooks.release_record import RELEASE_FILE

    if not wheel.is_file():
        there = ", ".join(sorted(path.name for path in wheel.parent.glob(f"{PACKAGE}-*.whl"))) or "no wheel"
        message = (
            f"The build made no {wheel.name}; {wheel.parent} has {there}. Is the version in pyproject.toml dynamic?"
        )
        raise ConfigError(message)
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    held = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    expected = {name.relative_to("src").as_posix() for name in sources if name.is_relative_to(_PACKAGE_FOLDER)}
    expected.add(f"{PACKAGE}/{RELEASE_FILE}")
    missing, foreign = sorted(expected - held), sorted(held - expected)
    if missing or foreign:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(foreign)}"] * bool(foreign)
        message = (
            f"{wheel.name} {' and '.join(said)}; expected: the files of {_PACKAGE_FOLDER} that git knows. A folder of "
            "modules needs an __init__.py; other files need a line in [tool.setuptools.package-data] of pyproject.toml."
        )
        raise ConfigError(message)
