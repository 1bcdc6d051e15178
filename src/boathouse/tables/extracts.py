"""A delivered CSV file as a frame: every column as text, the header checked, its origin added."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io.core import AbstractDataset

from boathouse.errors import DataQualityError, TableError
from boathouse.tables.contract import diff_columns, write_caption
from boathouse.tables.csv_files import CsvFile
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableVersion
from boathouse.tables.snapshots import read_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.tables.contract import TableContract

# Columns of a raw table whose names start so are added by ingestion, not delivered.
_OWN_PREFIX = "_"


class CsvExtractDataset(AbstractDataset[Any, Any]):
    """One delivered file; read-only."""

    def __init__(
        self,
        *,
        filepath: str,
        lakehouse: dict[str, str],
        contract: TableContract,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember where the file is and which raw table's contract names its columns.

        Args:
            filepath: The CSV file, as :mod:`boathouse.tables.csv_files` reads it.
            lakehouse: ``{engine, root}``: who reads it.
            contract: The raw table's contract; its columns, but for those starting with ``_``, are the file's.
            optional: Whether the file may be missing; it then has no rows. One that is there must not be empty.
            metadata: For plugins such as Kedro-Viz.
        """
        self._path, self._optional = Path(filepath), optional
        self._engine = lakehouse["engine"]
        self._contract = contract
        self.metadata = metadata
        self.last_read: TableVersion | None = None

    def load(self) -> DataFrame:
        """Return the file's rows, all text, empty fields null, with batch id, file name and time of reading.

        ``_batch_id`` is the SHA-256 of the file, so that the same delivery has the same id under any name.

        Raises:
            TableError: If there is no such file and it is not optional.
            DataQualityError: If it has no rows, or is no such file as the reader takes.
            TableError: If its header is not the contract's.
        """
        if self._optional and not self._path.is_file():
            return self._read_nothing()
        if not self._path.is_file():
            raise TableError(
                f"There is no extract {self._path.as_posix()}. Put the delivered file there, "
                "or change 'raw_folder' in globals.yml."
            )
        digest = hashlib.sha256()
        file = CsvFile(self._path, digest=digest)
        frame = read_rows(file.read(self._check_header), self._business_columns(), self._engine)
        if not file.rows:
            raise DataQualityError.empty_file(self._path.as_posix())
        self.last_read = TableVersion(
            table=self._path.name,
            version=None,
            rows=file.rows,
            path=self._path.absolute().as_posix(),
            timestamp=datetime.fromtimestamp(self._path.stat().st_mtime, tz=UTC),
        )
        return self._add_origin(frame, digest.hexdigest())

    def save(self, data: Any) -> None:  # noqa: ANN401, ARG002 - the interface's signature
        """Refuse: extracts are delivered, not written."""
        raise TableError.read_only(self._path.name)

    def _business_columns(self) -> list[str]:
        """Return the names that the supplier's header must have."""
        return [name for name in self._contract.column_names if not name.startswith(_OWN_PREFIX)]

    def _check_header(self, header: list[str]) -> None:
        """Check that the header has the contract's columns, each once, in any order."""
        lines = diff_columns(dict.fromkeys(self._business_columns(), "string"), dict.fromkeys(header, "string"))
        lines += [f"  ! {name}: string (repeated)" for name in sorted(set(header)) if header.count(name) > 1]
        if lines:
            raise TableError.wrong_columns(self._contract.name, lines, where=f"Reading {self._path}")

    def _add_origin(self, frame: DataFrame, digest: str) -> DataFrame:
        from pyspark.sql import functions as F

        return frame.select(
            "*",
            F.lit(digest).alias("_batch_id"),
            F.lit(self._path.name).alias("_source_file"),
            F.lit(datetime.now(UTC)).alias("_ingested_at"),
        )

    def _read_nothing(self) -> DataFrame:
        """Return no rows in the raw table's columns."""
        return get_engine(self._engine).session().createDataFrame([], self._contract.ddl)

    def _exists(self) -> bool:
        """Return whether the file has been delivered."""
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        caption = write_caption(self._path.as_posix(), self._contract, self.metadata)
        return {"filepath": caption, "contract": self._contract.name, "engine": self._engine}
