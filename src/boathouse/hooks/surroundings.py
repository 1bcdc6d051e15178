"""What a run ran in: Python, machine, libraries, and for whom."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

UNKNOWN = "unknown"
LOCK_FILE = "requirements.lock"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Everything beside code, data and parameters that results can depend on.

    Attributes:
        python: Version of the interpreter.
        system: Operating system and its release.
        machine: Kind of processor; sums of floats can differ between kinds.
        libraries: Version of each installed library by its name in lower case.
        lock_digest: SHA-256 of the checkout's lock file; unknown where there is none.
    """

    python: str
    system: str
    machine: str
    libraries: Mapping[str, str]
    lock_digest: str

    @property
    def libraries_digest(self) -> str:
        """SHA-256 of all names and versions: equal only if every library is."""
        return hashlib.sha256(json.dumps(self.libraries, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``surroundings.json``."""
        return asdict(self)


@cache
def read_surroundings() -> Surroundings:
    """Return what this process runs in; read once, since a process cannot change it."""
    return Surroundings(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        libraries=dict(sorted((each.name.lower(), each.version) for each in distributions() if each.name)),
        lock_digest=digest_lock(Path(__file__).parents[3]),
    )


def digest_lock(root: Path) -> str:
    """Return the SHA-256 of the lock file in ``root``, or ``unknown`` if there is none."""
    path = root / LOCK_FILE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else UNKNOWN


def read_user() -> str:
    """Return the system user, or ``unknown`` where the system has no name for it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return UNKNOWN
