"""The environment that a rehearsed task runs in: the wheel without extras beside what the platform brings."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from boathouse.atomic_files import folder_lock
from boathouse.errors import ConfigError

# The platform's Python, and the client that its tasks talk to Spark with; without that Python, Spark's own client.
PLATFORM_PYTHON = "3.12"
_CLIENT = {PLATFORM_PYTHON: "databricks-connect==17.3.4", "3.11": "pyspark[connect]==4.2.0"}
_SDK = "databricks-sdk"
_READY, _KEPT_S = "ready", 7 * 86_400
# What Spark's own modules need in the processes that it starts for functions: as new as here, where they run. Of
# protobuf the last release that the platform's packages can be used with.
_OF_SPARK = ("grpcio", "grpcio-status", "googleapis-common-protos")
_PROTOBUF = "protobuf<7"


def find_python() -> tuple[str, str]:
    """Return the interpreter that the environment is built with, and its version: 3.12 where it is installed."""
    versions = sorted((Path.home() / ".pyenv" / "versions").glob(f"{PLATFORM_PYTHON}.*/bin/python{PLATFORM_PYTHON}"))
    for path in filter(None, [shutil.which(f"python{PLATFORM_PYTHON}"), *map(str, versions)]):
        # A version manager has a program of that name for a Python that is not there.
        if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return path, PLATFORM_PYTHON
    return sys.executable, f"{sys.version_info.major}.{sys.version_info.minor}"


def cache_folder() -> Path:
    """Return where environments are kept for further rehearsals: ``XDG_CACHE_HOME``, else ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "boathouse" / "rehearsal"


def prepare(wheel: Path, constraints: Path | None, say: Callable[[str], object]) -> Path:
    """Return the interpreter of an environment that has what ``wheel`` requires without extras, and not the wheel.

    It is built once for each set of requirements and kept until it was not used for a week; rehearsals beside one
    another use the same.

    Raises:
        ConfigError: If a package cannot be installed; with the last lines of what pip said.
    """
    python, version = find_python()
    required = [_SDK, _CLIENT[version], *_read_requirements(wheel)]
    of_spark = [f"{name}=={metadata.version(name)}" for name in _OF_SPARK] + [_PROTOBUF]
    pins = constraints.read_text(encoding="utf-8") if constraints else ""
    digest = hashlib.sha256("\n".join([version, *required, *of_spark, pins]).encode()).hexdigest()[:16]
    folder = cache_folder() / f"{version}-{digest}"
    with folder_lock(folder.parent, purpose="build the environment of a rehearsal", patience_seconds=900):
        if not (folder / _READY).is_file():
            say(f"Building the environment of the tasks, Python {version}, once: {folder}")
            shutil.rmtree(folder, ignore_errors=True)
            _run([python, "-m", "venv", str(folder)])
            given = ["--constraint", str(constraints)] if constraints else []
            _install(folder / "bin" / "python", [*given, *required])
            _install(folder / "bin" / "python", ["--target", str(folder / "spark"), *of_spark])
        (folder / _READY).touch()
        _remove_unused(folder.parent)
    return folder / "bin" / "python"


def _remove_unused(cache: Path) -> None:
    """Remove what no rehearsal has used for a while, and what was left half built; called under the cache's lock."""
    for folder in cache.iterdir():
        ready = folder / _READY
        if not ready.is_file() or time.time() - ready.stat().st_mtime > _KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)


def list_worker_folders(python: Path, packages: Path) -> str:
    """Return the path of what Spark's processes import before the packages of the environment, for ``PYTHONPATH``.

    Args:
        python: Interpreter of the environment.
        packages: Folder in which the wheel is installed.
    """
    return os.pathsep.join([str(packages), str(python.parent.parent / "spark")])


def install_wheel(python: Path, wheel: Path, folder: Path) -> None:
    """Install ``wheel`` alone into ``folder``, which tasks have on their path: each rehearsal has its own.

    Raises:
        ConfigError: If it cannot be installed.
    """
    _install(python, ["--no-deps", "--target", str(folder), str(wheel)])


def _read_requirements(wheel: Path) -> list[str]:
    """Return what ``wheel`` requires without extras, sorted."""
    import zipfile
    from email.parser import Parser

    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        required = Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist") or []
    return sorted(each for each in required if "extra ==" not in each)


def _install(python: Path, words: list[str]) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    _run([str(python), "-m", "pip", "install", *options, *words])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no word comes from outside
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        message = f"The environment of the rehearsal could not be built ({' '.join(command[1:4])}):\n{said}"
        raise ConfigError(message)
