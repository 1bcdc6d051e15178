"""The build context: what goes into an image, in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from boathouse.atomic_files import new_folder
from boathouse.errors import ImageError
from boathouse.namespaces import namespace_of
from boathouse.registry.versions import write_versions
from boathouse.scoring.files import ModelFiles

DOCKERFILE, SUMS = "Dockerfile", "SHA256SUMS"
_PORT = 8080
_COPY = re.compile(r"^COPY (?:--\S+ )*(.+) (\S+)$", re.MULTILINE)

_TEMPLATE = """\
# Serves {names}. Build: docker build -t {tag} .
# The base image can be pinned by digest: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:{python}-slim
FROM ${{PYTHON_IMAGE}}
ENV TZ=UTC DO_NOT_TRACK=1 MLFLOW_DISABLE_TELEMETRY=true PYTHONUNBUFFERED=1 BOATHOUSE_DATA=/data
WORKDIR /opt/boathouse
RUN useradd --uid 10001 --no-create-home boathouse && mkdir /data && chown boathouse /data
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps -r requirements.txt
COPY {wheel} ./
RUN pip install --no-cache-dir --no-deps {wheel}
COPY conf ./conf
COPY models ./models
USER 10001
VOLUME /data
EXPOSE {port}
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/ping', timeout=2)"]
ENTRYPOINT {entrypoint}
"""


@dataclass(frozen=True, kw_only=True)
class ImageParts:
    """What an image is made of.

    Attributes:
        environment: Environment whose endpoints it serves.
        versions: Files of each ``(registered name, version)``.
        aliases: For each registered name the version at each alias.
        decisions: What the ledger decided on each ``(registered name, version)``, in plain values.
        requirements: Pinned, ``package==version``.
        python: Version of Python, ``3.11``.
    """

    environment: str
    versions: Mapping[tuple[str, str], ModelFiles]
    aliases: Mapping[str, Mapping[str, str]]
    decisions: Mapping[tuple[str, str], Mapping[str, Any]]
    requirements: Sequence[str]
    python: str


def write_context(
    parts: ImageParts,
    folder: Path,
    *,
    build_wheel: Callable[[Path], object],
    copy_conf: Callable[[Path], None],
    overwrite: bool = False,
) -> Path:
    """Write the build context; the folder is there afterwards as a whole or as before.

    Args:
        parts: What goes into it.
        folder: Where to.
        build_wheel: Puts the package's wheel into a folder.
        copy_conf: Writes the configuration, without secrets, as a folder.
        overwrite: Whether an earlier context may be replaced.

    Raises:
        ImageError: If the folder is there.
    """
    if folder.exists() and not (overwrite and (folder / SUMS).is_file()):
        raise ImageError.folder_exists(folder.as_posix())
    with new_folder(folder, replace=overwrite) as unfinished:
        build_wheel(unfinished)
        copy_conf(unfinished / "conf")
        write_versions(unfinished / "models", parts.versions, parts.aliases, parts.decisions)
        (unfinished / "requirements.txt").write_text("\n".join([*parts.requirements, ""]), encoding="utf-8")
        (unfinished / DOCKERFILE).write_text(_render(parts, next(unfinished.glob("*.whl")).name), encoding="utf-8")
        (unfinished / ".dockerignore").write_text(f"{DOCKERFILE}\n{SUMS}\n", encoding="utf-8")
        (unfinished / SUMS).write_text(_sum_up(unfinished), encoding="utf-8")
    return folder


def check_context(folder: Path) -> None:
    """Check what can be checked without a container engine: every file is as written, every COPY has its source.

    Raises:
        ImageError: Listing what is wrong.
    """
    problems = [f"{name} is missing" for name in (DOCKERFILE, SUMS) if not (folder / name).is_file()]
    if not problems:
        written = (folder / SUMS).read_text(encoding="utf-8")
        now = _sum_up(folder)
        problems += [
            f"{line.split('  ')[1]} was changed or removed" for line in written.splitlines() if line not in now
        ]
        text = (folder / DOCKERFILE).read_text(encoding="utf-8")
        sources = [source for sources, _ in _COPY.findall(text) for source in sources.split()]
        problems += [f"COPY {source} has no source" for source in sources if not (folder / source).exists()]
    if problems:
        raise ImageError.broken_context(folder.as_posix(), problems)


def read_entrypoint(folder: Path) -> list[str]:
    """Return the command that the image runs."""
    text = (folder / DOCKERFILE).read_text(encoding="utf-8")
    found: list[str] = json.loads(text.rsplit("ENTRYPOINT ", 1)[1])
    return found


def _render(parts: ImageParts, wheel: str) -> str:
    command = ["boathouse", "serve", "--env", parts.environment, "--conf-source", "conf", "--models", "models"]
    own = namespace_of(parts.environment)
    command += ["--catalog", own.catalog] if own.catalog != parts.environment else []
    command += ["--schema-prefix", own.schema_prefix] if own.schema_prefix else []
    names = [f"{name} version {version}" for name, version in parts.versions]
    model, version = next(iter(parts.versions))
    return _TEMPLATE.format(
        names=", ".join(names),
        tag=f"{model.rsplit('.', 1)[-1].replace('_', '-')}:{version}",
        python=parts.python,
        wheel=wheel,
        port=_PORT,
        entrypoint=json.dumps([*command, "--host", "0.0.0.0", "--port", str(_PORT)]),  # noqa: S104 - inside a container
    )


def _sum_up(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}" for path in files
    ]
    return "\n".join([*lines, ""])


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
