"""What is on record about one model version. None, or an empty collection, means: not recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from boathouse.scoring.feature_spec import ViewSpec


@dataclass(frozen=True, kw_only=True)
class CodeFacts:
    """The code that trained the version.

    Attributes:
        commit: Full hash of the commit.
        branch: Branch, or ``(detached)``.
        dirty: ``true`` if files differed from the commit, else ``false``.
        difference: SHA-256 of the difference; ``none`` if there was none.
        package_version: Version of this package.
    """

    commit: str | None = None
    branch: str | None = None
    dirty: str | None = None
    difference: str | None = None
    package_version: str | None = None


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """What the version was trained in.

    Attributes:
        python: Version of the interpreter.
        system: Operating system and release.
        machine: Kind of processor.
        engine: ``sail``, ``spark`` or ``databricks``.
        engine_version: Its version.
        lock_digest: SHA-256 of ``requirements.lock``.
        libraries_digest: SHA-256 of all installed libraries.
        libraries: Version of each installed library by name.
    """

    python: str | None = None
    system: str | None = None
    machine: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    lock_digest: str | None = None
    libraries_digest: str | None = None
    libraries: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ServingFact:
    """An endpoint that has loaded the version, and the runtime environment in which it did.

    Attributes:
        endpoint: Name of the endpoint.
        since: When it was first loaded there, UTC.
        by: Account that the server ran as.
        runtime_environment: Interpreter, system and libraries; an endpoint has no engine.
    """

    endpoint: str
    since: datetime
    by: str
    runtime_environment: RuntimeFacts


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """The run that trained the version.

    Attributes:
        run_id: Id in MLflow.
        run_by: Who ran it.
        environment: Environment it ran in.
        pipelines: Names of the pipelines, in the order given.
        job_run_id: Run of the workflow manager, ``none`` by hand.
        started_at: When it began, UTC.
        ended_at: When it ended, UTC.
        status: How it ended, in MLflow's words.
    """

    run_id: str | None = None
    run_by: str | None = None
    environment: str | None = None
    pipelines: tuple[str, ...] = ()
    job_run_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableFact:
    """One table or file that was read before the version was registered.

    Attributes:
        table: Three-level name; of a file, its name.
        version: Delta version; None for a file, which has none.
        rows: Rows read, None if unknown.
        updated_at: When that version was committed, ISO 8601 in UTC; None for a file or where it was not recorded.
        readable: Whether that version can still be read; None for a file or where it is unknown.
        problem: Why it cannot, else empty.
    """

    table: str
    version: int | None
    rows: int | None = None
    updated_at: str | None = None
    readable: bool | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class FeatureFact(ViewSpec):
    """One feature view, as the version was trained on it.

    Attributes:
        sources: Columns read from each table that holds sources, for what the version takes; None if not recorded.
        taken: Features of the view that the version takes, itself or computed on demand; None if not known.
        is_current: Whether the code at hand still defines the view like this.
    """

    sources: Mapping[str, tuple[str, ...]] | None = None
    taken: tuple[str, ...] | None = None
    is_current: bool = False


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """One file of the version or of its run.

    Attributes:
        path: Below ``model/`` or ``run/``.
        digest: SHA-256.
        size: Bytes.
    """

    path: str
    digest: str
    size: int


@dataclass(frozen=True, kw_only=True)
class ModelVersionFacts:
    """Everything on record about a version, except what was decided about it.

    Beyond the registry's ``ModelVersionEntry`` it has what the run recorded: code, runtime environment, tables read,
    features, parameters and metrics.

    Attributes:
        name: Registered name.
        version: Version as text.
        stage: The tag ``stage``.
        aliases: Aliases that point to it.
        registered_at: When it was registered, UTC.
        algorithm: Name of the estimator.
        training_window: First and last date of the training rows, ``first/last``.
        model_digest: SHA-256 that identifies its files.
        source: ``name/version`` that it is a copy of, else empty.
        tags: All tags.
        code: The code.
        runtime_environment: What it was trained in.
        run: The run.
        tables: Tables read.
        features: Feature views.
        parameters: Parameters of the run by dotted name.
        metrics: Metrics of the run by name.
        artefacts: Files; empty unless asked for.
    """

    name: str
    version: str
    stage: str | None
    aliases: tuple[str, ...]
    registered_at: datetime
    algorithm: str | None
    training_window: str | None
    model_digest: str | None
    source: str = ""
    tags: Mapping[str, str]
    code: CodeFacts
    runtime_environment: RuntimeFacts
    run: RunFacts
    tables: tuple[TableFact, ...]
    features: tuple[FeatureFact, ...]
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    artefacts: tuple[Artefact, ...] = ()

    @property
    def title(self) -> str:
        """Name and version, for messages."""
        return f"{self.name} version {self.version}"


# Where nothing is a fact, not a gap.
_MAY_BE_EMPTY = frozenset({"aliases", "source", "artefacts", "problem"})


def find_gaps(facts: ModelVersionFacts) -> list[str]:
    """Return the dotted names of what was not recorded, in the order of the facts."""
    return [*_gaps_in(facts, ""), *(f"features.{each.name}.sources" for each in facts.features if not each.sources)]


def _gaps_in(value: object, prefix: str) -> list[str]:
    found = []
    for field in fields(value):  # type: ignore[arg-type]
        content = getattr(value, field.name)
        if is_dataclass(content):
            found += _gaps_in(content, f"{prefix}{field.name}.")
        elif field.name not in _MAY_BE_EMPTY and (content is None or content in ((), {})):
            found.append(f"{prefix}{field.name}")
    return found


def to_plain(value: Any) -> Any:  # noqa: ANN401 - any facts
    """Return facts as values that JSON can hold; times as ISO text in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested ``values`` by dotted name; a list is one value."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flatten(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
