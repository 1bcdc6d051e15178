"""Kedro datasets of inference: the stream of requests, and the record of the run."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.errors import TableError
from boathouse.inference.models import RunRecord
from boathouse.inference.stream_targets import BatchWriter, EngineMarkedTable, PathMarkedTable, StreamTargets
from boathouse.namespaces import Namespace, find_namespace, name_environment
from boathouse.problem.scored_tables import DEAD_LETTERS, PROGRESS, STREAM_PREDICTIONS, STREAM_PROGRESS
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.delta_log import open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation, last_reads

if TYPE_CHECKING:
    from kedro_datasets._typing import TablePreview

    from boathouse.inference.stream import StreamPlan
    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableVersion


class RequestStreamDataset(AbstractDataset[Any, Any]):
    """Answers to the requests of one table: saving a plan answers requests, loading gives the answers."""

    def __init__(  # noqa: PLR0913 - a catalog entry names its options
        self,
        *,
        table: str,
        source: str,
        lakehouse: dict[str, str],
        checkpoints: str,
        contract: TableContract,
        made_by: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember the locations; open nothing.

        Args:
            table: ``<catalog>.inference.stream_predictions``, or another; its dead letters are then beside it.
            source: ``<catalog>.<schema>.<table>`` that requests are added to.
            lakehouse: ``{engine, root}``.
            checkpoints: Folder for the offsets of Structured Streaming; not used on sail.
            contract: The contract of the answers.
            made_by: The pipeline that makes the table, for the message when it is missing.
            metadata: For plugins such as Kedro-Viz.
        """
        self._answers = DeltaTableDataset(table=table, lakehouse=lakehouse, contract=contract, made_by=made_by)
        self._location, self._source = (TableLocation.from_lakehouse(name, lakehouse) for name in (table, source))
        self._lakehouse, self._checkpoints = lakehouse, Path(checkpoints)
        self.metadata = metadata
        self.last_written: TableVersion | None = None
        self.rows_written: int | None = None

    @property
    def location(self) -> TableLocation:
        """Location of the answers."""
        return self._location

    @property
    def last_read(self) -> TableVersion | None:
        """Table version that was loaded last."""
        return self._answers.last_read

    def load(self) -> Any:  # noqa: ANN401 - a Spark frame
        """Return the answers so far."""
        return self._answers.load()

    def save(self, data: StreamPlan) -> None:
        """Answer requests as ``data`` says, until there are none, or without end.

        Raises:
            StreamError: If the stream cannot continue from its position in the source.
        """
        self._source.require_version("stream_inference")
        streams = get_engine(self._location.engine).capabilities.streaming
        before = self._location.newest_version()
        (self._run_structured if streams else self._run_versions)(data)
        after = self._location.newest_version()
        self.rows_written = 0 if after == before else open_log(self._location).rows_written(before, after or 0)
        if after is not None:
            self._answers.load()
            self.last_written = self._answers.last_read

    def _run_versions(self, plan: StreamPlan) -> None:
        from boathouse.inference.version_stream import AppendedRows, VersionStream

        source = AppendedRows(self._source, plan.events)
        writer = self._make_writer(plan, f"{plan.options.name}/{source.table_id}", PathMarkedTable)
        VersionStream(source, writer, plan.options).run()

    def _run_structured(self, plan: StreamPlan) -> None:
        from boathouse.inference.structured_stream import StructuredStream, read_stream_id

        checkpoint = self._checkpoints / self._source.table / plan.options.name
        writer = self._make_writer(plan, read_stream_id(checkpoint, plan.options.name), EngineMarkedTable)
        stream = StructuredStream(self._source, plan.events, writer, options=plan.options, checkpoint=checkpoint)
        stream.run()

    def _make_writer(
        self, plan: StreamPlan, stream_id: str, kind: type[PathMarkedTable | EngineMarkedTable]
    ) -> BatchWriter:
        contracts = {**plan.targets, PROGRESS: STREAM_PROGRESS}
        locations = {name: self._locate(name) for name in (DEAD_LETTERS, PROGRESS)}
        locations[STREAM_PREDICTIONS] = self._location
        if self._location != self._locate(STREAM_PREDICTIONS):
            locations[DEAD_LETTERS] = replace(self._location, table=f"{self._location.table}_dead_letters")
        tables = {
            name: kind(location, contracts[name], application=f"boathouse-stream/{stream_id}")
            for name, location in locations.items()
        }
        return BatchWriter(
            plan=plan,
            source=self._source.table,
            # Not a method of this entry: the writer travels to the process that answers.
            locate=partial(_locate, find_namespace(self._location.table), dict(self._lakehouse)),
            targets=StreamTargets(
                dead_letters=tables[DEAD_LETTERS],
                progress=tables[PROGRESS],
                predictions=tables[STREAM_PREDICTIONS],
            ),
            stream_id=stream_id,
            run_id=current_run(),
        )

    def _locate(self, name: str) -> TableLocation:
        return self._location.beside(name)

    def preview(self, nrows: int = 20) -> TablePreview:
        """Return the first ``nrows`` rows for Kedro-Viz."""
        return self._answers.preview(nrows)

    def _exists(self) -> bool:
        return open_log(self._location).exists()

    def _describe(self) -> dict[str, Any]:
        return {"table": self._location.table, "source": self._source.table, "engine": self._location.engine}


def _locate(namespace: Namespace, lakehouse: dict[str, str], name: str) -> TableLocation:
    return TableLocation.from_lakehouse(namespace.full_name(name), lakehouse)


def current_run() -> str:
    """Return the id of the MLflow run of this process; empty if there is none."""
    # Where no module has imported mlflow there is no run.
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow is not None else None
    return "" if run is None else str(run.info.run_id)


class RunRecordDataset(AbstractDataset[Any, Any]):
    """The record of the run that predictions refer to; a node that takes it reads its tables in an earlier one."""

    def __init__(self, *, environment: str, metadata: dict[str, Any] | None = None) -> None:
        """Remember the environment.

        Args:
            environment: Whose tables are recorded.
            metadata: For plugins such as Kedro-Viz.
        """
        self._environment = environment
        self.metadata = metadata

    def load(self) -> RunRecord:
        """Return the MLflow run, and the tables read so far."""
        own = {name: version for name, version in last_reads().items() if name_environment(name) == self._environment}
        return RunRecord(run_id=current_run(), table_versions=own)

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the record is made by running."""
        raise TableError.read_only("run record")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"environment": self._environment}
