"""Everything about one model from registry, ledger and lakehouse, and the same as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boathouse.errors import ModelError
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.state import project_events
from boathouse.lineage.governed import MODEL_VERSIONS, GovernedModel, GovernedVersion, Metric, served_by, version_rows
from boathouse.lineage.version_facts import read_version
from boathouse.tables.delta_log import open_log, read_local_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from boathouse.environment import Environment
    from boathouse.features.feature_view import FeatureView
    from boathouse.lifecycle.chain import AuditRecord, Break
    from boathouse.lifecycle.policy import ApprovalOptions
    from boathouse.lineage.findings import Finding
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True)
class Trail:
    """What an environment's audit tables say.

    Attributes:
        records: Records in order.
        breaks: Where a chain does not hold, as ``table: place and problem``.
        missing: Tables of the trail that are not there or hold no chain.
    """

    records: tuple[AuditRecord, ...]
    breaks: tuple[str, ...]
    missing: tuple[str, ...]

    def about(self, subject: str, version: str | None = None) -> list[AuditRecord]:
        """Return the records about a model, or about one version of it."""
        found = [each for each in self.records if each.subject == subject]
        return found if version is None else [each for each in found if each.version == version]


def read_trail(environment: Environment, *tables: str) -> Trail:
    """Return the trail of the audit tables named, ``promotions`` and ``deployments`` by default."""
    records: list[AuditRecord] = []
    breaks: list[str] = []
    missing: list[str] = []
    for name in tables or ("promotions", "deployments"):
        place = environment.table(f"audit.{name}")
        found = _read(place)
        if found is None:
            missing.append(place.table)
            continue
        records += found[0]
        breaks += [f"{place.table}, place {each.sequence}: {each.problem}" for each in found[1]]
    return Trail(tuple(sorted(records, key=lambda each: each.occurred_at)), tuple(breaks), tuple(missing))


def _read(place: TableLocation) -> tuple[list[AuditRecord], list[Break]] | None:
    """Return records and breaks, or None if there is no such table or it is no chain."""
    from boathouse.tables.delta_log import open_log

    if not open_log(place).exists():
        return None
    ledger = open_ledger(place)
    try:
        return ledger.read(), ledger.verify()
    except (KeyError, ValueError):  # a table of decisions from before there was a chain
        return None


def read_model(
    name: str,
    environment: Environment,
    rules: ApprovalOptions,
    *,
    views: Sequence[FeatureView],
    at: datetime | None = None,
) -> GovernedModel:
    """Return everything that is known about the model ``name``.

    Args:
        name: Registered name.
        environment: Where its tables are.
        rules: What has to be approved there.
        views: The declared feature views.
        at: When, UTC; now by default.

    Raises:
        ModelError: If neither registry nor ledger know the model, or the store cannot be reached.
    """
    environment = _choose_own(environment, name)
    state, trail = ModelRegistry(name).read(), read_trail(environment)
    records = trail.about(name)
    life = project_events(records, name=name)
    numbers = sorted({*state.versions, *life.versions}, key=int, reverse=True)
    if not numbers:
        raise ModelError.no_version(name, "version", ())
    metrics = read_metrics(environment, name)
    return GovernedModel(
        name=name,
        at=at or datetime.now(UTC),
        life=life,
        aliases=dict(state.aliases),
        versions=tuple(
            GovernedVersion(
                version=number,
                facts=read_version(name, number, environment.lakehouse, views=views)
                if number in state.versions
                else None,
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


def _choose_own(environment: Environment, name: str) -> Environment:
    """Return the environment that the model's name begins with, in the same lakehouse."""
    return replace(environment, name=name.split(".", maxsplit=1)[0])


def read_metrics(environment: Environment, name: str) -> dict[str, tuple[Metric, ...]]:
    """Return the metrics of the evaluation of each version; nothing where none was evaluated.

    Read without an engine from a folder; where tables go by name, the numbers of the gates have to do.
    """
    place = environment.table("audit.evaluations")
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


def publish_versions(model: GovernedModel, findings: Sequence[Finding], environment: Environment) -> int:
    """Write the model's rows of ``audit.model_versions``; return the table's version.

    The rows of other models stay, and rows that are there already make no new version.
    """
    from boathouse.tables.dataset import DeltaTableDataset

    place = _choose_own(environment, model.name).table(MODEL_VERSIONS.name)
    table = DeltaTableDataset(
        table=place.table,
        lakehouse=environment.lakehouse,
        contract=MODEL_VERSIONS,
        mode="replace_where",
        replace_columns=["model_name"],
    )
    table.save(place.session().createDataFrame(version_rows(model, findings), MODEL_VERSIONS.ddl))
    return int(table.last_written.version or 0) if table.last_written else 0
