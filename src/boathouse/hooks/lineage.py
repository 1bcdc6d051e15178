"""What a run used and made, written to its MLflow run: code, engine, table versions, model versions."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from boathouse.hooks.provenance import RunTags, read_runtime_environment, read_source_state
from boathouse.hooks.session import environment_of

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node
    from mlflow.data.dataset import Dataset

TABLE_VERSIONS_FILE = "table_versions.json"
PARAMETERS_FILE = "parameters.json"
RUNTIME_ENVIRONMENT_FILE = "runtime_environment.json"
FEATURE_LINEAGE_FILE = "feature_lineage.json"
# MLflow's name; it is set in a job of Databricks alone.
_JOB_RUN_TAG = "mlflow.databricks.jobRunID"
# What the tables that a pipeline reads are for, in MLflow's terms; others go by the pipeline's name. MLflow keeps one
# context of a table and version: the first of these that it was read for.
_CONTEXTS = {"training": "training", "evaluation": "testing"}
_FIRST = tuple(_CONTEXTS.values())


@dataclass(frozen=True, kw_only=True)
class TableUse:
    """One table at one version.

    Attributes:
        table: Three-level name.
        version: Delta version; for what has none, such as a file, empty.
        rows: Rows read or written, None if unknown.
        path: Folder of the table, empty on Unity Catalog.
        updated_at: When that version was committed, ISO 8601 in UTC; None if unknown.
        contexts: What the table was read or written for, in the order in which it was.
    """

    table: str
    version: str
    rows: int | None
    path: str
    updated_at: str | None = None
    contexts: tuple[str, ...]

    @property
    def context(self) -> str:
        """The one that says most: training, then testing, then the first."""
        return next((each for each in _FIRST if each in self.contexts), self.contexts[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the use as plain values, with ``context``."""
        return {**asdict(self), "context": self.context}


@dataclass
class LineageRecord:
    """What a run has read, written and registered so far."""

    reads: dict[tuple[str, str], TableUse] = field(default_factory=dict)
    writes: dict[tuple[str, str], TableUse] = field(default_factory=dict)
    models: set[tuple[str, str]] = field(default_factory=set)

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return the content of ``table_versions.json``."""
        return {
            "reads": [use.to_dict() for _, use in sorted(self.reads.items())],
            "writes": [use.to_dict() for _, use in sorted(self.writes.items())],
        }

    def describe_reads(self) -> str:
        """Return ``table@version`` of each table read so far, comma-separated: the tag of a model version."""
        return ",".join(f"{table}@{version}" if version else table for table, version in sorted(self.reads))


class LineageHooks:
    """Collects while nodes run; writes in few calls when the run ends, well or badly."""

    def __init__(self) -> None:
        """Start with nothing recorded."""
        self._lock = threading.Lock()
        self._engine = ""
        self._environment = ""
        self._parameters: dict[str, Any] = {}
        self._catalog: DataCatalog | None = None
        self._record = LineageRecord()
        self._run: tuple[dict[str, Any], Pipeline] | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the names that conf gives to engine and environment, and the parameters with this run's own."""
        environment = environment_of(context)
        self._parameters = _to_plain(context.params)
        self._engine, self._environment = environment.engine, environment.name

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Forget the previous run."""
        self._catalog = catalog
        self._run = (run_params, pipeline)
        self._record = LineageRecord()

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """Note the version of a table read."""
        version = getattr(self._get_dataset(dataset_name), "last_read", None)
        self._note(self._record.reads, version, node)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Note the version of a table written, or the version of a model registered."""
        dataset = self._get_dataset(dataset_name)
        self._note(self._record.writes, getattr(dataset, "last_written", None), node)
        model = getattr(dataset, "last_saved_version", None)
        if model is not None:
            name, number = _name_model(dataset, model)
            with self._lock:
                # What the run reads after this had no part in the model.
                tables = self._record.describe_reads()
                self._record.models.add((name, number))
            # At once: the gates of the same run ask for them, and a run that is killed leaves them behind.
            self._tag_version(name, number, tables)

    # kedro-mlflow closes the run in the same two hooks: ours go first.
    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Write the lineage of a run that went well."""
        self._write(run_params, pipeline)

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Write the lineage as far as the run came; a store that fails now must not hide ``error``."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._write(run_params, pipeline)
        except (MlflowException, SQLAlchemyError, OSError) as fault:
            error.add_note(f"The lineage of this run could not be written: {type(fault).__name__}.")

    def _get_dataset(self, name: str) -> object:
        return self._catalog.get(name) if self._catalog is not None else None

    def _note(self, uses: dict[tuple[str, str], TableUse], version: Any, node: Node) -> None:  # noqa: ANN401
        if version is None:
            return
        pipeline = (node.namespace or "").partition(".")[0]
        committed = getattr(version, "timestamp", None)
        context = _CONTEXTS.get(pipeline, pipeline or "run")
        use = TableUse(
            table=version.table,
            version="" if version.version is None else str(version.version),
            rows=version.rows,
            path=str(version.path or ""),
            updated_at=None if committed is None else committed.isoformat(),
            contexts=(context,),
        )
        with self._lock:
            former = uses.get((use.table, use.version), use)
            # A pipeline that reads it later, such as monitoring, does not take away what it was read for before.
            uses[use.table, use.version] = replace(use, contexts=tuple(dict.fromkeys((*former.contexts, context))))

    def _write(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        import mlflow

        run = mlflow.active_run()
        if run is None:  # tracking is disabled for this pipeline
            return
        tags = self._collect_tags(run_params, pipeline)
        mlflow.set_tags(tags.for_mlflow())
        _log_tables(self._record)
        if self._record.models:
            _log_origin(self._parameters)

    def _tag_version(self, name: str, version: str, tables: str) -> None:
        """Give a version the tags of its run, and the tables that the run has read so far."""
        from boathouse.registry.tags import write_tags

        if self._run is not None:
            tags = self._collect_tags(*self._run).to_dict()
            write_tags(name, version, {**tags, "table_versions": tables or "none"})

    def _collect_tags(self, run_params: dict[str, Any], pipeline: Pipeline) -> RunTags:
        names = run_params.get("pipeline_names") or sorted({node.namespace or node.name for node in pipeline.nodes})
        return RunTags.collect(
            read_source_state(),
            environment=self._environment,
            pipeline=",".join(names),
            engine=self._engine,
            job_run_id=_read_job_run(),
        )


def _read_job_run() -> str | None:
    """Return the run of the Databricks job that this is, which MLflow asks the platform for when it starts its run."""
    import mlflow

    run = mlflow.active_run()
    return None if run is None else run.data.tags.get(_JOB_RUN_TAG)


def _name_model(dataset: object, version: Any) -> tuple[str, str]:  # noqa: ANN401
    """Return registered name and version; the dataset gives either the version or an object with both."""
    name = getattr(version, "name", None) or getattr(dataset, "name", None) or getattr(dataset, "_name", "")
    return str(name), str(getattr(version, "version", version))


def _log_tables(record: LineageRecord) -> None:
    """Log each table read as a dataset of the run, and all versions as one file."""
    import mlflow

    if record.reads:
        uses = list(record.reads.values())
        mlflow.log_inputs(
            datasets=[_describe_input(use) for use in uses],
            contexts=[use.context for use in uses],
            tags_list=[_describe_use(use) for use in uses],
        )
    if record.reads or record.writes:
        mlflow.log_dict(record.to_dict(), TABLE_VERSIONS_FILE)


def _describe_use(use: TableUse) -> dict[str, str]:
    """Return the tags of a dataset: its version, when that was committed, and everything that it was read for."""
    tags = {"delta_version": use.version, "contexts": ",".join(use.contexts), "updated_at": use.updated_at or "unknown"}
    return {name: value for name, value in tags.items() if value}


def _to_plain(value: Any) -> Any:  # noqa: ANN401 - any parameter
    """Return parameters as the files hold them: Kedro has made options objects of the groups."""
    if is_dataclass(value) and not isinstance(value, type):
        return _to_plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _to_plain(each) for key, each in value.items()}
    return [_to_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _log_origin(parameters: dict[str, Any]) -> None:
    """Log what a model is made of besides its tables: what reproducing it needs."""
    import mlflow

    mlflow.log_dict(parameters, PARAMETERS_FILE)
    mlflow.log_dict(read_runtime_environment().to_dict(), RUNTIME_ENVIRONMENT_FILE)
    mlflow.log_dict(describe_lineage(), FEATURE_LINEAGE_FILE)


def describe_lineage() -> dict[str, Any]:
    """Return, for each view by its digest, the source columns behind it and behind each of its features."""
    from boathouse.features.lineage import describe_sources
    from boathouse.use_case import USE_CASE

    return {
        view.digest: {
            "view": view.name,
            "version": view.version,
            "owner": view.owner,
            **describe_sources(view, USE_CASE.views),
        }
        for view in USE_CASE.views
    }


def _describe_input(use: TableUse) -> Dataset:
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    if not use.version:
        return MetaDataset(resolve_dataset_source(use.path), name=use.table)  # type: ignore[abstract]
    location = {"path": use.path} if use.path else {"delta_table_name": use.table}
    source = DeltaDatasetSource(**location, delta_table_version=int(use.version))
    # The version of a Delta table is its fingerprint: the same version is the same rows.
    return MetaDataset(source, name=use.table, digest=f"v{use.version}")  # type: ignore[abstract]
