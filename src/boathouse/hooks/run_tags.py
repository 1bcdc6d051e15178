"""The tags that every MLflow run and every model version carries: one closed list."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from boathouse import __version__
from boathouse.engines import get_engine
from boathouse.hooks.surroundings import read_surroundings, read_user

if TYPE_CHECKING:
    from boathouse.hooks.source_state import SourceState


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
        surroundings = read_surroundings()
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
            python_version=surroundings.python,
            libraries_digest=surroundings.libraries_digest,
            lock_digest=surroundings.lock_digest,
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
