"""What a table holds before the run adds to it: read by the pipeline that writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.core.errors import ReadOnlyTableError
from boathouse.datasets.delta_log import open_log
from boathouse.datasets.delta_place import TablePlace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class EarlierRowsDataset(AbstractDataset[Any, Any]):
    """The newest version of a table, or None where there is none; no node may read and write one entry."""

    def __init__(self, *, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        """Remember where.

        Args:
            table: ``<env>.<schema>.<table>``.
            lakehouse: ``{engine, root}``.
            metadata: For plugins such as Kedro-Viz.
        """
        self._place = TablePlace.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def load(self) -> DataFrame | None:
        """Return the rows, lazily."""
        log = open_log(self._place)
        return self._place.read(log.newest()) if log.exists() else None

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the table's own entry writes it."""
        raise ReadOnlyTableError.on_save(self._place.table)

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"table": self._place.table}
