"""Metrics of evaluated versions: as they were recorded, and as the table for SQL shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.lifecycle.sealed_results import EVALUATED
from boathouse.tables.delta_log import open_log, read_local_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of the evaluation of a version on its test rows.

    Attributes:
        name: Name of the metric.
        value: The number.
        low: Lower bound of its interval, or None.
        high: Upper bound, or None.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def read_metrics(environment: Environment, name: str) -> dict[str, tuple[Metric, ...]]:
    """Return the metrics of the evaluation of each version; nothing where none was evaluated.

    Read without an engine from a folder; where tables go by name, by the engine.
    """
    place = environment.table("audit.evaluations")
    if not open_log(place).exists():
        return {}
    found: dict[str, list[Metric]] = {}
    for version, metric in _read_rows(place, name):
        found.setdefault(version, []).append(metric)
    return {version: tuple(sorted(metrics, key=lambda each: each.name)) for version, metrics in found.items()}


def read_sealed_metrics(records: Iterable[AuditRecord]) -> dict[str, tuple[Metric, ...]]:
    """Return the metrics of the newest evaluation of each version, out of the records of ``audit.evidence``."""
    newest = {str(each.version): each for each in records if each.kind == EVALUATED}
    return {version: _metrics_of(each.read_evidence()["report"]) for version, each in newest.items()}


def _metrics_of(report: Mapping[str, Any]) -> tuple[Metric, ...]:
    metrics = [
        Metric(name=name, value=each["value"], low=each["low"], high=each["high"])
        for name, each in report["metrics"].items()
        if each["value"] is not None
    ]
    if report["calibration_error"] is not None:
        metrics.append(Metric(name="calibration_error", value=report["calibration_error"]))
    return tuple(sorted(metrics, key=lambda each: each.name))


def find_edited(sealed: Sequence[Metric], shown: Sequence[Metric]) -> tuple[str, ...]:
    """Return the names of the metrics that were recorded and are shown otherwise."""
    if not sealed or not shown:
        return ()
    return tuple(sorted({each.name for each in {*sealed} ^ {*shown}}))


def _read_rows(place: TableLocation, name: str) -> Iterator[tuple[str, Metric]]:
    rows = _read_catalog(place, name) if place.path is None else _read_local(place.path, name)
    for row in rows.to_pylist():
        metric = Metric(name=row["metric"], value=row["value"], low=row["low"], high=row["high"])
        yield row["model_version"], metric


def _read_local(path: str, name: str) -> pa.Table:
    import pyarrow.compute as pc

    whole = (pc.field("role") == "candidate") & (pc.field("slice_key") == ":all") & pc.field("value").is_valid()
    return read_local_rows(path, whole & (pc.field("model_name") == name))


def _read_catalog(place: TableLocation, name: str) -> pa.Table:
    rows = place.read(place.require_version("evaluation"))
    whole = (rows["role"] == "candidate") & (rows["slice_key"] == ":all") & rows["value"].isNotNull()
    return rows.where(whole & (rows["model_name"] == name)).toArrow()
