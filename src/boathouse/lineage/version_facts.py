"""What the registry, the run and the lakehouse know about one model version."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.errors import ModelError
from boathouse.features.lineage import describe_sources, list_taken, select_sources
from boathouse.lineage.facts import (
    Artefact,
    CodeFacts,
    FeatureFact,
    ModelVersionFacts,
    RunFacts,
    RuntimeFacts,
    TableFact,
    flatten,
)
from boathouse.registry.client import guard_store, open_client
from boathouse.registry.tags import read_tags
from boathouse.registry.versions import list_numbers
from boathouse.scoring.feature_spec import FEATURE_SPEC, FeatureSpec
from boathouse.scoring.files import SPEC
from boathouse.tables.location import TableLocation
from boathouse.tables.time_travel import find_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

    from boathouse.features.feature_view import FeatureView

# What the hooks write, and what they write where it is unknown.
_UNKNOWN = frozenset({"unknown", ""})
_TABLE_VERSIONS, _PARAMETERS = "table_versions.json", "parameters.json"
_RUNTIME_ENVIRONMENT, _FEATURE_LINEAGE = "runtime_environment.json", "feature_lineage.json"


def read_version(
    name: str, wanted: str, lakehouse: Mapping[str, str], *, views: Sequence[FeatureView], with_files: bool = False
) -> ModelVersionFacts:
    """Return everything on record about a version.

    Args:
        name: Registered name.
        wanted: Number of the version, or an alias.
        lakehouse: ``{engine, root}``: where to look whether the recorded tables can still be read.
        views: The declared feature views: what an older run did not write down of equal definitions.
        with_files: Whether to fetch the files of version and run, for their digests.

    Raises:
        ModelError: If there is no such version, or the store cannot be reached.
    """
    with guard_store(), tempfile.TemporaryDirectory() as folder:
        client = open_client()
        version = find_version(client, name, wanted)
        source = find_origin(client, version)
        files = _Files(version, source.run_id, Path(folder))
        run = _find_run(client, source.run_id)
        return _Reader(version, source, run, files, lakehouse, views).read(with_files=with_files)


def find_version(client: MlflowClient, name: str, wanted: str) -> ModelVersion:
    """Return the version with the number or the alias ``wanted``, its aliases filled in.

    Raises:
        ModelError: If there is none; names the versions and aliases that there are.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(name, wanted) if wanted.isdecimal() else _by_alias(client, name, wanted)
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        asked = f"version {wanted}" if wanted.isdecimal() else f"alias '{wanted}'"
        raise ModelError.no_version(name, asked, list_numbers(client, name)) from error


def _by_alias(client: MlflowClient, name: str, alias: str) -> ModelVersion:
    return client.get_model_version(name, str(client.get_model_version_by_alias(name, alias).version))


def find_origin(client: MlflowClient, version: ModelVersion) -> ModelVersion:
    """Return the version that ``version`` is, perhaps over several steps, a copy of; itself if it is none."""
    seen = {(version.name, str(version.version))}
    while source := (version.tags or {}).get("copied_from"):
        name, _, number = source.rpartition("/")
        following = (name, number)
        # A copy brings the tags of its source along, so that the first copy may name itself for a moment.
        if following in seen:
            break
        seen.add(following)
        version = find_version(client, *following)
    return version


def _find_run(client: MlflowClient, run_id: str | None) -> Run | None:
    """Return the run, or None if the version names none or it was deleted for good."""
    from mlflow.exceptions import MlflowException

    if not run_id:
        return None
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


@dataclass
class _Files:
    """The files of a version and of its run, fetched when first needed."""

    version: ModelVersion
    run_id: str | None
    folder: Path

    @cached_property
    def model(self) -> Path:
        """The folder of the version's files."""
        return self._fetch("model", artifact_uri=f"models:/{self.version.name}/{self.version.version}")

    @cached_property
    def run(self) -> Path:
        """The folder of the run's files; empty without a run."""
        return self._fetch("run", run_id=self.run_id) if self.run_id else self.folder / "run"

    def _fetch(self, part: str, **where: str) -> Path:
        import mlflow
        from mlflow.exceptions import MlflowException

        target = self.folder / part
        target.mkdir(exist_ok=True)
        try:
            return Path(mlflow.artifacts.download_artifacts(dst_path=target.as_posix(), **where))
        except (MlflowException, OSError):  # files that are gone count as not recorded
            return target

    def read_json(self, name: str) -> Any:  # noqa: ANN401
        """Return what a JSON file of the run holds, or None without one."""
        path = self.run / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def read_feature_spec(self) -> FeatureSpec | None:
        """Return what the version looks up, or None."""
        found = next(iter(sorted(self.model.rglob(FEATURE_SPEC))), None)
        return None if found is None else FeatureSpec.from_json(found.read_bytes())

    def read_inputs(self) -> list[str] | None:
        """Return what the version takes, or None."""
        found = next(iter(sorted(self.model.rglob(SPEC))), None)
        return None if found is None else json.loads(found.read_bytes()).get("features")

    def digest_all(self) -> Iterator[Artefact]:
        """Give every file with its digest."""
        for part, root in (("model", self.model), ("run", self.run)):
            for path in sorted(each for each in root.rglob("*") if each.is_file()):
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                name = f"{part}/{path.relative_to(root).as_posix()}"
                yield Artefact(path=name, digest=digest, size=path.stat().st_size)


@dataclass(frozen=True)
class _Reader:
    """Combines registry, run and lakehouse; ``source`` is the version itself unless that is a copy."""

    version: ModelVersion
    source: ModelVersion
    run: Run | None
    files: _Files
    lakehouse: Mapping[str, str]
    views: Sequence[FeatureView]

    def read(self, *, with_files: bool) -> ModelVersionFacts:
        """Return the facts."""
        tags = read_tags(self.version.tags)
        is_copy = (self.source.name, self.source.version) != (self.version.name, self.version.version)
        return ModelVersionFacts(
            name=self.version.name,
            version=str(self.version.version),
            stage=self._tag("stage", tags),
            aliases=tuple(sorted(self.version.aliases or ())),
            registered_at=_moment(self.version.creation_timestamp),
            algorithm=self._tag("algorithm"),
            training_window=self._tag("training_window"),
            model_digest=self._tag("model_digest", tags),
            source=f"{self.source.name}/{self.source.version}" if is_copy else "",
            tags=tags,
            code=self._code(),
            runtime_environment=self._runtime_environment(),
            run=self._run(),
            tables=tuple(self._tables()),
            features=tuple(self._features()),
            parameters=self._parameters(),
            metrics=dict(self.run.data.metrics) if self.run else {},
            artefacts=tuple(self.files.digest_all()) if with_files else (),
        )

    def _tag(self, name: str, tags: Mapping[str, str] | None = None) -> str | None:
        """Return a tag of the version, else of its run; None where it was not recorded."""
        own = read_tags(self.source.tags) if tags is None else tags
        found = own.get(name) or (read_tags(self.run.data.tags).get(name) if self.run else None)
        return None if found is None or found in _UNKNOWN else str(found)

    def _code(self) -> CodeFacts:
        return CodeFacts(
            commit=self._tag("git_sha"),
            branch=self._tag("branch"),
            dirty=self._tag("git_dirty"),
            difference=self._tag("git_difference"),
            package_version=self._tag("boathouse_version"),
        )

    def _runtime_environment(self) -> RuntimeFacts:
        found = self.files.read_json(_RUNTIME_ENVIRONMENT) or {}
        return RuntimeFacts(
            python=self._tag("python_version"),
            system=found.get("system"),
            machine=found.get("machine"),
            engine=self._tag("engine"),
            engine_version=self._tag("engine_version"),
            lock_digest=self._tag("lock_digest"),
            libraries_digest=self._tag("libraries_digest"),
            libraries=found.get("libraries"),
        )

    def _run(self) -> RunFacts:
        info = self.run.info if self.run else None
        pipelines = self._tag("pipeline")
        return RunFacts(
            run_id=self.source.run_id or None,
            run_by=self._tag("trained_by") or self._tag("run_by") or self._tag("mlflow.user"),
            environment=self._tag("environment"),
            pipelines=tuple(pipelines.split(",")) if pipelines else (),
            job_run_id=self._tag("job_run_id"),
            started_at=_moment(info.start_time) if info else None,
            ended_at=_moment(info.end_time) if info and info.end_time else None,
            status=info.status if info else None,
        )

    def _tables(self) -> Iterator[TableFact]:
        """Give the tables of the version's tag: those read before it was registered."""
        logged = self.files.read_json(_TABLE_VERSIONS) or {}
        reads = {(each["table"], each["version"]): each for each in logged.get("reads", [])}
        for text in filter(None, (self._tag("table_versions") or "").split(",")):
            table, _, number = text.partition("@")
            read = reads.get((table, number), {})
            problem = self._find_problem(table, int(number)) if number else None
            yield TableFact(
                table=table,
                version=int(number) if number else None,
                rows=read.get("rows"),
                updated_at=read.get("updated_at"),
                readable=None if problem is None else not problem,
                problem=problem or "",
            )

    def _find_problem(self, table: str, version: int) -> str | None:
        path = TableLocation.from_lakehouse(table, dict(self.lakehouse)).path
        return None if path is None else find_problem(Path(path), version)

    def _features(self) -> Iterator[FeatureFact]:
        spec = self.files.read_feature_spec()
        recorded = self.files.read_json(_FEATURE_LINEAGE) or {}
        here = {view.digest: describe_sources(view, self.views) for view in self.views}
        for view in spec.views if spec else ():
            taken = list_taken(view, spec, self.files.read_inputs())
            yield FeatureFact(
                **{field.name: getattr(view, field.name) for field in fields(view)},
                # Equal digests are equal declarations: then this code knows what an older run did not write down.
                sources=select_sources([recorded.get(view.digest), here.get(view.digest)], taken),
                taken=taken,
                is_current=view.digest in here,
            )

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters with their types; as text where an older run has logged text alone."""
        recorded = self.files.read_json(_PARAMETERS)
        return flatten(recorded) if recorded else dict(self.run.data.params) if self.run else {}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
