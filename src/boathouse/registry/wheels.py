"""The wheel of this package that the environment of a stored model installs: beside the model, or on a volume."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import ConfigError, UntrustedModelError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

CARRIED, NONE = "carried", "none"
# Where MLflow's own models with libraries have them; a line of requirements.txt names a wheel from the model's folder.
FOLDER = "wheels"
WHEEL_TAG = "wheel"
PACKAGE = "boathouse"
# As the parts of a wheel's name may be: PEP 427, with the local part of a version.
_NAME = re.compile(PACKAGE + r"-[0-9A-Za-z.+_]+-[0-9a-z.]+-[0-9a-z]+-[0-9a-z_]+\.whl")
_TAGGED = re.compile(r"(?P<path>\S+\.whl)@sha256:(?P<digest>[0-9a-f]{64})")
# What an installer writes beside what the wheel held.
_INSTALLERS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
# A zip knows no time before; the same files give the same wheel.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_VERSION_LINE = re.compile(rb'^__version__ = ".*"$', re.MULTILINE)
# Files that a build adds to the package.
_STAMPED = frozenset({f"{PACKAGE}/release.json"})


@dataclass(frozen=True, kw_only=True)
class ModelWheel:
    """What the environment of a model installs this package from.

    Attributes:
        requirement: The line of its requirements, a path; empty if none is named.
        name: Name of the wheel; empty if none is named.
        content: The wheel, if it lies beside the model.
        digest: SHA-256 of the wheel; empty if none is named.
        reason: Why none is named, and what to do.
    """

    requirement: str = ""
    name: str = ""
    content: bytes | None = None
    digest: str = ""
    reason: str = ""

    @property
    def tag(self) -> str:
        """The tag of the version: the path with the digest, or ``none`` with the reason."""
        return f"{self.requirement}@sha256:{self.digest}" if self.requirement else f"{NONE}: {self.reason}"


def check_option(option: str) -> None:
    """Check how conf wants a model to name its wheel.

    Raises:
        ConfigError: If it is neither ``carried`` nor ``none`` nor an absolute path.
    """
    if option not in {CARRIED, NONE} and not option.startswith("/"):
        message = (
            f"wheel: {option!r} of a model; expected {CARRIED} (beside the model), {NONE}, or the absolute path of a "
            "folder that endpoints can read, such as /Volumes/prod/models/wheels."
        )
        raise ConfigError(message)


def choose_wheel(option: str, package: Path | None = None) -> ModelWheel:
    """Return the wheel that a model saved by this process names.

    Args:
        option: ``carried``, ``none``, or a folder: the wheel is put there if it is not there yet.
        package: Folder of the code; that of this package by default.

    Raises:
        ConfigError: If the option is none of these, or the folder is not there.
    """
    check_option(option)
    if option == NONE:
        return ModelWheel(reason="conf says so (model_wheel in globals.yml)")
    found = find_wheel(package or Path(__file__).parents[1])
    if isinstance(found, str):
        return ModelWheel(reason=found)
    name, content = found
    if option == CARRIED:
        digest = hashlib.sha256(content).hexdigest()
        return ModelWheel(requirement=f"{FOLDER}/{name}", name=name, content=content, digest=digest)
    kept = _keep_in(Path(option), name, content)
    return ModelWheel(requirement=f"{option.rstrip('/')}/{name}", name=name, digest=hashlib.sha256(kept).hexdigest())


def _keep_in(folder: Path, name: str, content: bytes) -> bytes:
    """Return what the file ``name`` of a folder for wheels holds; it is written if it is not there."""
    if not folder.is_dir():
        message = (
            f"wheel: {folder.as_posix()}, where models name their wheel, is no folder here. Create the volume, or set "
            f"model_wheel: {CARRIED} in globals.yml."
        )
        raise ConfigError(message)
    path = folder / name
    if not path.is_file():
        path.write_bytes(content)
    return path.read_bytes()


def find_wheel(package: Path) -> tuple[str, bytes] | str:
    """Return name and content of a wheel with exactly the code of ``package``, or why there is none.

    An installed package is packed again from its files, which have to be as they were installed. A checkout has the
    wheel that ``boathouse package`` built of these very files into ``dist``.
    """
    installed = next((each for each in distributions(path=[package.parent.as_posix()]) if _has(each, package)), None)
    if installed is not None:
        return pack_installed(installed)
    for path in sorted((package.parents[1] / "dist").glob(f"{PACKAGE}-*.whl")):
        if _NAME.fullmatch(path.name) and has_code_of(path, package):
            return path.name, path.read_bytes()
    return "trained from a checkout without a wheel of this code in dist; to have one, boathouse package, then train"


def _has(installed: Distribution, package: Path) -> bool:
    return any(file.parts[0] == package.name and file.hash is not None for file in installed.files or ())


def pack_installed(installed: Distribution) -> tuple[str, bytes] | str:
    """Return name and content of the wheel that a package was installed from, made again from its files.

    The files are the same, in the same places; the archive need not be the same byte by byte. The same installation
    gives the same archive.
    """
    files: dict[str, bytes] = {}
    for file in installed.files or ():
        inside = file.parts[0] == PACKAGE or (len(file.parts) > 1 and file.parts[0].endswith(".dist-info"))
        if file.hash is None or not inside or (file.parts[0] != PACKAGE and file.name in _INSTALLERS):
            continue
        path = Path(str(file.locate()))
        content = path.read_bytes() if path.is_file() else b""
        if _digest(content) != file.hash.value:
            return f"{file.as_posix()} is not as it was installed; install the wheel again, then train"
        files[file.as_posix()] = content
    (information,) = {name.split("/")[0] for name in files if name.endswith(".dist-info/METADATA")}
    record = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in sorted(files.items())]
    files[f"{information}/RECORD"] = "\n".join([*record, f"{information}/RECORD,,", ""]).encode()
    tags = re.findall(r"^Tag: (\S+)$", files[f"{information}/WHEEL"].decode(), re.MULTILINE)
    return f"{PACKAGE}-{installed.version}-{tags[0]}.whl", _zip(files)


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # Installers like the metadata last.
        for name in sorted(files, key=lambda each: (".dist-info/" in each, each)):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def has_code_of(wheel: Path, package: Path) -> bool:
    """Return whether ``wheel`` holds exactly the files of the package at ``package``, but for what a build stamps."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            held = {name: archive.read(name) for name in archive.namelist() if name.startswith(f"{PACKAGE}/")}
    except (zipfile.BadZipFile, OSError):
        return False
    here = {path.relative_to(package.parent).as_posix(): path for path in package.rglob("*") if _is_code(path, package)}
    if held.keys() - _STAMPED != here.keys():
        return False
    return all(_without_version(held[name]) == _without_version(path.read_bytes()) for name, path in here.items())


def _is_code(path: Path, package: Path) -> bool:
    """Return whether a file belongs to the package: not what Python or an editor leaves there."""
    parts = path.relative_to(package).parts
    return path.is_file() and "__pycache__" not in parts and not any(part.startswith(".") for part in parts)


def _without_version(content: bytes) -> bytes:
    return _VERSION_LINE.sub(b"", content)


def _digest(content: bytes) -> str:
    """Return the SHA-256 as installers write it: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def list_foreign_wheels(folder: Path) -> list[str]:
    """Return what stands in the folder for wheels of the model at ``folder`` and is not one wheel of this package."""
    wheels = folder / FOLDER
    if not wheels.exists() and not wheels.is_symlink():
        return []
    if not wheels.is_dir() or wheels.is_symlink():
        return [FOLDER]
    found = sorted(wheels.iterdir())
    odd = [path for path in found if path.is_symlink() or not path.is_file() or not _NAME.fullmatch(path.name)]
    return [f"{FOLDER}/{path.name}" for path in (odd or found[1:])]


def check_carried(folder: Path, tags: Mapping[str, str], name: str) -> None:
    """Check that the wheel beside a model is the one that was registered with it; nothing of it is run.

    Raises:
        UntrustedModelError: If it is another, is missing, or none was registered. A version of before has no such tag
            and no wheel.
    """
    found = sorted((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else []
    tagged = _TAGGED.fullmatch(tags.get(WHEEL_TAG, ""))
    expected = tagged.groupdict() if tagged and tagged["path"].startswith(f"{FOLDER}/") else None
    here = {f"{FOLDER}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    if here != ({expected["path"]: expected["digest"]} if expected else {}):
        raise UntrustedModelError.other_wheel(name, tags.get(WHEEL_TAG), here)
