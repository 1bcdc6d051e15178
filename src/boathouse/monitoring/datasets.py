"""Kedro datasets of monitoring: the table of requests, and the salt by which the inference log hashes keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.databricks.secrets import read_secret, refer_to_secret
from boathouse.endpoints.keyed_hash import VARIABLE, find_salt, make_salt
from boathouse.errors import TableError
from boathouse.locations import locate_data
from boathouse.monitoring.request_log import RequestLog
from boathouse.monitoring.requests import REQUESTS, KeyNaming, LogSalt
from boathouse.namespaces import find_namespace
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.delta_log import open_log
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from kedro_datasets._typing import TablePreview

    from boathouse.tables.location import TableVersion


class RequestTableDataset(AbstractDataset[Any, Any]):
    """Table ``monitoring.requests``: saving how keys are named takes what is new in the log, loading gives the rows."""

    def __init__(
        self,
        *,
        table: str,
        source: str,
        lakehouse: dict[str, str],
        made_by: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember both tables; open nothing.

        Args:
            table: ``<catalog>.monitoring.requests``.
            source: ``<catalog>.inference.endpoint_log``.
            lakehouse: ``{engine, root}``.
            made_by: The pipeline that makes the table, for messages.
            metadata: For plugins such as Kedro-Viz.
        """
        self._rows = DeltaTableDataset(table=table, lakehouse=lakehouse, contract=REQUESTS, made_by=made_by)
        self._location, self._source = (TableLocation.from_lakehouse(name, lakehouse) for name in (table, source))
        self.metadata = metadata
        self.last_written: TableVersion | None = None
        self.rows_written: int | None = None

    @property
    def location(self) -> TableLocation:
        """Location of the table."""
        return self._location

    @property
    def last_read(self) -> TableVersion | None:
        """Table version that was loaded last."""
        return self._rows.last_read

    def load(self) -> Any:  # noqa: ANN401 - a Spark frame
        """Return the rows; None if no request was taken yet."""
        return self._rows.load() if self._exists() else None

    def save(self, data: KeyNaming) -> None:
        """Take what is new in the log, each row once; without a log nothing is done.

        Raises:
            CommitConflictError: If other writers were always first.
        """
        self.rows_written = RequestLog(self._source, self._location, data).update()
        if self.rows_written:
            self._rows.load()
            self.last_written = self._rows.last_read

    def preview(self, nrows: int = 20) -> TablePreview:
        """Return the first ``nrows`` rows for Kedro-Viz."""
        return self._rows.preview(nrows)

    def _exists(self) -> bool:
        return open_log(self._location).exists()

    def _describe(self) -> dict[str, Any]:
        return {"table": self._location.table, "source": self._source.table, "engine": self._location.engine}


class LogSaltDataset(AbstractDataset[Any, Any]):
    """The salt by which the inference log of an environment hashes keys; never made here."""

    def __init__(
        self,
        *,
        source: str,
        lakehouse: dict[str, str],
        secret: dict[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember where; read nothing.

        Args:
            source: ``<catalog>.inference.endpoint_log``.
            lakehouse: ``{engine, root}``.
            secret: Scope and key of the secret ``log_salt``, as conf has them.
            metadata: For plugins such as Kedro-Viz.
        """
        self._source, self._secret = TableLocation.from_lakehouse(source, lakehouse), secret or {}
        self.metadata = metadata

    def load(self) -> LogSalt:
        """Return the salt: of the secret, else of the file beside the journals of the log.

        Raises:
            SecretError: If this is a Databricks runtime whose workspace does not give the secret.
            ConfigError: If the file does not hold what was written to it.
        """
        if not open_log(self._source).exists():
            return LogSalt()
        namespace = find_namespace(self._source.table)
        names = (namespace.environment, namespace.schema_prefix)
        reference = refer_to_secret("log_salt", self._secret, names=names, variable=VARIABLE)
        given = read_secret(reference)
        if given:
            return LogSalt(make_salt(given))
        return LogSalt(find_salt(Path(locate_data(f"endpoint_log/{namespace.label}"))))

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the endpoint makes it."""
        raise TableError.read_only("salt of the inference log")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"source": self._source.table}
