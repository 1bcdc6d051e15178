"""The tags that every MLflow run and every model version carries: one closed list."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse import __version__
from boathouse.tables.engines import get_engine

if TYPE_CHECKING:
    from boathouse.lifecycle.evidence import SourceState


UNKNOWN = "unknown"
LOCK_FILE = "requirements.lock"


@dataclass(frozen=True, kw_only=True)
class RuntimeEnvironment:
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
        """Return the content of ``runtime_environment.json``."""
        return asdict(self)


@cache
def read_runtime_environment() -> RuntimeEnvironment:
    """Return what this process runs in; read once, since a process cannot change it."""
    return RuntimeEnvironment(
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


@dataclass(frozen=True, kw_only=True)
class RunTags:
    """Where a run's results come from.

    Attributes:
        git_commit: Commit of the code.
        git_branch: Branch of the code.
        git_dirty: Whether the code differed from the commit: true, false or unknown.
        git_difference: SHA-256 of that difference; none or unknown.
        environment: ``dev``, ``staging``, ``prod`` or another layer of conf.
        pipeline: Names of the pipelines run, comma-separated.
        engine: ``sail``, ``spark`` or ``databricks``.
        engine_version: Version of the engine's packages or of the Databricks runtime.
        job_run_id: Run of the workflow manager, from ``BOATHOUSE_JOB_RUN_ID``; ``none`` by hand.
        boathouse_version: Version of this package.
        python_version: Version of the interpreter.
        libraries_digest: SHA-256 of all installed libraries with their versions.
        lock_digest: SHA-256 of the checkout's ``requirements.lock``; unknown for an installed wheel.
        run_by: Who ran it: the system user, or the one that the platform names.
    """

    git_commit: str
    git_branch: str
    git_dirty: str
    git_difference: str
    environment: str
    pipeline: str
    engine: str
    engine_version: str
    job_run_id: str
    boathouse_version: str
    python_version: str
    libraries_digest: str
    lock_digest: str
    run_by: str

    @classmethod
    def collect(cls, source: SourceState, *, environment: str, pipeline: str, engine: str) -> RunTags:
        """Return the tags of the run going on in this process."""
        runtime_environment = read_runtime_environment()
        return cls(
            git_commit=source.commit,
            git_branch=source.branch,
            git_dirty=source.dirty,
            git_difference=source.difference,
            environment=environment,
            pipeline=pipeline,
            engine=engine,
            engine_version=get_engine(engine).version(),
            job_run_id=os.environ.get("BOATHOUSE_JOB_RUN_ID", "none"),
            boathouse_version=__version__,
            python_version=runtime_environment.python,
            libraries_digest=runtime_environment.libraries_digest,
            lock_digest=runtime_environment.lock_digest,
            run_by=read_user(),
        )

    def to_dict(self) -> dict[str, str]:
        """Return tag names and values."""
        return asdict(self)

    def for_mlflow(self) -> dict[str, str]:
        """Return the tags with commit and branch under MLflow's own names too, which its UI shows."""
        return {
            **self.to_dict(),
            "mlflow.source.git.commit": self.git_commit,
            "mlflow.source.git.branch": self.git_branch,
        }
