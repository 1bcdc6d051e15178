"""The history of a model: what registry, ledger and lakehouse know about each of its versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.errors import ModelError
from boathouse.features.usage import read_endpoints
from boathouse.lifecycle.anchors import FileAnchor, choose_anchors
from boathouse.lifecycle.audit_options import FILE, REGISTRY
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.sync import compare_records
from boathouse.lifecycle.verification import find_registry
from boathouse.lineage.evaluation_metrics import Metric, find_edited, read_metrics, read_sealed_metrics
from boathouse.lineage.version_facts import read_version
from boathouse.namespaces import find_namespace, name_environment
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.environment import Environment
    from boathouse.features.feature_view import FeatureView
    from boathouse.features.usage import EndpointUse
    from boathouse.lifecycle.chain import AuditRecord, Break
    from boathouse.lifecycle.comparison import Difference
    from boathouse.lifecycle.policy import ApprovalOptions
    from boathouse.lifecycle.state import ModelState, ModelVersion
    from boathouse.lineage.facts import ModelVersionFacts
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True, kw_only=True)
class ModelVersionHistory:
    """One version, by registry and ledger; at least one of them has it.

    It joins ``ModelVersionFacts`` and ``ModelVersion``, and adds what neither has: the audit records of the version and
    the metrics of its evaluation.

    Attributes:
        version: Version as text.
        facts: What registry and run have; None for a version that only the ledger knows.
        state: What the ledger has; None for a version that only the registry knows.
        records: Its records, in order.
        metrics: Of the evaluation as it was recorded, in the order of their names.
        edited_metrics: Names of those that ``audit.evaluations`` has otherwise.
    """

    version: str
    facts: ModelVersionFacts | None
    state: ModelVersion | None
    records: tuple[AuditRecord, ...] = ()
    metrics: tuple[Metric, ...] = ()
    edited_metrics: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """Stage by the ledger, else by the registry's tag."""
        if self.state is not None:
            return self.state.stage
        return (self.facts.stage if self.facts else None) or "not recorded"

    @property
    def gates(self) -> tuple[Mapping[str, Any], ...]:
        """The gates of its newest check."""
        return self.state.check.gates if self.state and self.state.check else ()


@dataclass(frozen=True, kw_only=True)
class ModelHistory:
    """One registered model.

    Attributes:
        name: Registered name.
        at: When this was put together, UTC.
        state: Its state by the ledger.
        aliases: Version at each alias as the registry has it.
        versions: The newest first.
        deployments: Records of endpoints that serve it, in order.
        breaks: Where the chains of the trail do not hold, or their anchors contradict them.
        missing: Tables of the trail that are not there.
        rules: What has to be approved in its environment.
        serving: What endpoints serve of it now, by their newest record, else by conf.
        accepted: Tables of the trail that a person accepted though their anchors contradicted them: which, who, why.
        differences: Where the registry does not show what the ledger has.
    """

    name: str
    at: datetime
    state: ModelState
    aliases: Mapping[str, str]
    versions: tuple[ModelVersionHistory, ...]
    deployments: tuple[AuditRecord, ...]
    breaks: tuple[str, ...]
    missing: tuple[str, ...]
    rules: ApprovalOptions
    serving: tuple[EndpointUse, ...] = ()
    accepted: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def environment(self) -> str:
        """Environment that it belongs to."""
        return name_environment(self.name)

    def records(self) -> Iterator[AuditRecord]:
        """Give the records of all versions."""
        for each in self.versions:
            yield from each.records


def served_by(record: AuditRecord, model: str) -> list[str]:
    """Return which versions of ``model`` an endpoint's record puts into service, each as a number or an alias."""
    document = record.read_evidence().get("config") or {}
    follows = (document.get("boathouse") or {}).get("follow") or {}
    entities = (document.get("config") or document).get("served_entities") or []
    return [
        str(each.get("entity_version") or each.get("alias") or follows.get(each.get("name")) or "newest")
        for each in entities
        if each.get("entity_name") == model
    ]


@dataclass(frozen=True)
class Trail:
    """What an environment's audit tables say.

    Attributes:
        records: Records in order.
        breaks: Where a chain does not hold, as ``table: place and problem``.
        missing: Tables of the trail that are not there or hold no chain.
        accepted: Tables that a person accepted though their anchors contradicted them: which, who, why.
    """

    records: tuple[AuditRecord, ...]
    breaks: tuple[str, ...]
    missing: tuple[str, ...]
    accepted: tuple[str, ...] = ()

    def about(self, subject: str, version: str | None = None) -> list[AuditRecord]:
        """Return the records about a model, or about one version of it."""
        found = [each for each in self.records if each.subject == subject]
        return found if version is None else [each for each in found if each.version == version]


def read_trail(environment: Environment, *tables: str) -> Trail:
    """Return the trail of the audit tables named, ``promotions`` and ``deployments`` by default."""
    records: list[AuditRecord] = []
    breaks: list[str] = []
    missing: list[str] = []
    accepted: list[str] = []
    for name in tables or ("promotions", "deployments"):
        place = environment.table(f"audit.{name}")
        breaks += [f"{place.table}, {problem}" for problem in _compare_anchors(environment, place)]
        accepted += [
            f"{line['accepted_by']} accepted {place.table} with {line['sequence']} record(s): {line['comment']}"
            for line in FileAnchor.of(place).accepted()
        ]
        found = _read(place)
        if found is None:
            missing.append(place.table)
            continue
        records += found[0]
        breaks += [f"{place.table}, place {each.sequence}: {each.problem}" for each in found[1]]
    return Trail(
        tuple(sorted(records, key=lambda each: each.occurred_at)), tuple(breaks), tuple(missing), tuple(accepted)
    )


def _compare_anchors(environment: Environment, place: TableLocation) -> list[str]:
    """Return what the file and the registry keep of a table that is not there, in words."""
    models, uri = find_registry(environment)
    ledger = open_ledger(place, choose_anchors(place, (FILE, REGISTRY), models=models, uri=uri))
    return ledger.compare_anchors()[0]


def _read(place: TableLocation) -> tuple[list[AuditRecord], list[Break]] | None:
    """Return records and breaks, or None if there is no such table or it is no chain."""
    if not open_log(place).exists():
        return None
    ledger = open_ledger(place)
    try:
        return ledger.read(warn=False), ledger.verify()
    except (KeyError, ValueError):  # a table of decisions from before there was a chain
        return None


def read_model_history(
    name: str,
    environment: Environment,
    rules: ApprovalOptions,
    *,
    views: Sequence[FeatureView],
    at: datetime | None = None,
) -> ModelHistory:
    """Return the history of the model ``name``.

    Args:
        name: Registered name.
        environment: Where its tables are.
        rules: What has to be approved there.
        views: The declared feature views.
        at: When, UTC; now by default.

    Raises:
        ModelError: If neither registry nor ledger know the model, or the store cannot be reached.
    """
    environment = choose_own_environment(environment, name)
    registered, trail = ModelRegistry(name).read(), read_trail(environment)
    records = trail.about(name)
    state = project_events(records, name=name)
    numbers = sorted({*registered.versions, *state.versions}, key=int, reverse=True)
    if not numbers:
        raise ModelError.no_version(name, "version", ())
    evidence = read_trail(environment, "evidence")
    shown, sealed = read_metrics(environment, name), read_sealed_metrics(evidence.about(name))
    return ModelHistory(
        name=name,
        at=at or datetime.now(UTC),
        state=state,
        aliases=dict(registered.aliases),
        versions=tuple(
            ModelVersionHistory(
                version=number,
                facts=read_version(name, number, environment.lakehouse, views=views)
                if number in registered.versions
                else None,
                state=state.versions.get(number),
                records=tuple(each for each in records if each.version == number),
                metrics=sealed.get(number) or shown.get(number, ()),
                edited_metrics=find_edited(sealed.get(number, ()), shown.get(number, ())),
            )
            for number in numbers
        ),
        deployments=tuple(each for each in trail.records if served_by(each, name)),
        breaks=(*trail.breaks, *evidence.breaks),
        missing=trail.missing,
        accepted=(*trail.accepted, *evidence.accepted),
        rules=rules,
        serving=read_serving(name, environment.endpoints, trail.records),
        differences=tuple(compare_records(name, records, registered)),
    )


def read_serving(name: str, endpoints: Mapping[str, Any], records: Sequence[AuditRecord]) -> tuple[EndpointUse, ...]:
    """Return what endpoints serve of a model now.

    Args:
        name: The model.
        endpoints: Their documents in conf: in force where nothing was changed since.
        records: Records of the trail, in order.
    """
    documents = dict(endpoints)
    for record in records:
        if config := record.read_evidence().get("config"):
            documents[record.subject] = config
    return tuple(each for each in read_endpoints(documents) if each.model == name)


def choose_own_environment(environment: Environment, name: str) -> Environment:
    """Return the environment that the model belongs to, in the same lakehouse."""
    if environment.namespace.holds(name):
        return environment
    own = find_namespace(name)
    return replace(environment, name=own.environment, catalog=own.catalog, schema_prefix=own.schema_prefix)
