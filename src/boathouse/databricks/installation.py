"""What installing a wheel in an environment of the platform would add there, and what it would replace."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boathouse.databricks.published_sets import PublishedSet, canonical
from boathouse.errors import ConfigError

# How pip begins the list of requirements that no versions meet together.
_CONFLICT = "The conflict is caused by:"
# Words of pip's in an error of ours.
_WORDS = 80


@dataclass(frozen=True, kw_only=True)
class Change:
    """One package that an installation would bring.

    Attributes:
        name: Canonical name.
        before: Version that the environment has; None if it has none: then the package is added.
        after: Version that would be there.
        wanted_by: Requirements that the present version does not meet, as ``package: requirement``; empty if none of
            what is installed with it names one.
    """

    name: str
    before: str | None
    after: str
    wanted_by: tuple[str, ...] = ()


def plan_installation(published: PublishedSet, *wanted: str, constraints: Path | None = None) -> tuple[Change, ...]:
    """Return what pip would install for ``wanted`` where the packages of ``published`` are; nothing is installed.

    pip itself decides: it is shown an empty environment in which each package of the set is said to be installed. It
    asks its package index for what is missing.

    Args:
        published: The environment.
        wanted: Words for pip: the path of a wheel, requirements, or ``--requirement`` with a file.
        constraints: File for pip's ``--constraint``.

    Raises:
        ConfigError: If pip finds no set of versions that fits; with what it says.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        python = simulate_installed(root / "environment", published.versions)
        report = root / "report.json"
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--dry-run"]
        limits = [] if constraints is None else ["--constraint", str(constraints)]
        done = subprocess.run(  # noqa: S603 - what is asked for comes from this machine's user
            [*command, "--only-binary", ":all:", "--report", str(report), *limits, *wanted],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            # Which of them conflict is said apart from the error.
            said = " ".join((done.stdout.partition(_CONFLICT)[2] + done.stderr).split()[:_WORDS])
            message = (
                f"pip finds no versions with which {' '.join(wanted)} can be installed in {published.title}: {said}"
            )
            raise ConfigError(message)
        entries = json.loads(report.read_text(encoding="utf-8"))["install"]
    return compare(published.versions, [each["metadata"] for each in entries])


def simulate_installed(folder: Path, versions: Mapping[str, str]) -> Path:
    """Make an environment in which each package is said to be installed, without its files; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)  # noqa: S603
    (site,) = folder.glob("lib/python*/site-packages")
    for name, version in versions.items():
        place = site / f"{name.replace('-', '_')}-{version}.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        (place / "INSTALLER").write_text("platform\n", encoding="utf-8")
    return folder / "bin" / "python"


def compare(versions: Mapping[str, str], metadata: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    """Return the changes that installing packages with ``metadata``, as in a report of pip, means; by name."""
    found = {canonical(each["name"]): each for each in metadata}
    return tuple(
        Change(
            name=name,
            before=versions.get(name),
            after=str(each["version"]),
            wanted_by=tuple(find_wanting(name, versions[name], found.values())) if name in versions else (),
        )
        for name, each in sorted(found.items())
    )


def find_wanting(name: str, version: str, metadata: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the requirements that ``version`` of the package ``name`` does not meet, as ``package: requirement``."""
    from packaging.requirements import Requirement

    wanting = []
    for each in metadata:
        for text in each.get("requires_dist") or ():
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if canonical(requirement.name) == name and applies and version not in requirement.specifier:
                wanting.append(f"{each['name']}: {requirement.name}{requirement.specifier}")
    return sorted(wanting)
