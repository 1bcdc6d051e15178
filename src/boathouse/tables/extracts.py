"""A delivered CSV file, read as it is: every column as text, the header checked, its origin added."""

from __future__ import annotations

import csv
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io.core import AbstractDataset

from boathouse.errors import DataQualityError, TableError
from boathouse.tables.contract import diff_columns, write_caption
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableVersion

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
            filepath: The CSV file: UTF-8, comma, header line, double quotes doubled inside quotes.
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
            DataQualityError: If it has no rows, a row of another length, or is no UTF-8.
            TableError: If its header is not the contract's.
        """
        if self._optional and not self._path.is_file():
            return self._read_nothing()
        header = self._check_header()
        rows = _count_rows(self._path, fields=len(header))
        frame = self._read(header)
        self.last_read = TableVersion(
            table=self._path.name,
            version=None,
            rows=rows,
            path=self._path.absolute().as_posix(),
            timestamp=datetime.fromtimestamp(self._path.stat().st_mtime, tz=UTC),
        )
        return frame

    def save(self, data: Any) -> None:  # noqa: ANN401, ARG002 - the interface's signature
        """Refuse: extracts are delivered, not written."""
        raise TableError.read_only(self._path.name)

    def _business_columns(self) -> list[str]:
        """Return the names that the supplier's header must have."""
        return [name for name in self._contract.column_names if not name.startswith(_OWN_PREFIX)]

    def _check_header(self) -> list[str]:
        """Return the file's header if it has the contract's columns, each once, in any order."""
        if not self._path.is_file():
            raise TableError(
                f"There is no extract {self._path.as_posix()}. Put the delivered file there, "
                "or change 'raw_folder' in globals.yml."
            )
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                header = next(csv.reader(file), [])
        except UnicodeDecodeError as error:
            raise DataQualityError.not_utf8(self._path.as_posix()) from error
        if not header:
            raise DataQualityError.empty_file(self._path.as_posix())
        lines = diff_columns(dict.fromkeys(self._business_columns(), "string"), dict.fromkeys(header, "string"))
        lines += [f"  ! {name}: string (repeated)" for name in sorted(set(header)) if header.count(name) > 1]
        if lines:
            raise TableError.wrong_columns(self._contract.name, lines, where=f"Reading {self._path}")
        return header

    def _read(self, header: list[str]) -> DataFrame:
        """Return the rows by position of the checked header, in the contract's order, origin added."""
        from pyspark.sql import functions as F

        session = get_engine(self._engine).session()
        schema = ", ".join(f"`{name}` string" for name in header)
        frame = session.read.csv(
            self._path.absolute().as_posix(),
            schema=schema,
            header=True,
            multiLine=True,
            escape='"',
            nullValue="",
            mode="FAILFAST",
        )
        return frame.select(
            *self._business_columns(),
            F.lit(_digest(self._path)).alias("_batch_id"),
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


def _digest(path: Path) -> str:
    """Return the SHA-256 of the file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count_rows(path: Path, *, fields: int) -> int:
    """Return the number of rows below the header.

    Raises:
        DataQualityError: If there are none, one has not ``fields`` fields, or the file is no UTF-8.
    """
    rows = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            next(reader)
            for record in reader:
                # An empty line is no row; engines skip it too.
                if record and len(record) != fields:
                    raise DataQualityError(
                        f"The extract {path.as_posix()} has {len(record)} fields in line {reader.line_num}, "
                        f"expected {fields}; nothing was read."
                    )
                rows += bool(record)
    except UnicodeDecodeError as error:
        raise DataQualityError.not_utf8(path.as_posix()) from error
    if not rows:
        raise DataQualityError.empty_file(path.as_posix())
    return rows
