"""What runs in the process that answers a stream's batches: it imports this module by its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from boathouse.errors import TableError
from boathouse.inference.stream_targets import EngineMarkedTable
from boathouse.tables.contract import arrow_type
from tests.fixtures.request_stream import TABLES, RequestLakehouse, score_by_hand

if TYPE_CHECKING:
    from boathouse.inference.batch import SplitRows

# Folder of a test, which holds files that say what is to happen, and what did.
FOLDER = "BOATHOUSE_TEST_STREAM"


class DyingTable(EngineMarkedTable):
    """A target whose process ends for good after a commit, as often as there are files that say so."""

    def __init__(self, *given: Any, **options: Any) -> None:
        """Remember the folder of the test, which the other process does not have among its variables."""
        super().__init__(*given, **options)
        self._folder = Path(os.environ[FOLDER])

    def append(self, rows: Any, *, upto: int) -> None:
        """Append, then end the process if a file says so; write down which process it was."""
        super().append(rows, upto=upto)
        with (self._folder / "processes").open("a", encoding="utf-8") as log:
            log.write(f"{os.getpid()}\n")
        order = self._folder / f"end_after_{self._location.table.rpartition('.')[2]}"
        if order.exists():
            order.unlink()
            os._exit(3)


def refuse_to_score(*_given: Any) -> SplitRows:
    """Fail with an error of the project, of several lines."""
    raise TableError('The columns are not "those".\n  + a: int (unexpected)\n  ~ b: \\ expected')


class NamedRequests(RequestLakehouse):
    """Requests and answers in tables by name, in the schemas of ``prod``."""

    def __init__(self, lakehouse: dict[str, str], root: Path, stream: str) -> None:
        """Use tables of their own for ``stream``."""
        super().__init__(root, lakehouse["engine"])
        self.stream, self.score = stream, score_by_hand

    def name(self, table: str) -> str:
        """Return the full name of a table."""
        schema, _, name = table.partition(".")
        return f"prod.{schema}.{name}"

    def dataset(self) -> Any:
        """Return the stream's catalog entry."""
        from boathouse.inference.datasets import RequestStreamDataset
        from boathouse.problem.scored_tables import STREAM_PREDICTIONS

        return RequestStreamDataset(
            table=f"prod.inference.{self.stream}",
            source=f"prod.raw.{self.stream}",
            lakehouse=self.lakehouse,
            checkpoints=(self.root / "checkpoints").as_posix(),
            contract=self.use_case.contracts[STREAM_PREDICTIONS],
        )

    def plan(self) -> Any:
        """Return the plan, with this lakehouse's way to score."""
        from dataclasses import replace

        return replace(super().plan(), score=self.score)

    def send(self, *events: dict[str, Any], **_options: Any) -> None:
        """Append requests in one commit."""
        from boathouse.tables.engines import get_engine

        columns = self.use_case.contracts["inference.requests"].columns
        schema = pa.schema([pa.field(column.name, arrow_type(column.dtype)) for column in columns])
        rows = get_engine(self.engine).session().createDataFrame(pa.Table.from_pylist(list(events), schema=schema))
        rows.write.format("delta").mode("append").saveAsTable(f"prod.raw.{self.stream}")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table of this stream, in the order of their ids."""
        from boathouse.tables.engines import get_engine

        names = {
            TABLES[0]: f"prod.inference.{self.stream}_dead_letters",
            TABLES[1]: "prod.monitoring.stream_progress",
            TABLES[2]: f"prod.inference.{self.stream}",
        }
        session = get_engine(self.engine).session()
        if not session.catalog.tableExists(names[table]):
            return []
        found = session.table(names[table]).toArrow().to_pylist()
        own = [row for row in found if row.get("stream", f"prod.raw.{self.stream}") == f"prod.raw.{self.stream}"]
        return sorted(own, key=lambda row: str(row.get("request_id")))
