"""Where the results of a run come from: source code, runtime environment, and the tags that say so.

Source code is read from git, or from the environment of a deployment. The tags are one closed list, carried by every
MLflow run and every model version.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from boathouse.errors import IdentityError, OptionError
from boathouse.hooks.release_record import (
    JOB_RUN_VARIABLE,
    counts_as_code,
    find_changed_files,
    name_version,
    read_release,
    release_tags,
)
from boathouse.lifecycle.evidence import NO_DIFFERENCE, UNKNOWN, SourceState
from boathouse.lifecycle.identity import read_identity
from boathouse.lifecycle.policy import mark_declared
from boathouse.lineage.git_files import ask_git, find_differences
from boathouse.tables.engines import get_engine

LOCK_FILE = "requirements.lock"
# What decides what a run does, in the root of a checkout. Reports, tables and notes beside it change no run.
_RUNS = ("src", "conf", "pyproject.toml", "requirements.lock")
# Where installers put packages.
_INSTALLED = ("site-packages", "dist-packages")


def read_source_state(package: Path | None = None) -> SourceState:
    """Return the state of the checkout that ``package`` (default: this package) runs from.

    Only what decides what runs counts as a change: ``src``, ``conf``, ``pyproject.toml`` and ``requirements.lock``.
    The files of the package are compared with those of the commit one by one: what git was told to pass over, or
    belongs to another project's repository, is a change too.

    An installed wheel has no checkout, even if it is run inside one: it says its commit itself, and its files are
    compared with what was installed. A wheel built without a record of its release takes
    ``BOATHOUSE_GIT_COMMIT``, ``BOATHOUSE_GIT_BRANCH`` and ``BOATHOUSE_GIT_TAG``, which a deployment may set.
    """
    code = package or Path(__file__).parents[1]
    root = find_checkout(code)
    report = None if root is None else ask_git(root, "status", "--porcelain=v2", "--branch", "--", *_RUNS)
    if root is None or report is None:
        return _read_wheel(code) if code.parent.name in _INSTALLED else _read_environment()
    tags = list_tags(root)
    state = parse_git_status(report.decode(errors="replace"))
    hidden = find_differences(root, code.relative_to(root).as_posix(), counts_as_code)
    changed = tuple(sorted({*(name for name in state.changed if counts_as_code(Path(name))), *hidden}))
    state = replace(state, tag=tags[0] if tags else UNKNOWN, changed=changed, dirty=str(bool(changed)).lower())
    return replace(state, difference=NO_DIFFERENCE if not changed else _digest_difference(root, hidden))


def list_tags(root: Path) -> list[str]:
    """Return the tags of the commit that is checked out in ``root``: those of this version first, then the newest."""
    found = (ask_git(root, "tag", "--points-at", "HEAD", "--sort=-creatordate") or b"").decode().split()
    return sorted(found, key=lambda each: each not in release_tags())


def find_checkout(code: Path | None = None) -> Path | None:
    """Return the checkout that the package at ``code`` (default: this package) runs from; None if there is none."""
    root = (code or Path(__file__).parents[1]).parents[1]
    return root if (root / ".git").exists() else None


def _read_wheel(code: Path) -> SourceState:
    """Return the state of an installed package."""
    changed = find_changed_files(code)
    release = read_release(code)
    state = _read_environment()
    if release is not None:
        state = SourceState(
            commit=release.commit,
            branch=release.branch,
            tag=release.tag,
            dirty=release.dirty,
            difference=release.difference,
        )
    if changed:
        digest = hashlib.sha256(b"".join(name.encode() + _digest_file(code.parent / name) for name in changed))
        state = replace(state, dirty="true", difference=digest.hexdigest(), changed=changed)
    return replace(state, is_wheel=True)


def parse_git_status(report: str) -> SourceState:
    """Return the state in the output of ``git status --porcelain=v2 --branch``.

    Headers start with ``#``; every other line is a file that differs from the commit.
    """
    lines = report.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    changed = tuple(_name_file(line) for line in lines if not line.startswith("#"))
    return SourceState(
        commit=heads.get("branch.oid", UNKNOWN),
        branch=heads.get("branch.head", UNKNOWN),
        dirty=str(bool(changed)).lower(),
        changed=changed,
    )


def _name_file(line: str) -> str:
    """Return the path in a line of the report; its kind says how many fields come before."""
    fields = {"1": 8, "2": 9, "u": 10}.get(line[:1], 1)
    return line.split(" ", fields)[-1].partition("\t")[0]


def _digest_difference(root: Path, hidden: Sequence[str]) -> str:
    """Return the digest of the change of known files and of the content of unknown and ``hidden`` ones."""
    changed = ask_git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--", *_RUNS)
    others = ask_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *_RUNS)
    if changed is None or others is None:
        return UNKNOWN
    digest = hashlib.sha256(changed)
    for name in sorted({*filter(None, others.split(b"\0")), *map(os.fsencode, hidden)}):
        digest.update(name + b"\0" + _digest_file(root / os.fsdecode(name)))
    return digest.hexdigest()


def _digest_file(path: Path) -> bytes:
    """Return the digest of a file's content; nothing for what is no file or is gone by now."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""


def _read_environment() -> SourceState:
    return SourceState(
        commit=os.environ.get("BOATHOUSE_GIT_COMMIT") or UNKNOWN,
        branch=os.environ.get("BOATHOUSE_GIT_BRANCH") or UNKNOWN,
        tag=os.environ.get("BOATHOUSE_GIT_TAG") or UNKNOWN,
    )


@dataclass(frozen=True, kw_only=True)
class RuntimeEnvironment:
    """Everything beside code, data and parameters that results can depend on.

    Attributes:
        python: Version of the interpreter.
        system: Operating system and its release.
        machine: Kind of processor; sums of floats can differ between kinds.
        libraries: Version of each installed library by its name in lower case.
        lock_digest: SHA-256 of the lock file of the checkout, or of the one that the wheel was built beside; unknown
            where there was none.
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
        lock_digest=_find_lock_digest(Path(__file__).parents[1]),
    )


def _find_lock_digest(package: Path) -> str:
    """Return the digest of the checkout's lock file, or of the one that a wheel was built beside."""
    release = read_release(package)
    return digest_lock(package.parents[1]) if release is None else release.lock_digest


def digest_lock(root: Path) -> str:
    """Return the SHA-256 of the lock file in ``root``, or ``unknown`` if there is none."""
    path = root / LOCK_FILE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else UNKNOWN


def read_user() -> str:
    """Return who runs this, with a mark if the name is only declared; ``unknown`` if the platform does not say."""
    try:
        identity = read_identity()
    except IdentityError:
        return UNKNOWN
    return mark_declared(identity.name, identity.assurance)


@dataclass(frozen=True, kw_only=True)
class RunTags:
    """Where a run's results come from.

    Attributes:
        git_sha: Commit of the code.
        branch: Branch of the code.
        git_dirty: Whether the code differed from the commit: true, false or unknown.
        git_difference: SHA-256 of that difference; none or unknown.
        environment: ``dev``, ``staging``, ``prod`` or another layer of conf.
        pipeline: Names of the pipelines run, comma-separated.
        engine: ``sail``, ``spark`` or ``databricks``.
        engine_version: Version of the engine's packages or of the Databricks runtime.
        job_run_id: Run of the workflow manager: ``BOATHOUSE_JOB_RUN_ID``, else what Databricks says; ``none`` by hand.
        boathouse_version: Version of this package, with the local part of a commit that is not released.
        python_version: Version of the interpreter.
        libraries_digest: SHA-256 of all installed libraries with their versions.
        lock_digest: SHA-256 of ``requirements.lock`` of the checkout, or of the one that the wheel was built beside.
        run_by: Who ran it: whom the platform names, else the account, or a name declared and so marked.
    """

    git_sha: str
    branch: str
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

    def __post_init__(self) -> None:
        """Check that every tag says something; what is not known is ``unknown``."""
        for name, value in asdict(self).items():
            if not isinstance(value, str) or not value:
                raise OptionError.out_of_range(name, value, "a text; 'unknown' where it is not known")

    @classmethod
    def collect(
        cls, source: SourceState, *, environment: str, pipeline: str, engine: str, job_run_id: str | None = None
    ) -> RunTags:
        """Return the tags of the run going on in this process.

        Args:
            source: The code.
            environment: Name of the environment.
            pipeline: Names of the pipelines, comma-separated.
            engine: Engine of the tables.
            job_run_id: Run of a job that the platform gave, if it did; a variable of the deployment goes before it.
        """
        runtime_environment = read_runtime_environment()
        return cls(
            git_sha=source.commit,
            branch=source.branch,
            git_dirty=source.dirty,
            git_difference=source.difference,
            environment=environment,
            pipeline=pipeline,
            engine=engine,
            engine_version=get_engine(engine).version(),
            job_run_id=os.environ.get(JOB_RUN_VARIABLE) or job_run_id or "none",
            boathouse_version=name_version(source),
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
            "mlflow.source.git.commit": self.git_sha,
            "mlflow.source.git.branch": self.branch,
            # MLflow takes it from LOGNAME, which anybody can set.
            "mlflow.user": self.run_by,
        }
