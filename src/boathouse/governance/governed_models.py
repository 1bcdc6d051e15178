"""Everything about one model from registry, ledger and lakehouse, and the same as a table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boathouse.core.errors import ModelError
from boathouse.core.lineage.contracts import MODEL_VERSIONS, version_rows
from boathouse.core.lineage.governed import GovernedModel, GovernedVersion, Metric, served_by
from boathouse.core.promotion.fold import fold
from boathouse.governance.registry import ModelRegistry
from boathouse.governance.trail import read_trail
from boathouse.governance.version_facts import read_version
from boathouse.tables.delta_log import open_log, read_local_rows
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from boathouse.core.lineage.findings import Finding
    from boathouse.core.promotion.policy import ApprovalOptions


def read_model(
    name: str, lakehouse: Mapping[str, str], rules: ApprovalOptions, *, at: datetime | None = None
) -> GovernedModel:
    """Return everything that is known about the model ``name``.

    Args:
        name: Registered name.
        lakehouse: ``{engine, root}`` of its environment's tables.
        rules: What has to be approved there.
        at: When, UTC; now by default.

    Raises:
        ModelError: If neither registry nor ledger know the model, or the store cannot be reached.
    """
    environment = name.split(".", maxsplit=1)[0]
    state, trail = ModelRegistry(name).read(), read_trail(environment, lakehouse)
    records = trail.about(name)
    life = fold(records, name=name)
    numbers = sorted({*state.versions, *life.versions}, key=int, reverse=True)
    if not numbers:
        raise ModelError.no_version(name, "version", ())
    metrics = read_metrics(environment, lakehouse, name)
    return GovernedModel(
        name=name,
        at=at or datetime.now(UTC),
        life=life,
        aliases=dict(state.aliases),
        versions=tuple(
            GovernedVersion(
                version=number,
                facts=read_version(name, number, lakehouse) if number in state.versions else None,
                life=life.versions.get(number),
                records=tuple(each for each in records if each.version == number),
                metrics=metrics.get(number, ()),
            )
            for number in numbers
        ),
        deployments=tuple(each for each in trail.records if served_by(each, name)),
        breaks=trail.breaks,
        missing=trail.missing,
        rules=rules,
    )


def read_metrics(environment: str, lakehouse: Mapping[str, str], name: str) -> dict[str, tuple[Metric, ...]]:
    """Return the metrics of the evaluation of each version; nothing where none was evaluated.

    Read without an engine from a folder; where tables go by name, the numbers of the gates have to do.
    """
    place = TableLocation.from_lakehouse(f"{environment}.audit.evaluations", dict(lakehouse))
    if place.path is None or not open_log(place).exists():
        return {}
    found: dict[str, list[Metric]] = {}
    for version, metric in _read_rows(place.path, name):
        found.setdefault(version, []).append(metric)
    return {version: tuple(sorted(metrics, key=lambda each: each.name)) for version, metrics in found.items()}


def _read_rows(path: str, name: str) -> Iterator[tuple[str, Metric]]:
    import pyarrow.compute as pc

    whole = (pc.field("role") == "candidate") & (pc.field("slice_key") == ":all") & pc.field("value").is_valid()
    for row in read_local_rows(path, whole & (pc.field("model_name") == name)).to_pylist():
        metric = Metric(name=row["metric"], value=row["value"], low=row["low"], high=row["high"])
        yield row["model_version"], metric


def publish_versions(model: GovernedModel, findings: Sequence[Finding], lakehouse: Mapping[str, str]) -> int:
    """Write the model's rows of ``audit.model_versions``; return the table's version.

    The rows of other models stay, and rows that are there already make no new version.
    """
    from boathouse.tables.dataset import DeltaTableDataset

    table = DeltaTableDataset(
        table=f"{model.environment}.{MODEL_VERSIONS.name}",
        lakehouse=dict(lakehouse),
        contract=MODEL_VERSIONS.name,
        mode="replace_where",
        replace_columns=["model_name"],
    )
    place = TableLocation.from_lakehouse(f"{model.environment}.{MODEL_VERSIONS.name}", dict(lakehouse))
    table.save(place.session().createDataFrame(version_rows(model, findings), MODEL_VERSIONS.ddl))
    return int(table.last_written.version or 0) if table.last_written else 0
