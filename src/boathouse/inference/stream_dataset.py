"""The catalog's stream: saving a plan to it answers requests; loading it gives the answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io.core import AbstractDataset

from boathouse.inference.marked_tables import EngineMarkedTable, PathMarkedTable
from boathouse.inference.run_record import current_run
from boathouse.inference.source import AppendedRows
from boathouse.inference.version_stream import BatchWriter, StreamTargets
from boathouse.problem.scored_tables import DEAD_LETTERS, PROGRESS, STREAM_PREDICTIONS, STREAM_PROGRESS
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.delta_log import open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from kedro_datasets._typing import TablePreview

    from boathouse.inference.stream_plan import StreamPlan
    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableVersion


class RequestStreamDataset(AbstractDataset[Any, Any]):
    """Answers to the requests of one table, on whichever engine the project runs."""

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
        """Remember the places; open nothing.

        Args:
            table: ``<env>.inference.stream_predictions``, or another; its dead letters are then beside it.
            source: ``<env>.<schema>.<table>`` that requests are added to.
            lakehouse: ``{engine, root}``.
            checkpoints: Folder for the offsets of Structured Streaming; not used on sail.
            contract: The contract of the answers.
            made_by: The pipeline that makes the table, for the message when it is missing.
            metadata: For plugins such as Kedro-Viz.
        """
        self._answers = DeltaTableDataset(table=table, lakehouse=lakehouse, contract=contract, made_by=made_by)
        self._place, self._source = (TableLocation.from_lakehouse(each, lakehouse) for each in (table, source))
        self._lakehouse, self._checkpoints = lakehouse, Path(checkpoints)
        self.metadata = metadata
        self.last_written: TableVersion | None = None

    @property
    def location(self) -> TableLocation:
        """Where the answers are."""
        return self._place

    @property
    def last_read(self) -> TableVersion | None:
        """What was loaded last."""
        return self._answers.last_read

    def load(self) -> Any:  # noqa: ANN401 - a Spark frame
        """Return the answers so far."""
        return self._answers.load()

    def save(self, data: StreamPlan) -> None:
        """Answer requests as ``data`` says, until there are none or for ever.

        Raises:
            StreamError: If the source cannot be read on.
        """
        self._source.require_version("stream_inference")
        streams = get_engine(self._place.engine).capabilities.streaming
        (self._run_structured if streams else self._run_versions)(data)
        if self._place.newest_version() is not None:
            self._answers.load()
            self.last_written = self._answers.last_read

    def _run_versions(self, plan: StreamPlan) -> int:
        from boathouse.inference.version_stream import VersionStream

        source = AppendedRows(self._source, plan.events)
        writer = self._make_writer(plan, f"{plan.options.name}/{source.table_id}", PathMarkedTable)
        return VersionStream(source, writer, plan.options).run()

    def _run_structured(self, plan: StreamPlan) -> int:
        from boathouse.inference.structured_stream import StructuredStream, read_stream_id

        checkpoint = self._checkpoints / self._source.table / plan.options.name
        writer = self._make_writer(plan, read_stream_id(checkpoint, plan.options.name), EngineMarkedTable)
        stream = StructuredStream(self._source, plan.events, writer, options=plan.options, checkpoint=checkpoint)
        return stream.run()

    def _make_writer(
        self, plan: StreamPlan, stream_id: str, kind: type[PathMarkedTable | EngineMarkedTable]
    ) -> BatchWriter:
        contracts = {**plan.targets, PROGRESS: STREAM_PROGRESS}
        places = {name: self._place_of(name) for name in (DEAD_LETTERS, PROGRESS)} | {STREAM_PREDICTIONS: self._place}
        if self._place != self._place_of(STREAM_PREDICTIONS):
            places[DEAD_LETTERS] = replace(self._place, table=f"{self._place.table}_dead_letters")
        tables = {
            name: kind(place, contracts[name], application=f"boathouse-stream/{stream_id}")
            for name, place in places.items()
        }
        return BatchWriter(
            plan=plan,
            source=self._source.table,
            place_of=self._place_of,
            targets=StreamTargets(
                dead_letters=tables[DEAD_LETTERS],
                progress=tables[PROGRESS],
                predictions=tables[STREAM_PREDICTIONS],
            ),
            stream_id=stream_id,
            run_id=current_run(),
        )

    def _place_of(self, name: str) -> TableLocation:
        return TableLocation.from_lakehouse(f"{self._place.environment}.{name}", self._lakehouse)

    def preview(self, nrows: int = 20) -> TablePreview:
        """Return the first ``nrows`` rows for Kedro-Viz."""
        return self._answers.preview(nrows)

    def _exists(self) -> bool:
        return open_log(self._place).exists()

    def _describe(self) -> dict[str, Any]:
        return {"table": self._place.table, "source": self._source.table, "engine": self._place.engine}
