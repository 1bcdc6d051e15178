"""Which environments the configuration has."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from boathouse.core.errors import ConfigError

BASE = "base"
DEFAULT = "dev"


def list_environments(conf_source: Path) -> tuple[str, ...]:
    """Return the names of the environments in a conf folder, ``.tar.gz`` or ``.zip``, sorted; without base.

    Raises:
        ConfigError: If there is no configuration at ``conf_source``.
    """
    if conf_source.is_dir():
        names = {path.parent.name for path in conf_source.glob("*/*")}
    elif conf_source.is_file():
        # Archives hold one folder, in it one folder an environment.
        names = {parts[1] for name in _list_archive(conf_source) if len(parts := Path(name).parts) > 2}
    else:
        names = set()
    if BASE not in names:
        message = (
            f"No configuration at {conf_source}: expected a folder 'base' and one folder an environment. "
            "Run inside the project, or name the configuration with --conf-source."
        )
        raise ConfigError(message)
    return tuple(sorted(name for name in names - {BASE} if not name.startswith(".")))


def _list_archive(path: Path) -> list[str]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    with tarfile.open(path) as archive:
        return archive.getnames()


def require_environment(name: str, conf_source: Path) -> None:
    """Check that ``conf_source`` has the environment.

    Raises:
        ConfigError: If not; lists those that exist.
    """
    known = list_environments(conf_source)
    if name not in known and name != BASE:
        message = f"Unknown environment '{name}'. {conf_source} has: {', '.join(known)}."
        raise ConfigError(message)
