"""The Python packages that the platform's environments have, as its release notes list them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from boathouse.errors import ConfigError

# Beside this module: NAME.txt holds a set, constraints-NAME.txt what an exact installation there has.
_FOLDER = "published"
CONSTRAINTS = "constraints-"
# The set of the jobs in resources/, and what it is called for short: the platform's environment version.
DEFAULT_SET = "serverless-5"
_HEADER = re.compile(r"^# (?P<name>[A-Z][a-z]+): (?P<value>.+)$")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """The packages of one environment of the platform.

    Attributes:
        name: ``serverless-5``, ``dbr-17.3-ml``.
        title: The platform's name of it.
        python: Its Python, major and minor version.
        source: Where the list is from.
        date: When it was taken, ``YYYY-MM-DD``.
        versions: Version of each package by its name in the index's form, lower case with hyphens.
    """

    name: str
    title: str
    python: str
    source: str
    date: str
    versions: Mapping[str, str]


def list_sets() -> tuple[str, ...]:
    """Return the names of all sets, sorted."""
    names = [each.name for each in files(__package__).joinpath(_FOLDER).iterdir()]
    return tuple(sorted(name.removesuffix(".txt") for name in names if not name.startswith(CONSTRAINTS)))


def find_set(name: str) -> str:
    """Return the name of the set that ``name`` means: ``5`` is serverless environment version 5.

    Raises:
        ConfigError: If there is none.
    """
    known = list_sets()
    wanted = f"serverless-{name}" if name.isdigit() else name
    if wanted not in known:
        message = f"No set of packages is known of the environment '{name}'. There are: {', '.join(known)}."
        raise ConfigError(message)
    return wanted


@cache
def read_set(name: str) -> PublishedSet:
    """Return the set ``name``.

    Raises:
        ConfigError: If there is none.
    """
    lines = _read(f"{find_set(name)}.txt").splitlines()
    heads = {found["name"]: found["value"] for line in lines if (found := _HEADER.match(line))}
    return PublishedSet(
        name=find_set(name),
        title=lines[0].removeprefix("# ").partition(":")[0],
        python=heads["Python"],
        source=heads["Source"],
        date=heads["Date"],
        versions=read_pins(lines),
    )


def read_constraints(name: str) -> str:
    """Return the constraints of an exact installation in the environment ``name``: a file for pip's ``--constraint``.

    Raises:
        ConfigError: If there is no such environment.
    """
    return _read(f"{CONSTRAINTS}{find_set(name)}.txt")


def read_pins(lines: list[str]) -> dict[str, str]:
    """Return the version of each ``name==version`` line, by canonical name."""
    pairs = (line.partition("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonical(name): version.partition(" ")[0].strip() for name, _, version in pairs}


def canonical(name: str) -> str:
    """Return the name of a package as indexes compare it: lower case, with single hyphens (PEP 503)."""
    return _SEPARATORS.sub("-", name.strip()).lower()


def _read(name: str) -> str:
    return files(__package__).joinpath(_FOLDER, name).read_text(encoding="utf-8")
