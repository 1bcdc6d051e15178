"""What has to be installed for a distribution, pinned to what is installed here."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from boathouse.core.errors import ImageError

# For training on several GPUs at once; xgboost imports and scores without it.
_LEFT_OUT = frozenset({"nvidia-nccl-cu12"})


def pin_requirements(name: str, extras: frozenset[str]) -> list[str]:
    """Return ``package==version`` of everything that ``name`` with ``extras`` needs, itself left out, sorted.

    Raises:
        ImageError: If something of it is not installed here.
    """
    found: dict[str, str] = {}
    missing: set[str] = set()
    waiting = [(name, extras)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            installed = distribution(wanted[0])
        except PackageNotFoundError:
            missing.add(wanted[0])
            continue
        found[canonicalize_name(installed.metadata["Name"])] = installed.version
        waiting += _needs(installed.requires or [], wanted[1])
    if missing:
        raise ImageError.not_installed(missing)
    return sorted(f"{each}=={version}" for each, version in found.items() if each != canonicalize_name(name))


def _needs(requires: list[str], extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """Return names and extras of the requirements that apply here."""
    parsed = [Requirement(each) for each in requires]
    return [
        (canonicalize_name(each.name), frozenset(each.extras))
        for each in parsed
        if canonicalize_name(each.name) not in _LEFT_OUT
        and (each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (extras or {""})))
    ]
